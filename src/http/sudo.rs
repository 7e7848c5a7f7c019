//! Sensitive steps ask for a fresh sign-in: `/account/confirm`, and the gate in front of every page that needs one.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::browser::Browser;
use super::error::Error;
use super::fields::Query;
use super::finish::{see_other, wait_for_factor};
use super::login::{Typed, known_methods, methods};
use super::page::{ConfirmPage, Href, Page};
use super::site::{Running, Site};
use crate::account::Need;
use crate::app::Closed;
use crate::domain::id::UserId;
use crate::domain::proof::Proof;
use crate::domain::user::User;
use crate::login::Attempt;
use crate::store::live::Live;

/// The method name of an attempt that remembers where a fresh sign-in leads.
const CONFIRM: &str = "confirm";
/// How long a person may take for it.
const PATIENCE: Duration = Duration::minutes(15);

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route("/account/confirm", get(page))
}

/// Why a page of the account is not shown.
#[derive(Debug)]
pub enum Stop {
    /// A failure.
    Failed(Error),
    /// Something has to be done elsewhere first.
    Elsewhere(Box<Response>),
}

impl Stop {
    fn elsewhere(browser: &Browser, to: &str) -> Self {
        Self::Elsewhere(Box::new(browser.clone().answer(see_other(to))))
    }
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        match self {
            Self::Failed(error) => error.into_response(),
            Self::Elsewhere(response) => *response,
        }
    }
}

/// Who is signed in here; anybody else is led to the login page, or to the one page that an account has which leads nowhere for
/// now.
pub async fn signed_in(site: &Site, browser: &Browser) -> Result<Arc<Live>, Stop> {
    match browser.visitor().await? {
        None => Err(Stop::elsewhere(browser, &site.path("/login"))),
        Some(live) if site.app.closed(&live.user).is_some() => {
            Err(Stop::elsewhere(browser, &site.path(gate(site, &live.user))))
        }
        Some(live) => Ok(live),
    }
}

/// The page of the account for this user: the one that opens an account which leads nowhere for now, else the overview.
pub fn gate(site: &Site, user: &User) -> &'static str {
    match site.app.closed(user) {
        Some(Closed::Unverified) => "/account/verify",
        Some(Closed::Leaving) => "/account/keep",
        None => "/account",
    }
}

/// Who has signed in here within `session.sudo_window`; anybody else is asked for it, and led to `back` then. Activity does not
/// prolong the window.
pub async fn fresh(site: &Site, browser: &Browser, back: &str) -> Result<Arc<Live>, Stop> {
    let live = signed_in(site, browser).await?;
    if !live.is_fresh(site.app.settings.session.sudo_window, site.app.now()) {
        return Err(Stop::elsewhere(browser, &format!("{}?to={back}", site.path("/account/confirm"))));
    }
    Ok(live)
}

/// As [`fresh`], and proven by more than one factor, where there is another: what protects an account is not taken away by
/// somebody who has only the half of it.
pub async fn with_factor(site: &Site, browser: &mut Browser, back: &str) -> Result<Arc<Live>, Stop> {
    let live = fresh(site, browser, back).await?;
    if live.is_multi_factor() || !site.app.accounts.factors(&live.user).await?.any() {
        return Ok(live);
    }
    remember(site, browser, live.user.id, back);
    let proof = Proof { method: live.method.clone(), amr: live.amr.clone() };
    let to = wait_for_factor(site, browser, live.user.id, proof, None, Need::Factor).await?;
    Err(Stop::elsewhere(browser, &to))
}

/// Keeps in the browser where a fresh sign-in leads.
fn remember(site: &Site, browser: &mut Browser, user: UserId, to: &str) {
    if let Some((old, _)) = waiting(browser) {
        browser.drop_attempt(&old);
    }
    let wish = serde_json::to_value(Wish { user, to: to.to_owned() }).expect("plain JSON");
    browser.keep(&site.app.door.begin(CONFIRM, None, PATIENCE, wish), false);
}

/// Who signs in afresh, and for which page.
#[derive(Debug, Serialize, Deserialize)]
struct Wish {
    user: UserId,
    to: String,
}

#[derive(Deserialize)]
struct To {
    to: Option<String>,
}

/// Every way in that the account has; whoever uses one comes back with a new session.
async fn page(site: Site, mut browser: Browser, Query(to): Query<To>) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let to = to.to.filter(|to| is_own(to)).unwrap_or_else(|| "/account".to_owned());
    if live.is_fresh(site.app.settings.session.sudo_window, site.app.now()) {
        return Ok(browser.answer(see_other(&site.path(&to))));
    }
    remember(&site, &mut browser, live.user.id, &to);
    let known = known_methods(&site, live.user.id).await?;
    let email = live.user.email.as_ref().map(|address| address.email.to_string());
    let typed = Typed { email: email.unwrap_or_default(), ..Typed::default() };
    let page = ConfirmPage {
        shell: Arc::clone(&site.shell),
        name: live.user.shown_name(),
        methods: methods(&site, &browser, None, typed, Some(&known)),
        back: Href::from(site.path("/account")),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

/// A page of the account or for administrators, and nothing else.
fn is_own(path: &str) -> bool {
    let rest = path
        .strip_prefix("/account")
        .or_else(|| path.strip_prefix("/admin"))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    rest.is_some_and(|rest| {
        !rest.contains("//") && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'/')
    })
}

fn waiting(browser: &Browser) -> Option<(Attempt, Wish)> {
    let attempt = browser.attempts().into_iter().find(|attempt| attempt.method == CONFIRM)?;
    let wish = serde_json::from_value(attempt.memory.clone()).ok()?;
    Some((attempt, wish))
}

/// Whether somebody here is about to sign in afresh.
pub fn is_waiting(browser: &Browser) -> bool {
    waiting(browser).is_some()
}

/// The page this user wanted to reach by signing in afresh, once.
pub async fn confirmed(site: &Site, browser: &mut Browser, user: UserId) -> Result<Option<String>, Error> {
    let Some((attempt, wish)) = waiting(browser) else { return Ok(None) };
    browser.drop_attempt(&attempt);
    let is_first = site.app.door.spend(&attempt).await?;
    Ok((is_first && wish.user == user).then_some(wish.to))
}
