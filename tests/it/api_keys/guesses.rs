//! Whoever tries keys waits, and writes nothing.

use time::Duration;

use super::of_ada;
use crate::app::guesses::Guesses;
use crate::config::{Rate, Span};
use crate::domain::api_key::{ApiKey, Tag};
use crate::it::stage::Stage;
use crate::keys::random;

const TIGHT: &str = "[rate_limit]\napi_key = { limit = 60, per = \"1m\", burst = 3 }";

async fn try_key(stage: &Stage, key: &str, ip: &str) -> u16 {
    stage.get("/auth/authorize?service=wiki").bearer(key).from(ip).await.status
}

#[tokio::test]
async fn whoever_guesses_keys_has_to_wait_and_nobody_else() {
    let stage = Stage::with(TIGHT).await;
    let (_, good) = of_ada(&stage, &["authorize"]).await;
    let wrong = ApiKey::of_random(Tag::Key, &random()).reveal().to_owned();

    for _ in 0..3 {
        assert_eq!(try_key(&stage, &wrong, "192.0.2.1").await, 401);
    }
    let reply = stage.get("/auth/authorize?service=wiki").bearer(&wrong).await;
    assert_eq!(
        (reply.status, reply.problem().as_str(), reply.header("retry-after")),
        (429, "too-many-requests", Some("1"))
    );
    assert_eq!(try_key(&stage, &good, "192.0.2.1").await, 429, "a guesser is not told which was right");
    assert_eq!(try_key(&stage, &good, "192.0.2.2").await, 200);
    stage.wait(Duration::SECOND);
    assert_eq!(try_key(&stage, &good, "192.0.2.1").await, 200);
    for _ in 0..20 {
        assert_eq!(try_key(&stage, &good, "192.0.2.1").await, 200, "good keys are not counted");
    }
}

#[tokio::test]
async fn a_guess_writes_nothing() {
    let stage = Stage::open().await;
    let count = async || {
        use sea_orm::EntityTrait as _;
        let db = stage.app.store().read();
        let limits = crate::store::entity::rate_limit::Entity::find().all(db).await.unwrap().len();
        limits + crate::store::entity::audit_event::Entity::find().all(db).await.unwrap().len()
    };
    let before = count().await;

    for _ in 0..20 {
        try_key(&stage, ApiKey::of_random(Tag::Key, &random()).reveal(), "192.0.2.1").await;
        try_key(&stage, "cs_x", "192.0.2.1").await;
    }

    assert_eq!(count().await, before);
}

#[test]
fn guesses_are_counted_by_client_and_bounded() {
    let guesses = Guesses::default();
    let rate = Rate { limit: 60, per: Span(Duration::MINUTE), burst: 2 };
    let client = |n: u32| Some(std::net::IpAddr::V4(n.into()));

    assert!(guesses.take(client(1), rate, 100).is_ok() && guesses.take(client(1), rate, 100).is_ok());
    assert!(guesses.take(client(1), rate, 100).is_err());
    assert!(guesses.take(client(2), rate, 100).is_ok());
    guesses.give_back(client(1), rate);
    assert!(guesses.take(client(1), rate, 100).is_ok());
    assert!(guesses.take(client(1), rate, 100).is_err());
    assert!(guesses.take(client(1), rate, 101).is_ok());
    for n in 0..30_000 {
        let _ = guesses.take(client(n), rate, 200);
    }
    assert!(guesses.take(None, rate, 200).is_ok());
}
