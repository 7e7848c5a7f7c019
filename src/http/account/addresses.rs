//! `/account/addresses`: another address, another main one, one less; and the links behind it all.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::address_links::{self, ask, told};
use super::profile::row;
use crate::account::addresses::Removed;
use crate::domain::audit::Actor;
use crate::domain::email::Email;
use crate::http::browser::Browser;
use crate::http::error::{Code, Error};
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::limit::{Limit, count_all};
use crate::http::page::{AddressesPage, Field, Frame, Hidden, Href, Notice, Page, Tab};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh};
use crate::store::live::Live;

/// Where it is.
const PATH: &str = "/account/addresses";

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new()
        .route(PATH, get(page))
        .route("/account/addresses/add", post(add))
        .route("/account/addresses/main", post(make_main))
        .route("/account/addresses/remove", post(remove))
        .merge(address_links::router())
}

#[derive(Deserialize)]
struct News {
    done: Option<String>,
}

async fn page(site: Site, browser: Browser, Query(news): Query<News>) -> Result<Response, Stop> {
    let live = fresh(&site, &browser, PATH).await?;
    let notice = news.done.as_deref().and_then(|done| {
        Some(Notice::success(match done {
            "asked" => "A link is on its way to the address. Open it while you are signed in here.",
            "added" => "The address is yours.",
            "main" => "Our mail goes to another address now. We told the one before.",
            "removed" => "The address is removed.",
            _ => return None,
        }))
    });
    Ok(show(&site, browser, &live, notice, Field::default()).await?)
}

async fn show(
    site: &Site,
    browser: Browser,
    live: &Live,
    notice: Option<Notice>,
    email: Field,
) -> Result<Response, Error> {
    let status = if email.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AddressesPage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Profile),
        notice,
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        addresses: site.app.accounts.addresses(&live.user).await?.iter().map(row).collect(),
        email,
        add: Href::from(site.path("/account/addresses/add")),
        make_main: Href::from(site.path("/account/addresses/main")),
        remove: Href::from(site.path("/account/addresses/remove")),
        back: Href::from(site.path("/account/profile")),
    };
    Ok(browser.answer(page.answer(status)))
}

#[derive(Deserialize)]
struct AddFields {
    csrf: String,
    email: String,
    as_main: Option<String>,
}

/// Mails a link to the address. The answer is the same whoever has it.
async fn add(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<AddFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let held = site.app.accounts.addresses(&live.user).await?;
    let problem = match fields.email.parse::<Email>() {
        Err(_) => Err("This is not an e-mail address. It looks like name@example.org.".to_owned()),
        Ok(email) if held.iter().any(|held| held.email == email && held.verified_at.is_some()) => {
            Err("This address is yours already.".to_owned())
        }
        Ok(email) => site.app.accounts.may_hold(&email).map(|()| email).map_err(|why| why.to_string()),
    };
    let email = match problem {
        Ok(email) => email,
        Err(why) => return Ok(show(&site, browser, &live, None, Field::new(fields.email, Some(why))).await?),
    };
    count_mail(&site, &browser, &email).await?;
    ask(&site, &browser, &live.user, email, fields.as_main.is_some()).await?;
    Ok(browser.answer(see_other(&site.path("/account/addresses?done=asked"))))
}

/// One letter more for the address, from this client.
pub async fn count_mail(site: &Site, browser: &Browser, email: &Email) -> Result<(), Error> {
    let rates = &site.app.settings.rate_limit;
    let limits = [
        Limit::of_client("mail", browser.ip(), rates.mail_ip),
        Limit::of_name("mail", &email.mailbox(), rates.mail_address),
    ];
    count_all(site, browser.ip(), &limits).await
}

#[derive(Deserialize)]
struct ChangeFields {
    csrf: String,
    email: String,
}

async fn make_main(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<ChangeFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let email: Email = fields.email.parse().map_err(|_| Code::NotFound)?;
    let before = live.user.email.as_ref().filter(|address| address.verified && address.email != email);
    let notice = match before {
        Some(address) => Some(told(&site, &live.user, &address.email, Some(&email)).await?),
        None => None,
    };
    let by = browser.by(Actor::User(live.user.id));
    let lasts = site.app.letters_last();
    if !site.app.accounts.make_main(&by, &live.user, &email, notice.as_ref(), lasts).await? {
        return Err(Code::NotFound.into());
    }
    Ok(browser.answer(see_other(&site.path("/account/addresses?done=main"))))
}

async fn remove(
    State(running): State<Running>,
    browser: Browser,
    Form(fields): Form<ChangeFields>,
) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let email: Email = fields.email.parse().map_err(|_| Code::NotFound)?;
    let by = browser.by(Actor::User(live.user.id));
    let notice = told(&site, &live.user, &email, None).await?;
    match site.app.accounts.remove_address(&by, &live.user, &email, &notice, site.app.letters_last()).await? {
        Removed::Yes => Ok(browser.answer(see_other(&site.path("/account/addresses?done=removed")))),
        Removed::IsMain => {
            let notice = Notice::error("This is your main address. Make another one the main one first.");
            Ok(show(&site, browser, &live, Some(notice), Field::default()).await?)
        }
        Removed::NotTheirs => Err(Code::NotFound.into()),
    }
}
