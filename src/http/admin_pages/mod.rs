//! `/admin`: pages for administrators. Nobody else learns that they are there.

mod permissions;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use crate::account::administration::ADMIN;
use crate::http::admin::is_near;
use crate::http::browser::Browser;
use crate::http::error::{Code, Error};
use crate::http::finish::see_other;
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, signed_in, with_factor};
use crate::store::live::Live;

/// The routes of this area.
pub fn router() -> Router<Running> {
    Router::new().route("/admin", get(home)).merge(permissions::router())
}

/// The only page there is.
async fn home(site: Site, mut browser: Browser) -> Result<Response, Stop> {
    administrator(&site, &mut browser, permissions::PATH).await?;
    Ok(browser.answer(see_other(&site.path(permissions::PATH))))
}

/// The administrator who is here: from an allowed network, signed in lately, and with a second factor where there has to be one or
/// where they have one. They are led to `back` when they have proven it.
async fn administrator(site: &Site, browser: &mut Browser, back: &str) -> Result<Arc<Live>, Stop> {
    let live = signed_in(site, browser).await?;
    if !live.user.roles.iter().any(|role| role == ADMIN) {
        return Err(Code::NotFound.into());
    }
    let admin = &site.app.settings.admin;
    if !is_near(admin, browser.ip()) {
        return Err(Code::NetworkRefused.into());
    }
    if admin.require_mfa && !site.app.accounts.factors(&live.user).await?.any() {
        return Err(Error::new(Code::AdminNeedsFactor).into());
    }
    with_factor(site, browser, back).await
}
