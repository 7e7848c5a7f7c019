//! `/account/security/identities`: another provider is connected by who is signed in, or disconnected.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::security::{HOME, doors};
use crate::domain::audit::Actor;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::{Identity, Subject};
use crate::http::browser::Browser;
use crate::http::error::{Code, Error};
use crate::http::federated::{callback_url, failed};
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh, with_factor};
use crate::login::federated::Start;
use crate::login::{Attempt, federated};
use crate::store::live::Live;

/// Where the wish to connect lies in the memory of an attempt at a provider.
const WISH: &str = "connect";

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/security/identities/link", get(link))
        .route("/account/security/identities/unlink", post(unlink))
}

/// Who wants to connect what comes back from the provider, and in which session.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    user: UserId,
    session: SessionId,
}

/// The wish an attempt at a provider carries; `None` for one that signs in.
pub fn wish(attempt: &Attempt) -> Option<Wish> {
    serde_json::from_value(attempt.memory.get(WISH)?.clone()).ok()
}

#[derive(Deserialize)]
struct LinkQuery {
    provider: String,
    proof: String,
}

/// Where connecting a provider starts. The link is good in this session only: nobody else can make this browser follow it.
pub fn link_path(site: &Site, live: &Live, provider: &str) -> String {
    let proof = site.app.house.master.mac(WISH, &[&live.id.to_string(), provider]);
    format!("{}?provider={provider}&proof={proof}", site.path("/account/security/identities/link"))
}

async fn link(site: Site, mut browser: Browser, Query(query): Query<LinkQuery>) -> Result<Response, Stop> {
    let live = fresh(&site, &browser, HOME).await?;
    let id = query.provider;
    if !site.app.house.master.verify_mac(WISH, &[&live.id.to_string(), &id], &query.proof) {
        return Err(Code::Csrf.into());
    }
    browser.check_same_site()?;
    let provider = site.app.providers.get(&id).ok_or(Code::NotFound)?;
    let start = Start { callback: callback_url(&site, &id), next: None, again: false };
    let begun = federated::begin(&site.app.door, &id, provider.as_ref(), start).await;
    let (mut attempt, to) = begun.map_err(|error| failed(&id, error))?;
    let wish = Wish { user: live.user.id, session: live.id };
    attempt.memory[WISH] = serde_json::to_value(wish).expect("plain JSON");
    browser.keep(&attempt, provider.answers_by_post());
    Ok(browser.answer(see_other(to.as_str())))
}

/// The provider said who it is: it is connected, if the one who wanted that is still here, in the same session.
pub async fn connect(site: &Site, browser: Browser, wish: &Wish, identity: &Identity) -> Result<Response, Error> {
    let visitor = browser.visitor().await?.filter(|live| live.id == wish.session && live.user.id == wish.user);
    let live = visitor.ok_or_else(|| {
        Error::new(Code::LoginStale).detail("You are not signed in any more as you were when this began.")
    })?;
    let by = browser.by(Actor::User(live.user.id));
    if !site.app.accounts.connect(&live.user, &identity.subject, &by).await? {
        return Err(Error::new(Code::LinkRefused)
            .detail("This sign-in belongs to an account here already. Nothing was changed."));
    }
    let to = format!("{}?connected={}", site.path(HOME), identity.subject.provider);
    Ok(browser.answer(see_other(&to)))
}

#[derive(Deserialize)]
struct UnlinkFields {
    csrf: String,
    provider: String,
    realm: String,
    subject: String,
}

async fn unlink(
    State(running): State<Running>,
    mut browser: Browser,
    Form(fields): Form<UnlinkFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = with_factor(&site, &mut browser, HOME).await?;
    let UnlinkFields { provider, realm, subject, .. } = fields;
    let subject = Subject { provider, realm, subject };
    let by = browser.by(Actor::User(live.user.id));
    let gone = site.app.accounts.disconnect(&live.user, &subject, &doors(&site), &by).await?;
    gone.ok_or(Code::NotFound)?;
    Ok(browser.answer(see_other(&format!("{}?done=disconnected", site.path(HOME)))))
}
