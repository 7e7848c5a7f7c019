//! Dev mode only: a demo service, the letters that were not sent, the people one can be. Elsewhere these routes do not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use time::Duration;
use url::form_urlencoded;

use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::Query;
use super::finish::see_other;
use super::page::{
    CurlLine, DemoPage, DemoToken, DevMailPage, DevPeoplePage, DevPerson, Href, MailRow, Moment, Notice, OpenMail, Page,
};
use super::site::{Running, Site};
use crate::app::Claimant;

/// The service the demo page plays.
const DEMO: &str = "demo";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/demo", get(demo))
        .route("/demo/leave", post(leave))
        .route("/dev/mail", get(mails))
        .route("/dev/mail/{number}", get(mail))
        .route("/dev/people/{provider}", get(people))
}

#[derive(Deserialize)]
struct DemoQuery {
    jwt: Option<String>,
}

/// What a service does: sends people to sign in, takes the login token from the address, fetches a service token with it.
async fn demo(site: Site, mut browser: Browser, Query(query): Query<DemoQuery>) -> Result<Response, Error> {
    let is_token = |jwt: &String| jwt.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if let Some(jwt) = query.jwt.filter(is_token) {
        // Out of the address at once, so that it is in no history and no log.
        browser.remember("demo", &jwt, Duration::HOUR);
        return Ok(browser.answer(see_other(&site.path("/demo"))));
    }
    let held = browser.remembered("demo").map(str::to_owned);
    let (token, notice) = match &held {
        Some(jwt) => shown(&site, &browser, jwt).await?,
        None => (None, None),
    };
    let next = form_urlencoded::byte_serialize(site.app.url("/demo").as_bytes()).collect::<String>();
    let start = Href::from(format!("{}?next={next}&service={DEMO}", site.path("/login")));
    let page = DemoPage { shell: Arc::clone(&site.shell), notice, start, token };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

async fn shown(site: &Site, browser: &Browser, jwt: &str) -> Result<(Option<DemoToken>, Option<Notice>), Error> {
    let Some(service) = site.app.service(DEMO) else {
        return Ok((None, Some(Notice::error("The file has no service `demo`."))));
    };
    let Some((live, _)) = site.app.session_of_token(jwt).await? else {
        return Ok((None, Some(Notice::info("Your session is over. Sign in again."))));
    };
    let issued = match site.app.issue(service, &Claimant::of(&live), browser.ip()).await {
        Ok(issued) => issued,
        Err(refusal) => return Ok((None, Some(Notice::error(format!("There is no token: {refusal}."))))),
    };
    let part = |number: usize| issued.token.split('.').nth(number).map(pretty).unwrap_or_default();
    let curl = |what: &str, command: String| CurlLine { what: what.into(), command };
    let token = DemoToken {
        name: live.user.shown_name(),
        header: part(0),
        payload: part(1),
        permissions: issued.permissions.into_iter().collect(),
        curl: vec![
            curl("Who is signed in", format!("curl -H 'Auth-Token: {jwt}' {}", site.app.url("/auth/check"))),
            curl(
                "Get a service token",
                format!("curl -H 'Auth-Token: {jwt}' '{}?service={DEMO}'", site.app.url("/auth/authorize")),
            ),
            curl("Get the keys to verify it", format!("curl {}", site.app.url("/.well-known/jwks.json"))),
            curl("The same key as PEM", format!("curl '{}?service={DEMO}'", site.app.url("/auth/public-key"))),
        ],
        valid_until: Moment::from(site.app.now() + Duration::seconds(issued.expires_in)),
        logout: Href::from(site.path("/logout")),
        raw: issued.token,
    };
    Ok((Some(token), None))
}

/// A part of a token as JSON with line breaks.
fn pretty(part: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

async fn leave(State(running): State<Running>, mut browser: Browser) -> Result<Response, Error> {
    browser.check_same_site()?;
    browser.forget("demo");
    Ok(browser.answer(see_other(&running.now().path("/demo"))))
}

async fn mails(site: Site) -> Result<Response, Error> {
    Ok(show_mails(&site, None)?.answer(StatusCode::OK))
}

async fn mail(site: Site, Path(number): Path<u64>) -> Result<Response, Error> {
    Ok(show_mails(&site, Some(number))?.answer(StatusCode::OK))
}

fn show_mails(site: &Site, open: Option<u64>) -> Result<DevMailPage, Error> {
    let letters = site.sink.as_ref().ok_or(Code::NotFound)?.letters();
    let opened = match open {
        Some(number) => Some(letters.iter().find(|kept| kept.number == number).ok_or(Code::NotFound)?),
        None => None,
    };
    let rows = letters.iter().map(|kept| MailRow {
        url: Href::from(site.path(&format!("/dev/mail/{}", kept.number))),
        to: kept.mail.to.to_string(),
        subject: kept.mail.subject.clone(),
        at: Some(Moment::from(kept.at)),
        is_open: Some(kept.number) == open,
    });
    Ok(DevMailPage {
        shell: Arc::clone(&site.shell),
        mails: rows.collect(),
        open: opened.map(|kept| OpenMail {
            to: kept.mail.to.to_string(),
            subject: kept.mail.subject.clone(),
            at: Some(Moment::from(kept.at)),
            text: kept.mail.text.clone(),
            html: kept.mail.html.clone(),
        }),
        reload: Href::from(site.path("/dev/mail")),
    })
}

#[derive(Deserialize)]
struct PeopleQuery {
    state: String,
    redirect_uri: String,
}

/// The page of the dev provider: one button for each person of the file.
async fn people(site: Site, Path(id): Path<String>, Query(query): Query<PeopleQuery>) -> Result<Response, Error> {
    let provider = site.app.providers.get(&id).ok_or(Code::NotFound)?;
    let seeds = provider.seeds();
    let callback = super::federated::callback_url(&site, &id);
    if seeds.is_empty() || query.redirect_uri != callback.as_str() {
        return Err(Code::NotFound.into());
    }
    let back = |pair: (&str, &str)| {
        let mut url = callback.clone();
        url.query_pairs_mut().append_pair("state", &query.state).append_pair(pair.0, pair.1);
        Href::from(url.as_str())
    };
    let people = seeds.iter().enumerate().map(|(index, seed)| DevPerson {
        name: seed.identity.name.clone().unwrap_or_default(),
        note: note(&seed.roles, seed.locked),
        url: back(("code", &index.to_string())),
    });
    let page = DevPeoplePage {
        shell: Arc::clone(&site.shell),
        people: people.collect(),
        cancel: Some(back(("error", "access_denied"))),
    };
    Ok(page.answer(StatusCode::OK))
}

fn note(roles: &[String], locked: bool) -> String {
    match (locked, roles) {
        (true, _) => "locked".into(),
        (false, []) => "member".into(),
        (false, roles) => roles.join(", "),
    }
}
