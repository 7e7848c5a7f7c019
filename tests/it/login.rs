//! Ways in and out, through the real router, as browsers and strangers take them.

mod by_program;
mod enrol;
mod factor_page;
mod federated;
mod hostile;
mod linking;
mod mail;
mod mail_hostile;
mod out;
mod passkey;
mod passkey_hostile;
mod password;
mod password_limits;
mod recovery;
mod second_factor;
mod setup;
mod telling;

use std::future::IntoFuture as _;

use time::Duration;

use super::stage::phone::{recovery_codes, text_of};
use super::stage::request::query_of;
use super::stage::{Authenticator, Browser, Phone, Reply, Stage};
use crate::domain::audit::By;
use crate::domain::email::Email;
use crate::domain::user::{User, Username};
use crate::store::people::Wanted;
use crate::store::users::NewUser;

pub const SECRET: &str = "correct battery horse";

/// Somebody with a password: `ada@example.org`, called `ada`.
pub async fn with_password(stage: &Stage, name: &str) -> User {
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

/// Somebody with a password who is signed in.
async fn signed_in(stage: &Stage, name: &str) -> (Browser, User) {
    let user = with_password(stage, name).await;
    let mut browser = stage.browser();
    assert_eq!(types(&mut browser, name, SECRET).await, 303);
    (browser, user)
}

/// Sets up an app on the page of the account; returns it with the recovery codes that came.
async fn sets_up_app(stage: &Stage, browser: &mut Browser) -> (Phone, Vec<String>) {
    browser.open("/account/security/totp").await;
    let phone = Phone::typed(text_of(browser.body(), "totp-key"));
    browser.fill_in("#code", &phone.code(stage.now())).press("#totp-submit").await;
    assert_eq!(browser.status(), 200, "{}", browser.body());
    (phone, recovery_codes(browser.body()))
}

/// Somebody with a password and an app, signed in nowhere; the step of the app that was used is over.
pub async fn with_app(stage: &Stage, name: &str) -> (User, Phone, Vec<String>) {
    let (mut browser, user) = signed_in(stage, name).await;
    let (phone, codes) = sets_up_app(stage, &mut browser).await;
    stage.wait(Duration::minutes(1));
    (user, phone, codes)
}

/// Types a password that is right, and stands before the second step.
async fn half_way(stage: &Stage, name: &str) -> Browser {
    let mut browser = stage.browser();
    assert_eq!(types(&mut browser, name, SECRET).await, 303);
    assert_eq!(browser.last.location(), "/login/second-factor");
    browser.open("/login/second-factor").await;
    browser
}

/// Asks for a challenge at the path, with the form of this button; what the script is told.
async fn challenge(browser: &mut Browser, path: &str, button: &str) -> serde_json::Value {
    let csrf = csrf(browser, button);
    let page = browser.last.clone();
    browser.post(path, &[("csrf", &csrf)]).await;
    let told = browser.last.json();
    browser.last = page;
    told
}

/// Sends an answer of an authenticator with the form of this button; stays with the first answer.
async fn answers(
    browser: &mut Browser,
    path: &str,
    button: &str,
    attempt: &str,
    credential: &serde_json::Value,
) -> u16 {
    let csrf = csrf(browser, button);
    let fields = [("csrf", csrf.as_str()), ("attempt", attempt), ("credential", &credential.to_string())];
    browser.post(path, &fields).await.status()
}

/// Makes a passkey on the page of the account; stays with the first answer.
async fn makes_passkey(browser: &mut Browser, key: &mut Authenticator) -> u16 {
    browser.open("/account/security/passkeys/new").await;
    let told = challenge(browser, "/account/security/passkeys/options", "#new-passkey-submit").await;
    let made = key.create(&told["options"]);
    let attempt = told["attempt"].as_str().unwrap();
    answers(browser, "/account/security/passkeys", "#new-passkey-submit", attempt, &made).await
}

/// Signs in with a passkey; stays with the first answer.
async fn uses_passkey(browser: &mut Browser, key: &mut Authenticator) -> u16 {
    browser.open("/login").await;
    let told = challenge(browser, "/login/passkey/options", "#passkey-submit").await;
    let said = key.get(&told["options"]);
    answers(browser, "/login/passkey", "#passkey-submit", told["attempt"].as_str().unwrap(), &said).await
}

/// How often the event is written down.
async fn events(stage: &Stage, name: &str) -> usize {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::audit_event::{Column, Entity};
    let all = Entity::find().filter(Column::Event.eq(name)).all(stage.app.store().read()).await.unwrap();
    all.len()
}
