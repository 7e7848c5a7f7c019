//! `/login/passkey`: a passkey as the only proof, and what every ceremony with a passkey needs.
//!
//! The script of the page asks for a challenge, and sends the answer as a form: what comes back is a page.

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::browser::Browser;
use super::error::{Code, Error};
use super::federated::Target;
use super::fields::Form;
use super::finish::finish;
use super::limit::{Limit, count_all, forgive_all};
use super::login::{Typed, show};
use super::site::{Running, Site};
use crate::domain::audit::Actor;
use crate::domain::id::UserId;
use crate::domain::proof::{Amr, Proof};
use crate::domain::user::User;
use crate::login::passkey::{Answer, Challenge, METHOD, Memory, PATIENCE, PasskeyError, Passkeys, Used};
use crate::login::{Attempt, Next};
use crate::store::factors::Passkey;

/// What somebody sees whose passkey is not accepted. It never says why.
const REFUSED: &str = "This passkey does not open an account here. Use another one, or another way to sign in.";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login/passkey/options", post(options))
        .route("/login/passkey", post(sign_in))
        .route("/.well-known/webauthn", get(related))
}

#[derive(Deserialize)]
struct AskFields {
    csrf: String,
    next: Option<String>,
    service: Option<String>,
}

/// A challenge for whoever it is: the same for everybody, so it tells nothing about anybody.
async fn options(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<AskFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let next = Target { next: fields.next, service: fields.service }.parse(&site)?;
    if !site.app.may_use(METHOD, next.as_ref()) {
        return Err(Error::new(Code::AccessDenied).detail("This service does not accept passkeys."));
    }
    let challenge = passkeys(&site)?.ask_alone()?;
    let told = keep(&site, &mut browser, Asked { method: METHOD, user: None, next }, challenge);
    Ok(browser.answer(told))
}

/// What a script sends when the authenticator has answered.
#[derive(Deserialize)]
pub struct AnswerFields {
    pub csrf: String,
    pub attempt: String,
    pub credential: String,
}

async fn sign_in(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<AnswerFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let (attempt, memory) = take(&site, &mut browser, METHOD, &fields.attempt).await?;
    let limits = [Limit::of_client("login", browser.ip(), site.app.settings.rate_limit.login_ip)];
    count_all(&site, browser.ip(), &limits).await?;
    if !site.app.may_use(METHOD, attempt.next.as_ref()) {
        return Err(Code::LoginStale.into());
    }
    let answer = answer(&fields.credential)?;
    match proven(&site, &browser, &memory, &answer, None).await? {
        Some((user, passkey)) if passkey.user_verified => {
            forgive_all(&site, browser.ip(), &limits).await?;
            let proof = Proof::of(METHOD, Amr::Passkey).and(Amr::UserVerified);
            finish(&site, browser, &user, proof, attempt.next).await
        }
        _ => {
            let unknown = site.app.store().passkey(&answer.id).await?.is_none().then_some(answer.id);
            let typed = Typed { passkey_error: Some(REFUSED.to_owned()), unknown_passkey: unknown, ..Typed::default() };
            show(&site, browser, attempt.next.as_ref(), StatusCode::UNAUTHORIZED, typed).await
        }
    }
}

/// What passkeys of this server are checked by.
///
/// # Errors
/// `access-denied` where they are switched off.
pub fn passkeys(site: &Site) -> Result<Passkeys, Error> {
    let settings = &site.app.settings;
    if !settings.login.passkey.enabled {
        return Err(Error::new(Code::AccessDenied).detail("Passkeys are switched off here."));
    }
    Ok(Passkeys::new(&settings.login.passkey, &settings.server.issuer))
}

/// What a challenge is asked for.
#[derive(Debug)]
pub struct Asked {
    /// The method of the attempt: no answer to one is an answer to another.
    pub method: &'static str,
    /// Whose; `None` where the passkey says who it is.
    pub user: Option<UserId>,
    pub next: Option<Next>,
}

/// Keeps a challenge in the browser; what its script is told.
pub fn keep(site: &Site, browser: &mut Browser, asked: Asked, challenge: Challenge) -> Response {
    let Asked { method, user, next } = asked;
    let memory = serde_json::to_value(Memory { user, state: challenge.state }).expect("plain JSON");
    // Another tab may wait for an answer; older ones make room for what else is under way in this browser.
    for old in browser.attempts().into_iter().filter(|attempt| attempt.method == method).skip(1) {
        browser.drop_attempt(&old);
    }
    let attempt = site.app.door.begin(method, next, PATIENCE, memory);
    browser.keep(&attempt, false);
    told(&json!({ "attempt": attempt.id, "options": challenge.options }))
}

fn told(what: &Value) -> Response {
    let mut response = Response::new(what.to_string().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Other origins where passkeys of ours may be used (Web Authentication Level 3 §5.11).
async fn related(site: Site) -> Result<Response, Error> {
    let passkey = &site.app.settings.login.passkey;
    if !passkey.enabled || passkey.extra_origins.is_empty() {
        return Err(Code::NotFound.into());
    }
    let own = std::iter::once(&site.app.settings.server.issuer);
    let origins: Vec<_> = own.chain(&passkey.extra_origins).map(|url| url.origin().ascii_serialization()).collect();
    Ok(told(&json!({ "origins": origins })))
}

/// The challenge that was asked for in this browser, once.
pub async fn take(site: &Site, browser: &mut Browser, method: &str, id: &str) -> Result<(Attempt, Memory), Error> {
    let attempt = browser.attempt(id).filter(|attempt| attempt.method == method).ok_or(Code::LoginStale)?;
    let memory = serde_json::from_value(attempt.memory.clone()).map_err(|_| Code::LoginStale)?;
    if !site.app.door.spend(&attempt).await? {
        return Err(Code::LoginStale.into());
    }
    browser.drop_attempt(&attempt);
    Ok((attempt, memory))
}

/// Reads what the script sent.
pub fn answer(credential: &str) -> Result<Answer, Error> {
    Ok(Answer::read(&json_of(credential)?)?)
}

/// JSON in a field of a form.
pub fn json_of(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|_| Error::bad_request("The answer of the passkey is not what is expected."))
}

/// Whose passkey it is and what was proven, if all is right. `expected`: nobody else's will do.
pub async fn proven(
    site: &Site,
    browser: &Browser,
    memory: &Memory,
    answer: &Answer,
    expected: Option<UserId>,
) -> Result<Option<(User, Used)>, Error> {
    let (kept, owner) = match owner(site, memory, answer, expected).await? {
        Ok(found) => found,
        Err((user, why)) => {
            site.app.accounts.login_failed(user, METHOD, why, &browser.by(Actor::Anonymous)).await?;
            return Ok(None);
        }
    };
    let why = match passkeys(site)?.check(&memory.state, answer, &kept.credential) {
        Ok(proof) if site.app.accounts.use_passkey(&kept, &proof.credential).await? => {
            return Ok(Some((owner, proof)));
        }
        Ok(_) => "another answer of it came first".to_owned(),
        Err(PasskeyError::Cloned) => {
            site.app.accounts.passkey_cloned(&owner, &kept, &browser.by(Actor::Anonymous)).await?;
            return Ok(None);
        }
        Err(PasskeyError::Refused(why)) => why,
    };
    site.app.accounts.login_failed(Some(owner.id), METHOD, &why, &browser.by(Actor::Anonymous)).await?;
    Ok(None)
}

/// A passkey with its owner, or whose sign-in failed and why.
type Owned = Result<(Passkey, User), (Option<UserId>, &'static str)>;

/// Whose passkey it is, if it is anybody's who may sign in with it here.
async fn owner(site: &Site, memory: &Memory, answer: &Answer, expected: Option<UserId>) -> Result<Owned, Error> {
    let Some(kept) = site.app.store().passkey(&answer.id).await? else { return Ok(Err((None, "nobody has it"))) };
    // Who it says it is, and whose it is, are two facts (WebAuthn §7.2, step 6).
    let said = answer.user.or(expected);
    if said != Some(kept.user) || expected.is_some_and(|user| user != kept.user) || memory.user != expected {
        return Ok(Err((Some(kept.user), "it is somebody else's")));
    }
    match site.app.store().user(kept.user).await?.filter(|user| !user.is_locked()) {
        Some(user) => Ok(Ok((kept, user))),
        None => Ok(Err((Some(kept.user), "the account is locked"))),
    }
}

impl From<PasskeyError> for Error {
    fn from(error: PasskeyError) -> Self {
        Self::new(Code::PasskeyRefused).because(error)
    }
}
