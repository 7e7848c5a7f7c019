//! The links that prove an address, and those that take a change back.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::Duration;

use super::addresses::count_mail;
use super::devices::changer;
use crate::account::addresses::{Proven, Undo, Undone, Wanted};
use crate::domain::audit::Actor;
use crate::domain::email::Email;
use crate::domain::user::User;
use crate::http::browser::Browser;
use crate::http::error::{Code, Error};
use crate::http::fields::{CsrfField, Form, Query};
use crate::http::finish::see_other;
use crate::http::page::{Hidden, Href, Page, StepPage, VerifyPage};
use crate::http::site::{Running, Site};
use crate::http::sudo::gate;
use crate::login::Attempt;
use crate::login::door::Carrier;
use crate::mail::Mail;
use crate::mail::notice::Letter;

/// What a link that proves an address is called.
const PROVE: &str = "address";
/// What a link that takes a change back is called.
const UNDO: &str = "address-undo";
/// For how long an address can be proven.
const PROVE_LASTS: Duration = Duration::hours(24);
/// For how long a change can be taken back.
const UNDO_LASTS: Duration = Duration::days(7);

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/addresses/confirm", get(landing).post(confirm))
        .route("/account/addresses/undo", get(undo_page).post(undo))
        .route("/account/addresses/undone", get(undone))
        .route("/account/verify", get(verify_page).post(verify))
}

/// Mails the link that proves the address.
pub async fn ask(site: &Site, browser: &Browser, user: &User, email: Email, as_main: bool) -> Result<(), Error> {
    let (app, accounts) = (&site.app, &site.app.accounts);
    let wanted = accounts.wanted(user, email, as_main).await?;
    let memory = serde_json::to_value(&wanted).expect("plain JSON");
    let attempt = app.door.begin(PROVE, None, PROVE_LASTS, memory);
    let link = app.url(&format!("/account/addresses/confirm?token={}", app.door.seal(&attempt, Carrier::Mail)));
    let name = &app.settings.theme.name;
    let prove = Letter {
        subject: format!("Confirm your address for {name}"),
        lines: vec![format!("On {}, this address was given for an account at {name}.", browser.device())],
        button: Some(("Confirm the address".into(), link)),
        small: vec![
            "Open it in the browser where you are signed in. It works once, for 24 hours; the newest link counts."
                .into(),
            "If it was not you, ignore this mail: nothing happens without it.".into(),
        ],
    };
    let taken = Letter {
        subject: format!("Your address at {name}"),
        lines: vec![format!(
            "Somebody, perhaps you, wanted to add this address to another account at {name}. It belongs to your account, \
             and stays there."
        )],
        button: None,
        small: vec!["If it was not you, ignore this mail: nothing was changed.".into()],
    };
    let letters = (app.letter(&wanted.email, &prove), app.letter(&wanted.email, &taken));
    let link = (attempt.id.as_str(), attempt.expires_at);
    accounts.ask_for_address(&wanted, link, (&letters.0, &letters.1), app.letters_last()).await?;
    Ok(())
}

/// Tells an address that it is no longer the main one, or no longer there; with a link that takes it back, if it was theirs before
/// the other one, or for long: somebody who was in the account for a moment is not to come back by an address of their own.
pub async fn told(site: &Site, user: &User, old: &Email, new: Option<&Email>) -> Result<Mail, Error> {
    let app = &site.app;
    let held = app.accounts.addresses(user).await?;
    let since = |email: &Email| held.iter().find(|held| held.email == *email).and_then(|held| held.verified_at);
    let is_theirs = since(old).is_some_and(|old| match new {
        Some(new) => since(new).is_none_or(|new| old <= new),
        None => app.now() - old >= UNDO_LASTS,
    });
    let password_at = app.store().password_set_at(user.id).await?;
    let memory = Undo { user: user.id, old: old.clone(), new: new.cloned(), password_at };
    let memory = serde_json::to_value(memory).expect("plain JSON");
    let attempt = app.door.begin(UNDO, None, UNDO_LASTS, memory);
    let link = app.url(&format!("/account/addresses/undo?token={}", app.door.seal(&attempt, Carrier::Mail)));
    let name = &app.settings.theme.name;
    let what = match new {
        Some(new) => format!("Mail for your account at {name} goes to {} from now on.", new.masked()),
        None => format!("This address does not belong to your account at {name} any more."),
    };
    let letter = Letter {
        subject: format!("Your address at {name} was changed"),
        lines: vec![what, "If that was you, all is well.".into()],
        button: is_theirs.then(|| ("It was not me: take it back".into(), link)),
        small: vec![if is_theirs {
            "The link works once, for 7 days. It also signs the account out everywhere.".into()
        } else {
            "If it was not you, ask whoever runs the server.".into()
        }],
    };
    Ok(app.letter(old, &letter))
}

#[derive(Deserialize)]
struct TokenField {
    token: Option<String>,
}

#[derive(Deserialize)]
struct ConfirmFields {
    csrf: String,
    token: String,
}

/// What was sealed into a link of this name, unless it is late.
fn opened<T: DeserializeOwned>(site: &Site, token: &str, method: &str) -> Result<(Attempt, T), Error> {
    let attempt = site.app.door.open(token, Carrier::Mail).filter(|attempt| attempt.method == method);
    let attempt = attempt.ok_or(Code::MailedLinkOver)?;
    let memory = serde_json::from_value(attempt.memory.clone()).map_err(|_| Code::MailedLinkOver)?;
    Ok((attempt, memory))
}

fn step(site: &Site, icon: &'static str, title: &str, text: &[&str]) -> StepPage {
    StepPage {
        shell: Arc::clone(&site.shell),
        icon,
        title: title.to_owned(),
        text: text.iter().map(|line| (*line).to_owned()).collect(),
        form: None,
        link: None,
    }
}

fn form(site: &Site, browser: &Browser, path: &str, token: String, label: &str) -> (Href, Vec<Hidden>, String) {
    let hidden = vec![Hidden::new("csrf", browser.csrf()), Hidden::new("token", token)];
    (Href::from(site.path(path)), hidden, label.to_owned())
}

/// The page behind the link that proves an address. It changes nothing: mail scanners open links, too.
async fn landing(site: Site, browser: Browser, Query(fields): Query<TokenField>) -> Result<Response, Error> {
    let token = fields.token.unwrap_or_default();
    let (attempt, wanted) = opened::<Wanted>(&site, &token, PROVE)?;
    if !site.app.accounts.is_wanted(&wanted, &attempt.id).await? {
        return Err(Code::MailedLinkOver.into());
    }
    let page = match browser.visitor().await? {
        Some(live) if live.user.id == wanted.user => StepPage {
            form: Some(form(&site, &browser, "/account/addresses/confirm", token, "Confirm the address")),
            link: Some((Href::from(site.path("/account")), "Not now".into())),
            ..step(&site, "mail", "Is this your address?", &[&format!("{} becomes yours.", wanted.email)])
        },
        // Nobody adds an address that is not theirs to their account by having its owner press a button.
        Some(_) => StepPage {
            link: Some((Href::from(site.path("/logout")), "Sign out".into())),
            ..step(
                &site,
                "alert",
                "This link is for another account",
                &["Sign in to the account that asked for this address, then open the link again."],
            )
        },
        None => StepPage {
            link: Some((Href::from(site.path("/login")), "Go to the sign-in page".into())),
            ..step(
                &site,
                "key",
                "Sign in first",
                &["Sign in to the account that asked for this address, then open the link again. It still works."],
            )
        },
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

/// The button: the address is theirs, once.
async fn confirm(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<ConfirmFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let (attempt, wanted) = opened::<Wanted>(&site, &fields.token, PROVE)?;
    let live = browser.visitor().await?.ok_or(Code::LoginRequired)?;
    if live.user.id != wanted.user {
        return Err(Error::new(Code::AccessDenied).detail("This link is for another account."));
    }
    let by = browser.by(Actor::User(live.user.id));
    let before = live.user.email.as_ref().filter(|address| address.verified && address.email != wanted.email);
    let notice = match before.filter(|_| wanted.as_main) {
        Some(address) => Some(told(&site, &live.user, &address.email, Some(&wanted.email)).await?),
        None => None,
    };
    let lasts = site.app.letters_last();
    match site.app.accounts.prove_address(&by, &wanted, &attempt.id, notice.as_ref(), lasts).await? {
        Proven::Theirs if site.app.closed(&live.user).is_some() => {
            Ok(browser.answer(see_other(&site.path("/account"))))
        }
        Proven::Theirs => Ok(browser.answer(see_other(&site.path("/account/addresses?done=added")))),
        Proven::Taken => Err(Code::AddressTaken.into()),
        Proven::Over => Err(Code::MailedLinkOver.into()),
    }
}

/// The page behind the link that takes a change back.
async fn undo_page(site: Site, browser: Browser, Query(fields): Query<TokenField>) -> Result<Response, Error> {
    let token = fields.token.unwrap_or_default();
    let (attempt, undo) = opened::<Undo>(&site, &token, UNDO)?;
    if site.app.door.is_spent(&attempt).await? {
        return Err(Code::MailedLinkOver.into());
    }
    let lines = [
        format!("{} belongs to your account again.", undo.old),
        "Everybody is signed out. Choose another password when you sign in again.".to_owned(),
    ];
    let page = StepPage {
        form: Some(form(&site, &browser, "/account/addresses/undo", token, "Take it back")),
        ..step(&site, "alert", "Take the change back?", &[&lines[0], &lines[1]])
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

async fn undo(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<ConfirmFields>,
) -> Result<Response, Error> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let (attempt, undo) = opened::<Undo>(&site, &fields.token, UNDO)?;
    let by = browser.by(Actor::User(undo.user));
    match site.app.accounts.undo_address(&by, &undo, (&attempt.id, attempt.expires_at)).await? {
        Undone::Yes => Ok(browser.answer(see_other(&site.path("/account/addresses/undone")))),
        Undone::Taken => Err(Code::AddressTaken.into()),
        Undone::Over => Err(Code::MailedLinkOver.into()),
    }
}

async fn undone(site: Site) -> Response {
    let page = StepPage {
        link: Some((Href::from(site.path("/login")), "Sign in".into())),
        ..step(
            &site,
            "check",
            "The change is taken back",
            &[
                "The account is signed out everywhere. Sign in with your address, and choose another password: somebody may know it.",
            ],
        )
    };
    page.answer(StatusCode::OK)
}

#[derive(Deserialize)]
struct Asked {
    asked: Option<String>,
}

/// The one page of an account whose address is not proven.
async fn verify_page(site: Site, browser: Browser, Query(news): Query<Asked>) -> Result<Response, Error> {
    let Some(live) = browser.visitor().await? else { return Ok(browser.answer(see_other(&site.path("/login")))) };
    let here = gate(&site, &live.user);
    let Some(address) = live.user.email.as_ref().filter(|_| here == "/account/verify") else {
        return Ok(browser.answer(see_other(&site.path(here))));
    };
    let page = VerifyPage {
        shell: Arc::clone(&site.shell),
        is_sent: news.asked.is_some(),
        address: address.email.to_string(),
        action: Href::from(site.path("/account/verify")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        logout: Href::from(site.path("/logout")),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

async fn verify(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<CsrfField>,
) -> Result<Response, Error> {
    let site = running.now();
    let live = changer(&browser, &fields.csrf).await?;
    let Some(address) = live.user.email.as_ref().filter(|address| !address.verified) else {
        return Ok(browser.answer(see_other(&site.path("/account"))));
    };
    count_mail(&site, &browser, &address.email).await?;
    ask(&site, &browser, &live.user, address.email.clone(), false).await?;
    Ok(browser.answer(see_other(&site.path("/account/verify?asked=1"))))
}
