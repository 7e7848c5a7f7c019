//! Ways in and out, through the real router, as browsers and strangers take them.

mod federated;
mod hostile;
mod linking;
mod mail;
mod mail_hostile;
mod out;
mod password;
mod password_limits;
mod setup;
mod telling;

use std::future::IntoFuture as _;

use super::stage::request::query_of;
use super::stage::{Browser, Reply, Stage};
use crate::domain::audit::By;
use crate::domain::email::Email;
use crate::domain::user::{User, Username};
use crate::store::people::Wanted;
use crate::store::users::NewUser;

const SECRET: &str = "correct battery horse";

/// Somebody with a password: `ada@example.org`, called `ada`.
async fn with_password(stage: &Stage, name: &str) -> User {
    let email: Email = format!("{name}@example.org").parse().unwrap();
    let new = NewUser { username: Username::new(name), email: Some((email, true)), ..NewUser::default() };
    stage.app.accounts.add(new, Some(SECRET), &By::command()).await.unwrap()
}

/// Types it into the login page; stays with the first answer.
async fn types(browser: &mut Browser, name: &str, password: &str) -> u16 {
    browser.open("/login").await.fill_in("#email", name).fill_in("#password", password);
    browser.press_only("#password-submit").await.status()
}

/// What the form with this button proves itself with.
fn csrf(browser: &Browser, button: &str) -> String {
    browser.fields(button).into_iter().find(|(name, _)| name == "csrf").unwrap().1
}

/// Signs out, `here` or `everywhere`; stays with the first answer.
async fn leaves(browser: &mut Browser, scope: &str) {
    browser.open("/logout").await;
    let form = csrf(browser, "#logout-confirm");
    browser.post("/logout", &[("csrf", &form), ("scope", scope)]).await;
}

/// The way back of somebody who said yes at an upstream of any kind.
fn yes(browser: &Browser) -> String {
    let nonce = query_of(&browser.at, "nonce").unwrap_or_else(|| "code".into());
    answer(browser, &[("code", &nonce)])
}

/// The way back with this answer, and the right state.
fn answer(browser: &Browser, pairs: &[(&str, &str)]) -> String {
    let of = |name| query_of(&browser.at, name).unwrap_or_else(|| panic!("not at an upstream: {}", browser.at));
    let redirect = url::Url::parse(&of("redirect_uri")).unwrap();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs).append_pair("state", &of("state"));
    format!("{}?{}", redirect.path(), query.finish())
}

async fn users(stage: &Stage) -> usize {
    stage.app.store().people(&Wanted::default(), None, 1000).await.unwrap().people.len()
}

/// Sends all at once; returns what came back.
async fn at_once(asks: Vec<super::stage::Ask>) -> Vec<Reply> {
    let asks: Vec<_> = asks.into_iter().map(|ask| tokio::spawn(ask.into_future())).collect();
    let mut replies = Vec::new();
    for ask in asks {
        replies.push(ask.await.unwrap());
    }
    replies
}

/// How many answers begin a session.
fn sessions_in(replies: &[Reply]) -> usize {
    let begins = |reply: &&Reply| {
        reply.headers.get_all("set-cookie").iter().any(|line| line.to_str().unwrap().contains("__Host-countersign="))
    };
    replies.iter().filter(begins).count()
}

/// A second upstream like the first.
const OTHER: &str = r#"
[providers.other]
kind = "oidc"
name = "Other"
issuer = "https://other.test"
client_id = "client"
client_secret = { env = "OTHER_SECRET" }
"#;

/// A stage with two upstreams; at the second one, `subject` signs in with Ada's address.
async fn with_other(keys: &str) -> (Stage, super::stage::Upstream) {
    let stage = Stage::with(&format!("{OTHER}{keys}")).await;
    let other = super::stage::Upstream::open(&stage.internet, "other.test", stage.now());
    other.script().claims["sub"] = "ada-at-other".into();
    (stage, other)
}
