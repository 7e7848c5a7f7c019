//! `/login/{provider}`: off to the provider and back.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use url::Url;

use super::account::{LEFT, identities};
use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::{Form, Query};
use super::finish::{Waiting, finish, see_other, wait_for_proof};
use super::limit::{Limit, count_all, forgive_all};
use super::site::{Running, Site};
use super::sudo;
use crate::account::{Arrival, Outcome, Way};
use crate::domain::audit::{Actor, By};
use crate::domain::identity::Identity;
use crate::domain::proof::{Amr, Proof};
use crate::login::{Attempt, Next, federated};
use crate::provider::{Callback, Provider, ProviderError};

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/login/{provider}", get(start))
        .route("/login/{provider}/callback", get(callback).head(no_callback).post(posted_callback))
        .route("/auth/oauth_callback", get(classic_callback).head(no_callback).post(async || wrong_method("GET")))
}

/// Where a sign-in is to end.
#[derive(Debug, Default, Deserialize)]
pub struct Target {
    pub next: Option<String>,
    pub service: Option<String>,
}

impl Target {
    /// The place, if one was named.
    ///
    /// # Errors
    /// `next-not-allowed` if no service expects sign-ins there.
    pub fn parse(&self, site: &Site) -> Result<Option<Next>, Error> {
        match self.next.as_deref().filter(|next| !next.is_empty()) {
            Some(raw) => {
                site.app.next(raw, self.service.as_deref()).map(Some).ok_or_else(|| Code::NextNotAllowed.into())
            }
            None => Ok(None),
        }
    }
}

async fn start(
    site: Site,
    mut browser: Browser,
    Path(id): Path<String>,
    Query(target): Query<Target>,
) -> Result<Response, Error> {
    let provider = provider(&site, &id)?;
    let next = target.parse(&site)?;
    if !site.app.may_use(&id, next.as_ref()) {
        return Err(Error::new(Code::AccessDenied).detail("This service does not accept this way to sign in."));
    }
    let again = sudo::is_waiting(&browser) || browser.remembered(LEFT).is_some();
    let start = federated::Start { callback: callback_url(&site, &id), next, again };
    let begun = federated::begin(&site.app.door, &id, provider, start).await;
    let (attempt, to) = begun.map_err(|error| failed(&id, error))?;
    browser.keep(&attempt, provider.answers_by_post());
    Ok(browser.answer(see_other(to.as_str())))
}

/// What an upstream sends back (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// How a browser came back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Get,
    Post,
}

/// A look ahead finishes no login.
async fn no_callback() -> Error {
    wrong_method("GET, POST")
}

fn wrong_method(allow: &'static str) -> Error {
    Error { allow: Some(HeaderValue::from_static(allow)), ..Error::new(Code::MethodNotAllowed) }
}

async fn callback(
    site: Site,
    browser: Browser,
    Path(id): Path<String>,
    Query(answer): Query<Answer>,
) -> Result<Response, Error> {
    check_method(provider(&site, &id)?, Verb::Get)?;
    come_back(site, browser, Some(&id), Verb::Get, answer).await
}

async fn posted_callback(
    State(running): State<Running>,
    Path(id): Path<String>,
    browser: Browser,
    Form(answer): Form<Answer>,
) -> Result<Response, Error> {
    let site = running.now();
    check_method(provider(&site, &id)?, Verb::Post)?;
    come_back(site, browser, Some(&id), Verb::Post, answer).await
}

async fn classic_callback(site: Site, browser: Browser, Query(answer): Query<Answer>) -> Result<Response, Error> {
    come_back(site, browser, None, Verb::Get, answer).await
}

fn check_method(provider: &dyn Provider, by: Verb) -> Result<(), Error> {
    match (provider.answers_by_post(), by) {
        (true, Verb::Get) => Err(wrong_method("POST")),
        (false, Verb::Post) => Err(wrong_method("GET")),
        _ => Ok(()),
    }
}

/// The way back, once for all spellings of the callback. `id`: the provider whose callback it is, where the path says so.
async fn come_back(
    site: Site,
    mut browser: Browser,
    id: Option<&str>,
    by: Verb,
    answer: Answer,
) -> Result<Response, Error> {
    let (attempt, provider) = spent_attempt(&site, &mut browser, id, by, answer.state.as_deref()).await?;
    let limits = [Limit::of_client("login", browser.ip(), site.app.settings.rate_limit.login_ip)];
    count_all(&site, browser.ip(), &limits).await?;
    if let Some(wish) = identities::wish(&attempt) {
        let identity = vouched(&site, provider, &attempt, answer).await?;
        forgive_all(&site, browser.ip(), &limits).await?;
        return identities::connect(&site, browser, &wish, &identity).await;
    }
    let outcome = match said(answer) {
        Ok(callback) => arrive(&site, provider, &attempt, &callback, &browser.by(Actor::Anonymous)).await,
        Err(error) => Err(error),
    };
    note_failure(&site, &browser, &attempt.method, &outcome).await?;
    let Arrived { outcome, waiting } = match outcome {
        Ok(arrived) => arrived,
        Err(error) => return Ok(back_or_page(&site, browser, &attempt, error)),
    };
    forgive_all(&site, browser.ip(), &limits).await?;
    match outcome {
        Outcome::In(user) => {
            let proof = proof(&site, &attempt.method, &waiting.identity);
            finish(&site, browser, &user, proof, attempt.next).await
        }
        Outcome::Ask(_) => {
            wait_for_proof(&site, &mut browser, &waiting, attempt.next);
            Ok(browser.answer(see_other(&site.path("/login/link-accounts"))))
        }
    }
}

/// The login that comes back, spent: nobody else can go on with it. `state`: what names it.
async fn spent_attempt<'a>(
    site: &'a Site,
    browser: &mut Browser,
    id: Option<&str>,
    by: Verb,
    state: Option<&str>,
) -> Result<(Attempt, &'a dyn Provider), Error> {
    let attempt = state.and_then(|state| browser.attempt(state));
    let attempt = attempt.filter(|attempt| id.is_none_or(|id| id == attempt.method)).ok_or(Code::LoginStale)?;
    let provider = provider(site, &attempt.method)?;
    check_method(provider, by)?;
    if !site.app.door.spend(&attempt).await? {
        tracing::warn!(provider.name = attempt.method, "a login came back a second time");
        let by = browser.by(Actor::Anonymous);
        site.app.accounts.login_failed(None, &attempt.method, "replayed", &by).await?;
        return Err(Code::LoginStale.into());
    }
    browser.drop_attempt(&attempt);
    Ok((attempt, provider))
}

/// What a provider's word is worth.
fn proof(site: &Site, method: &str, identity: &Identity) -> Proof {
    let proof = Proof::of(method, Amr::Fed);
    let is_believed = identity.says_mfa && site.app.settings.login.mfa.trust_upstream_amr;
    if is_believed { proof.and(Amr::FedMfa) } else { proof }
}

/// Whom the provider vouches for, where nobody signs in.
async fn vouched(site: &Site, provider: &dyn Provider, attempt: &Attempt, answer: Answer) -> Result<Identity, Error> {
    let callback = said(answer)?;
    admitted(site, provider, attempt, &callback).await
}

/// Who it is, if the rules of the provider let them in.
async fn admitted(
    site: &Site,
    provider: &dyn Provider,
    attempt: &Attempt,
    callback: &Callback,
) -> Result<Identity, Error> {
    let id = &attempt.method;
    let identity = federated::resume(provider, attempt, callback).await.map_err(|error| failed(id, error))?;
    match site.app.refused_by_gate(&identity) {
        None => Ok(identity),
        Some(rule) => {
            tracing::info!(provider.name = id, rule, "a rule of the provider's section lets somebody not in");
            let words = format!("Your account at {} may not be used here.", provider.button().name);
            Err(Error::new(Code::ProviderRefused).detail(words))
        }
    }
}

/// What came back, unless somebody said no.
fn said(answer: Answer) -> Result<Callback, Error> {
    match (answer.code, answer.error) {
        (Some(code), None) => Ok(Callback { code, iss: answer.iss }),
        (None, Some(_)) => Err(Error::new(Code::ProviderRefused)),
        _ => Err(Code::LoginStale.into()),
    }
}

/// Writes down what the upstream did not do; what the accounts refused, they have written down themselves.
async fn note_failure(
    site: &Site,
    browser: &Browser,
    method: &str,
    outcome: &Result<Arrived, Error>,
) -> Result<(), Error> {
    let upstream = [Code::ProviderRefused, Code::ProviderUnreachable, Code::ProviderUntrusted, Code::LoginStale];
    match outcome {
        Err(error) if upstream.contains(&error.code) => {
            let by = browser.by(Actor::Anonymous);
            Ok(site.app.accounts.login_failed(None, method, error.code.slug(), &by).await?)
        }
        _ => Ok(()),
    }
}

/// A failed login shows its page, whatever `next` says; the cookie of the attempt goes.
fn back_or_page(site: &Site, browser: Browser, attempt: &Attempt, error: Error) -> Response {
    let refused = error.code == Code::ProviderRefused && error.detail.is_none();
    match attempt.next.as_ref().filter(|_| refused) {
        // The person pressed "cancel" there: the service is told by what is missing.
        Some(next) if site.app.service(&next.service).is_some() => browser.answer(see_other(next.url.as_str())),
        _ => browser.answer(axum::response::IntoResponse::into_response(error)),
    }
}

struct Arrived {
    outcome: Outcome,
    waiting: Waiting,
}

async fn arrive(
    site: &Site,
    provider: &dyn Provider,
    attempt: &Attempt,
    callback: &Callback,
    by: &By,
) -> Result<Arrived, Error> {
    let identity = admitted(site, provider, attempt, callback).await?;
    let rules = provider.rules();
    let service = attempt.next.as_ref().map(|next| next.service.as_str());
    let way = Way { method: &attempt.method, service, by };
    let refresh = site.app.gate(&attempt.method).refresh;
    let arrival = Arrival { identity: &identity, link: rules.link, signup: rules.signup, refresh, way };
    let outcome = site.app.accounts.arrive(arrival).await?;
    let user = match &outcome {
        Outcome::In(user) => user.id,
        Outcome::Ask(user) => *user,
    };
    Ok(Arrived { outcome, waiting: Waiting { user, identity, provider: provider.button().name.clone() } })
}

fn provider<'a>(site: &'a Site, id: &str) -> Result<&'a dyn Provider, Error> {
    site.app.providers.get(id).map(AsRef::as_ref).ok_or_else(|| Code::NotFound.into())
}

/// Each provider's own, so that none can answer for another (RFC 9700 §4.4.2).
pub fn callback_url(site: &Site, id: &str) -> Url {
    Url::parse(&site.app.url(&format!("/login/{id}/callback"))).expect("an issuer and a path are a URL")
}

/// What it means for a client that a provider failed.
pub fn failed(id: &str, error: ProviderError) -> Error {
    tracing::warn!(provider.name = id, error = &error as &dyn std::error::Error, "a login at a provider failed");
    match error {
        ProviderError::Unreachable(_) => Error::new(Code::ProviderUnreachable).because(error),
        ProviderError::Refused(ref reason) => Error::new(Code::ProviderRefused).detail(reason.clone()).because(error),
        ProviderError::Untrusted(_) => Error::new(Code::ProviderUntrusted).because(error),
    }
}
