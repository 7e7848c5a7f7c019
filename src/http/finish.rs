//! The end of every way to sign in: a session, a pending link carried out, and the way back.

use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::account::LEFT;
use super::browser::Browser;
use super::error::{Code, Error};
use super::known;
use super::no_access;
use super::reset;
use super::site::Site;
use super::sudo;
use crate::account::{AccountError, Need};
use crate::app::{App, Claimant};
use crate::domain::audit::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::Identity;
use crate::domain::proof::Proof;
use crate::domain::service::Delivery;
use crate::domain::user::User;
use crate::extension::decide::{Stopped, Why};
use crate::keys::TokenError;
use crate::login::{Attempt, Next};
use crate::store::StoreError;
use crate::store::sessions::SignedIn;

/// The method name of an attempt that waits for a proof before two accounts are linked.
pub const LINK: &str = "link";
/// The method name of an attempt that waits for a second factor.
pub const SECOND_FACTOR: &str = "second-factor";
/// The method name of an attempt that waits for a second factor to be set up.
pub const ENROL: &str = "enrol";
/// How long a person may take between the factors.
const FACTOR_PATIENCE: Duration = Duration::minutes(10);
/// How long a person may take to sign in with the method they already have.
const LINK_PATIENCE: Duration = Duration::minutes(15);
/// Most bytes of groups that wait in a cookie.
const LONGEST_GROUPS: usize = 500;
/// For how long the browser remembers which method was used last.
const LAST_METHOD: Duration = Duration::days(180);

/// An identity that waits for its user to sign in another way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// Whose address it has.
    pub user: UserId,
    /// What is linked then.
    pub identity: Identity,
    /// What to call its provider.
    pub provider: String,
}

/// Keeps the identity in the browser until its user has signed in another way.
pub fn wait_for_proof(site: &Site, browser: &mut Browser, waiting: &Waiting, next: Option<Next>) {
    let mut memory = serde_json::to_value(waiting).expect("plain JSON");
    let wanted = site.app.settings.assign.wanted();
    let claims = waiting.identity.claims.as_ref().map(|claims| wanted.of(claims, LONGEST_GROUPS));
    memory["identity"]["claims"] = serde_json::json!(claims);
    if memory["identity"]["groups"].to_string().len() > LONGEST_GROUPS {
        // A cookie has no room for them; the next sign-in brings them again.
        memory["identity"]["groups"] = serde_json::json!([]);
        memory["identity"]["claims"] = serde_json::Value::Null;
    }
    if memory["identity"]["claims"].to_string().len() > LONGEST_GROUPS {
        memory["identity"]["claims"] = serde_json::Value::Null;
    }
    let attempt = site.app.door.begin(LINK, next, LINK_PATIENCE, memory);
    browser.keep(&attempt, false);
}

/// The identity that waits in this browser, and the attempt that carries it.
pub fn waiting(browser: &Browser) -> Option<(Attempt, Waiting)> {
    let attempt = browser.attempts().into_iter().find(|attempt| attempt.method == LINK)?;
    let waiting = serde_json::from_value(attempt.memory.clone()).ok()?;
    Some((attempt, waiting))
}

/// Somebody who proved a first factor and still lacks another; carried by their browser, a session for nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Who it is, as far as the first factor says.
    pub user: UserId,
    /// What is proven so far.
    pub proof: Proof,
    /// What the account was like then ([`crate::account::Accounts::stamp`]): with another password, other factors or a lock the
    /// step is over.
    pub stamp: String,
}

/// The sign-in that waits for another factor in this browser, and the attempt that carries it; the newest if there are several.
pub fn pending(browser: &Browser) -> Option<(Attempt, Pending)> {
    let waits = |attempt: &Attempt| attempt.method == SECOND_FACTOR || attempt.method == ENROL;
    let attempt = browser.attempts().into_iter().find(waits)?;
    let pending = serde_json::from_value(attempt.memory.clone()).ok()?;
    Some((attempt, pending))
}

/// The end of every first factor: a session and the way on, or the step that asks for what is lacking.
pub async fn finish(
    site: &Site,
    mut browser: Browser,
    user: &User,
    proof: Proof,
    next: Option<Next>,
) -> Result<Response, Error> {
    let by = browser.by(Actor::User(user.id));
    let promoted = site.app.accounts.promoted(user, &site.app.settings.admin.emails, &by).await?;
    let user = promoted.as_ref().unwrap_or(user);
    let strict = no_access::as_strict(site, &Claimant::of_proof(user, &proof, site.app.now()), next.as_ref()).await?;
    let service = strict.as_ref().or_else(|| next.as_ref().and_then(|next| site.app.service(&next.service)));
    match site.app.accounts.need(user, &proof, service).await? {
        Need::Nothing => complete(site, browser, user, proof, next).await,
        lacking => {
            let to = wait_for_factor(site, &mut browser, user.id, proof, next, lacking).await?;
            Ok(browser.answer(see_other(&to)))
        }
    }
}

/// Keeps the unfinished sign-in in the browser; the path of the step that asks for what is lacking.
pub async fn wait_for_factor(
    site: &Site,
    browser: &mut Browser,
    user: UserId,
    proof: Proof,
    next: Option<Next>,
    lacking: Need,
) -> Result<String, Error> {
    let method = if lacking == Need::Enrol { ENROL } else { SECOND_FACTOR };
    let stamp = site.app.accounts.stamp(user).await?;
    let memory = serde_json::to_value(Pending { user, proof, stamp }).expect("plain JSON");
    if let Some((old, _)) = pending(browser) {
        browser.drop_attempt(&old);
    }
    let attempt = site.app.door.begin(method, next, FACTOR_PATIENCE, memory);
    browser.keep(&attempt, false);
    Ok(site.path(&format!("/login/{method}")))
}

/// Signs the user in here, who has proven everything that is asked for, and sends them on.
#[expect(clippy::cognitive_complexity, reason = "one step after the other")]
pub async fn complete(
    site: &Site,
    mut browser: Browser,
    user: &User,
    proof: Proof,
    next: Option<Next>,
) -> Result<Response, Error> {
    if proof.method == reset::METHOD {
        return reset::proven(site, browser, user, &proof).await;
    }
    let by = browser.by(Actor::User(user.id));
    let service = next.as_ref().map(|next| next.service.as_str());
    site.app.accounts.may_complete(user, &proof.method, service, &by).await?;
    let connected = link_waiting(site, &mut browser, user).await?;
    let confirmed = sudo::confirmed(site, &mut browser, user.id).await?;
    let barred = no_access::bars(site, &Claimant::of_proof(user, &proof, site.app.now()), next.as_ref()).await?;
    site.app.accounts.signed_in(user, &proof, service, &by).await?;
    let session = SessionId::new();
    let signed_in = SignedIn {
        session,
        user: user.id,
        method: proof.method.clone(),
        user_agent: browser.user_agent().map(str::to_owned),
        ip: browser.ip().map(|ip| ip.to_string()),
        amr: proof.amr,
        remembered: false,
    };
    browser.sign_in(&signed_in).await?;
    known::greet(site, &mut browser, user, &by).await?;
    notice(&mut browser, &proof.method);
    tracing::info!(user.id = %user.id, login.method = proof.method, "signed in");
    let ends = site.app.now() + site.app.settings.session.absolute_timeout;
    let to = match (confirmed, connected, &next) {
        _ if site.app.closed(user).is_some() => site.path(sudo::gate(site, user)),
        (Some(page), _, None) => site.path(&page),
        (None, Some(id), None) => format!("{}?connected={id}", site.path("/account")),
        _ if barred => no_access::path(site, next.as_ref()),
        _ => way_back(site, user.id, session, ends, next.as_ref())?,
    };
    Ok(browser.answer(see_other(&to)))
}

/// What the browser remembers of a sign-in.
fn notice(browser: &mut Browser, method: &str) {
    browser.remember("last", method, LAST_METHOD);
    if browser.remembered(LEFT).is_some() {
        browser.forget(LEFT);
    }
}

/// Links the identity that waits for this user, if one does; the id of its provider.
async fn link_waiting(site: &Site, browser: &mut Browser, user: &User) -> Result<Option<String>, Error> {
    let Some((attempt, waiting)) = waiting(browser).filter(|(_, waiting)| waiting.user == user.id) else {
        return Ok(None);
    };
    if !site.app.door.spend(&attempt).await? {
        return Ok(None);
    }
    browser.drop_attempt(&attempt);
    if site.app.accounts.link_after_proof(user, &waiting.identity, &browser.by(Actor::User(user.id))).await? {
        let provider = waiting.identity.subject.provider;
        tracing::info!(user.id = %user.id, provider.name = provider, "an identity was linked");
        return Ok(Some(provider));
    }
    Ok(None)
}

/// Where a signed-in person goes: to `next`, with the token delivered as its service wishes, or to their account.
pub fn way_back(
    site: &Site,
    user: UserId,
    session: SessionId,
    ends: OffsetDateTime,
    next: Option<&Next>,
) -> Result<String, Error> {
    let Some((next, service)) = next.and_then(|next| Some((next, site.app.service(&next.service)?))) else {
        return Ok(site.path("/account"));
    };
    Ok(match service.next_delivery {
        Delivery::Query => next.url.with_query("jwt", &token(&site.app, user, session, ends)?),
        Delivery::Fragment => next.url.with_fragment("jwt", &token(&site.app, user, session, ends)?),
        Delivery::Code => next.url.with_query("code", &site.app.one_time_code(session, &service.id)),
    })
}

fn token(app: &App, user: UserId, session: SessionId, ends: OffsetDateTime) -> Result<String, TokenError> {
    Ok(app.login_token(user, session, ends)?.jwt)
}

/// A redirect that turns a POST into a GET (RFC 9700 §4.12), byte for byte to where it says.
pub fn see_other(to: &str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(to).expect("where we redirect to is checked, printable ASCII"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(Code::DatabaseUnavailable).because(error)
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::TooLarge { .. } => Self::new(Code::TokenTooLarge).detail(format!("{error}.")).because(error),
            _ => Self::internal(error),
        }
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match &stopped.why {
            Why::Denied(message) if message.is_empty() => Code::AccessDenied.into(),
            Why::Denied(message) => Self::new(Code::AccessDenied).detail(message),
            Why::Failed(_) => Self::new(Code::HookFailed).because(stopped),
        }
    }
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Locked => Self::new(Code::AccountLocked),
            AccountError::SignupClosed => Self::new(Code::SignupClosed),
            AccountError::AddressRefused => {
                Self::new(Code::SignupClosed).detail("Addresses of this domain cannot have an account here.")
            }
            AccountError::AddressTaken => Self::new(Code::AddressTaken),
            AccountError::LastAdmin => Self::new(Code::LastAdmin),
            AccountError::LinkRefused => Self::new(Code::LinkRefused),
            AccountError::LastWayIn => Self::new(Code::LastWayIn),
            AccountError::Busy | AccountError::Unasked(_) => Self::new(Code::Busy),
            AccountError::Stopped(stopped) => stopped.into(),
            AccountError::Store(error) => error.into(),
        }
    }
}
