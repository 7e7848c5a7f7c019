//! `/invite/{token}`: somebody who is asked to come makes an account, whoever else may not.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::browser::Browser;
use super::error::{Code, Error};
use super::fields::Form;
use super::finish::finish;
use super::limit::{Limit, count_all};
use super::login::{Typed, methods, sends_links};
use super::page::{Field, Hidden, Href, InvitePage, Methods, Moment, Page, ServiceLink, SignUpErrors, SignUpForm};
use super::signup::{Typing, newcomer, proof_of};
use super::site::{Running, Site};
use crate::account::inviting::Accepted;
use crate::domain::audit::Actor;
use crate::store::invitations::Invitation;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route("/invite/{token}", get(page).post(accept))
}

/// What somebody types who accepts.
#[derive(Default, Deserialize)]
struct Fields {
    csrf: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    terms: Option<String>,
}

/// The page behind the link. It changes nothing: mail scanners open links, too.
async fn page(site: Site, browser: Browser, Path(token): Path<String>) -> Result<Response, Error> {
    let invitation = opened(&site, &browser, &token).await?;
    Ok(show(&site, browser, &token, &invitation, (Fields::default(), SignUpErrors::default())))
}

fn show(
    site: &Site,
    browser: Browser,
    token: &str,
    invitation: &Invitation,
    (typed, errors): (Fields, SignUpErrors),
) -> Response {
    let wrong = !errors.is_empty();
    let takes_password = site.app.settings.login.password.enabled;
    let form = (takes_password || sends_links(site)).then(|| SignUpForm {
        action: Href::from(site.path(&format!("/invite/{token}"))),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        email: Field::default(),
        name: Field::new(typed.name, errors.name),
        password: takes_password.then(|| Field::new(String::new(), errors.password)),
        is_password_optional: sends_links(site),
        min_length: site.app.least_characters(site.app.is_only_factor_of_newcomers()),
        terms: site.shell.terms.clone().map(|url| (url, errors.terms)),
        submit: "Accept and create the account",
    });
    let providers: Vec<String> = site.app.providers.iter().map(|(id, _)| id.to_owned()).collect();
    let service = invitation.service.as_deref().and_then(|id| site.app.service(id));
    let page = InvitePage {
        shell: Arc::clone(&site.shell),
        service: service
            .map(|service| ServiceLink { name: service.name.clone(), url: service.homepage.clone().map(Href::from) }),
        address: invitation.email.to_string(),
        methods: Methods {
            password: None,
            magic_link: None,
            ..methods(site, &browser, None, Typed::default(), Some(&providers))
        },
        form,
        valid_until: Moment::from(invitation.expires_at),
    };
    browser.answer(page.answer(if wrong { StatusCode::BAD_REQUEST } else { StatusCode::OK }))
}

/// The button: makes the account, once, and signs in.
async fn accept(
    State(running): State<Running>,
    Path(token): Path<String>,
    browser: Browser,
    Form(fields): Form<Fields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let invitation = opened(&site, &browser, &token).await?;
    let takes_password = site.app.settings.login.password.enabled;
    let typing = Typing {
        email: &invitation.email,
        name: &fields.name,
        password: if takes_password { &fields.password } else { "" },
        terms: fields.terms.is_some(),
        is_password_optional: sends_links(&site) || !takes_password,
    };
    let new = match newcomer(&site, &browser, typing, SignUpErrors::default()).await? {
        Ok(new) => new,
        Err(errors) => return Ok(show(&site, browser, &token, &invitation, (fields, errors))),
    };
    let proof = proof_of(&new);
    let by = browser.by(Actor::Anonymous);
    match site.app.accounts.accept_invitation(&by, &token, new).await? {
        Accepted::Made(user) => finish(&site, browser, &user, proof, None).await,
        Accepted::Known => Err(Code::AddressTaken.into()),
        Accepted::Over => Err(Code::MailedLinkOver.into()),
    }
}

/// The invitation behind a link, unless it is over. Guesses are counted.
async fn opened(site: &Site, browser: &Browser, token: &str) -> Result<Invitation, Error> {
    if let Some(invitation) = site.app.accounts.invitation(token).await? {
        return Ok(invitation);
    }
    let limit = Limit::of_client("invite", browser.ip(), site.app.settings.rate_limit.login_ip);
    count_all(site, browser.ip(), &[limit]).await?;
    Err(Code::MailedLinkOver.into())
}
