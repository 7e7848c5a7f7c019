//! Each deed leaves exactly its events (LG-03).

use std::future::IntoFuture as _;

use serde_json::json;
use time::Duration;

use crate::app::Minted;
use crate::domain::audit::By;
use crate::it::login::{SECRET, with_password};
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{Browser, House, Stage, set_roles};
use crate::store::audit::search::{Filter, Recorded};

async fn all(house: &House) -> Vec<Recorded> {
    let mut events = house.app.store().audit(&Filter::default(), None, 1_000).await.unwrap().events;
    events.reverse();
    events
}

/// The events that the deed leaves, in their order.
async fn of<T>(house: &House, deed: impl Future<Output = T>) -> (T, Vec<Recorded>) {
    let before: Vec<_> = all(house).await.into_iter().map(|event| event.id).collect();
    let done = deed.await;
    let left = all(house).await.into_iter().filter(|event| !before.contains(&event.id)).collect();
    (done, left)
}

/// Their names alone; each says who, when and with which request.
async fn names<T>(house: &House, deed: impl Future<Output = T>) -> Vec<String> {
    let left = of(house, deed).await.1;
    for event in &left {
        assert_eq!(event.time.unix_timestamp(), house.app.store().now());
        let by_request = event.reference.is_some() && event.ip.is_some();
        assert!(by_request || ["command", "system"].contains(&event.actor_kind.as_str()), "{event:?}");
    }
    left.into_iter().map(|event| event.event).collect()
}

async fn types(browser: &mut Browser, name: &str, password: &str) {
    browser.open("/login").await;
    browser.fill_in("#email", name).fill_in("#password", password).press("#password-submit").await;
}

/// The upstream's clock goes, too.
fn an_hour_later(stage: &Stage) {
    stage.wait(Duration::HOUR);
    let mut script = stage.upstream.script();
    script.claims["iat"] = stage.now().into();
    script.claims["exp"] = (stage.now() + 300).into();
}

#[tokio::test]
async fn of_signing_in_and_out_with_a_provider() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();

    assert_eq!(names(&stage, ada.sign_in()).await, ["user.created", "user.login"]);
    assert_eq!(names(&stage, ada.open("/account")).await, [""; 0]);
    let out = async {
        ada.open("/logout").await.press("#logout-confirm").await;
    };
    assert_eq!(names(&stage, out).await, ["user.logout"]);
    an_hour_later(&stage);
    assert_eq!(names(&stage, ada.sign_in()).await, ["user.login"]);
    an_hour_later(&stage);
    let (_, left) = of(&stage, stage.browser().sign_in()).await;
    let names: Vec<_> = left.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["user.login", "security.new_device"]);
    let id = stage.user("ada@example.org").await.id.to_string();
    assert!(left.iter().all(|event| event.target.as_ref() == Some(&id) && event.actor_id.as_ref() == Some(&id)));
    assert_eq!(left[0].details, json!({ "amr": ["fed"] }));
}

#[tokio::test]
async fn of_signing_in_with_a_password_and_failing_to() {
    let stage = Stage::open().await;
    let ada = with_password(&stage, "ada").await;
    stage.wait(Duration::HOUR);

    let ((), left) = of(&stage, types(&mut stage.browser(), "ada@example.org", "wrong")).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((left[0].event.as_str(), left[0].actor_kind.as_str()), ("user.login_failed", "anonymous"));
    assert_eq!((left[0].target.clone(), left[0].provider.as_deref()), (Some(ada.id.to_string()), Some("password")));
    assert!(!format!("{left:?}").contains("wrong"));
    assert_eq!(names(&stage, types(&mut stage.browser(), "nobody@example.org", "wrong")).await, ["user.login_failed"]);
    let mut browser = stage.browser();
    assert_eq!(
        names(&stage, types(&mut browser, "ada@example.org", SECRET)).await,
        ["user.login", "security.new_device"]
    );
}

#[tokio::test]
async fn of_a_provider_that_refuses_or_is_not_believed() {
    let stage = Stage::open().await;
    let mut browser = stage.browser();
    browser.open("/login").await.press("#idp-sso").await;
    let way = browser.way_back();
    let proof_of_browser = way.split("state=").nth(1).unwrap().to_owned();

    let thief = browser.clone();
    let (_, left) =
        of(&stage, browser.open(&format!("/login/sso/callback?error=access_denied&state={proof_of_browser}"))).await;
    assert_eq!((left.len(), left[0].event.as_str()), (1, "user.login_failed"), "{left:?}");
    assert_eq!(
        (&left[0].details, left[0].provider.as_deref()),
        (&json!({ "reason": "provider-refused" }), Some("sso"))
    );
    let (_, left) = of(&stage, thief.clone().open(&way)).await;
    assert_eq!((left.len(), &left[0].details), (1, &json!({ "reason": "replayed" })), "{left:?}");
}

#[tokio::test]
async fn of_somebody_who_may_not_come_in() {
    let stage = Stage::open().await;
    stage.browser().sign_in().await;
    let ada = stage.user("ada@example.org").await;
    let lock = async |locked| stage.set_locked(ada.id, locked).await;

    assert_eq!(names(&stage, lock(true)).await, ["user.locked"]);
    assert_eq!(names(&stage, lock(true)).await, [""; 0], "it was so already");
    let (_, left) = of(&stage, stage.browser().sign_in()).await;
    assert_eq!((left.len(), &left[0].details), (1, &json!({ "reason": "locked" })), "{left:?}");
    assert_eq!(left[0].target, Some(ada.id.to_string()));
    assert_eq!(names(&stage, lock(false)).await, ["user.unlocked"]);
}

#[tokio::test]
async fn of_sessions_that_end_elsewhere() {
    let stage = Stage::open().await;
    let (mut here, mut there) = (stage.browser(), stage.browser());
    here.sign_in().await;
    there.sign_in().await;
    let ada = stage.user("ada@example.org").await;

    let end = async || stage.app.accounts.sign_out_everywhere(&ada, None, &By::command()).await.unwrap();
    assert_eq!(names(&stage, end()).await, ["session.revoked"]);
    assert_eq!(names(&stage, end()).await, [""; 0]);
}

#[tokio::test]
async fn of_service_tokens_only_where_the_file_says_so() {
    for (keys, expected) in [("", &[][..]), ("[audit]\ntokens = true", &["token.issued"][..])] {
        let stage = Stage::with(keys).await;
        let token = stage.browser().login_token().await;
        let asks = stage.get("/auth/authorize?service=wiki").bearer(&token);
        assert_eq!(names(&stage, asks.into_future()).await, expected);
    }
}

#[tokio::test]
async fn of_a_service_that_asks_for_somebody_who_may_not_use_it() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    let asks = || stage.get("/auth/authorize?service=admins").bearer(&token).into_future();

    let (reply, left) = of(&stage, asks()).await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        (left.len(), left[0].event.as_str(), left[0].service.as_deref()),
        (1, "permission.denied", Some("admins"))
    );
    assert_eq!(names(&stage, asks()).await, [""; 0], "the same within a minute");
    stage.wait(Duration::MINUTE);
    assert_eq!(names(&stage, asks()).await, ["permission.denied"]);
    set_roles(stage.app.store(), stage.user("ada@example.org").await.id, &["admin"]).await;
    stage.wait(Duration::MINUTE);
    assert_eq!(names(&stage, asks()).await, [""; 0]);
}

#[tokio::test]
async fn of_a_one_time_code_that_comes_a_second_time() {
    let stage = Stage::with("extensions.told = { kind = \"log\", events = [\"user.logout\"] }").await;
    let at = stage.browser().sign_in_to("https://shop.example/back").await;
    let code = crate::it::stage::request::query_of(&at, "code").unwrap();
    let redeems = || stage.post("/auth/token").basic("shop", SHOP_SECRET).form(&[("code", &code)]).into_future();

    assert_eq!(names(&stage, redeems()).await, [""; 0]);
    let (_, left) = of(&stage, redeems()).await;
    assert_eq!((left.len(), left[0].event.as_str()), (1, "token.reuse_detected"), "{left:?}");
    assert_eq!((left[0].actor_kind.as_str(), left[0].actor_id.as_deref()), ("service", Some("shop")));
    let lane = crate::store::outbox::Lane::Tellings;
    let told = crate::store::outbox::claim(stage.app.store().write(), lane, stage.app.now(), 10, Duration::MINUTE);
    assert_eq!(told.await.unwrap().len(), 1, "the service hears of the logout");
}

#[tokio::test]
async fn of_links_that_make_administrators() {
    let stage = Stage::open().await;
    assert_eq!(names(&stage, stage.app.note_admin_link(&By::command())).await, ["admin.link_created"]);
    let link = stage.app.admin_link(Minted::ByCommand);
    let mut browser = stage.browser();
    browser.open(&link).await;
    browser.fill_in("#email", "root@example.org").fill_in("#name", "Root").fill_in("#password", SECRET);

    let made = names(&stage, browser.press_only("#setup-submit")).await;
    assert_eq!(made, ["user.created", "admin.link_used", "user.login"]);
}

#[tokio::test]
async fn of_files_that_are_read_again() {
    let stage = Stage::open().await;
    let restart = ["server.issuer".to_owned()];
    let (_, left) = of(&stage, stage.app.note_reload(true, &restart)).await;
    assert_eq!((left[0].event.as_str(), &left[0].details), ("config.reloaded", &json!({ "needs_restart": restart })));
    assert_eq!(names(&stage, stage.app.note_reload(false, &[])).await, ["config.rejected"]);
}

#[tokio::test]
async fn of_keys_once_however_many_processes_look() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let rotate = async || {
        for house in [&*stage, &twin, &*stage] {
            crate::jobs::rotate(&house.app).await.unwrap();
        }
    };
    assert_eq!(names(&stage, rotate()).await, [""; 0]);

    // The next keys are published ahead, then they sign and the first ones do no longer.
    let policy = stage.app.key_policy();
    stage.wait(policy.rotation_interval - policy.publish_before);
    assert_eq!(names(&stage, rotate()).await, ["key.generated"; 3]);
    stage.wait(policy.publish_before);
    let mut left = names(&stage, rotate()).await;
    left.sort();
    assert_eq!(left[..3], ["key.activated"; 3]);
    assert_eq!(left[3..], ["key.retired"; 3]);
}
