//! The list of stolen passwords: five digits leave the house, and nobody waits for it or is kept out by it.

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::get;

use crate::domain::password::{About, Problem};
use crate::it::stage::Stage;

const WISH: &str = "correct battery horse";
const KEYS: &str = "[login.password]\nbreach_check = \"hibp\"\nbreach_url = \"https://stolen.example/range/\"\n";

async fn problems(stage: &Stage) -> Vec<Problem> {
    stage.app.judge_password(WISH, true, About::default()).await.unwrap().problems
}

/// A list that knows this line beside padding.
fn list(stage: &Stage, line: impl Fn(&str) -> String + Clone + Send + Sync + 'static) {
    let answer = move |Path(prefix): Path<String>, headers: HeaderMap| {
        assert_eq!(headers["add-padding"], "true");
        assert!(prefix.len() == 5 && prefix.bytes().all(|b| b.is_ascii_hexdigit()), "{prefix}");
        let line = line(&prefix);
        async move { format!("0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n{line}\r\nFFFA45C4D1DEF81644B54AB7F969B88D650:3") }
    };
    stage.internet.host("stolen.example", Router::new().route("/range/{prefix}", get(answer)));
}

fn suffix() -> String {
    crate::keys::sha1_hex(WISH.as_bytes())[5..].to_owned()
}

#[tokio::test]
async fn a_stolen_one_is_refused_and_only_five_digits_are_told() {
    let stage = Stage::with(KEYS).await;
    list(&stage, |_| format!("{}:37", suffix().to_lowercase()));

    assert_eq!(problems(&stage).await, [Problem::Stolen]);

    let prefix = &crate::keys::sha1_hex(WISH.as_bytes())[..5];
    assert_eq!(stage.internet.seen(), [format!("GET https://stolen.example/range/{prefix}")]);
}

#[tokio::test]
async fn padding_and_other_lines_are_nobodys() {
    let stage = Stage::with(KEYS).await;
    list(&stage, |_| format!("{}:0\r\nnonsense\r\n:\r\n{}", suffix(), suffix()));

    assert_eq!(problems(&stage).await, []);
}

#[tokio::test]
async fn without_an_answer_nobody_is_kept_out() {
    let stage = Stage::with(KEYS).await;
    assert_eq!(problems(&stage).await, [], "nobody is there");

    let broken = Router::new().fallback(async || (axum::http::StatusCode::BAD_GATEWAY, suffix() + ":9"));
    stage.internet.host("stolen.example", broken);
    assert_eq!(problems(&stage).await, []);

    let endless = Router::new().fallback(async || (suffix() + ":9\n").repeat(10_000));
    stage.internet.host("stolen.example", endless);
    assert_eq!(problems(&stage).await, [], "more than is read");
}

#[tokio::test]
async fn switched_off_nobody_is_asked() {
    let stage = Stage::open().await;
    list(&stage, |_| format!("{}:37", suffix()));

    assert_eq!(problems(&stage).await, []);
    assert_eq!(stage.internet.seen(), [""; 0]);
}

#[tokio::test]
async fn a_bad_wish_is_not_worth_the_question() {
    let stage = Stage::with(KEYS).await;
    list(&stage, |_| format!("{}:37", suffix()));

    let found = stage.app.judge_password("short", true, About::default()).await.unwrap();

    assert!(!found.is_good());
    assert_eq!(stage.internet.seen(), [""; 0]);
}
