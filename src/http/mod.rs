//! The web face: areas, the layers they share, and nothing else.

pub mod account;
pub mod assets;
pub mod auth;
pub mod browser;
pub mod client;
pub mod dev;
pub mod error;
pub mod face;
pub mod failure;
pub mod federated;
pub mod fields;
pub mod finish;
pub mod invite;
pub mod layers;
pub mod limit;
pub mod login;
pub mod magic_link;
pub mod openapi;
pub mod origin;
pub mod page;
pub mod server;
pub mod setup;
pub mod signup;
pub mod site;
pub mod sudo;
pub mod well_known;
pub mod wire;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::store::sessions::Sessions;
use server::Readiness;
use site::Running;

/// Everything this server answers, below the issuer's path.
pub fn router(running: &Running, sessions: Sessions, readiness: Readiness) -> Router {
    let site = running.now();
    let server = &site.app.settings.server;
    let session = SessionManagerLayer::new(sessions)
        .with_name(browser::session_cookie_name(&site))
        .with_secure(server.issuer.scheme() == "https")
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(site.app.settings.session.absolute_timeout));
    let mut pages = Router::new()
        .merge(account::router())
        .merge(login::router())
        .merge(magic_link::router())
        .merge(federated::router())
        .merge(invite::router())
        .merge(setup::router())
        .merge(signup::router())
        .merge(sudo::router());
    if server.is_dev {
        pages = pages.merge(dev::router());
    }
    let draw = failure::draw(running.clone());
    let pages = pages.layer(map_response(face::page(draw))).layer(session.clone());
    let all =
        pages.merge(auth::router(running, session)).merge(well_known::router(readiness)).with_state(running.clone());
    match site.shell.base.as_str() {
        "" => all,
        base => {
            let home = site.path("/login");
            Router::new().route(&format!("{base}/"), get(async move || finish::see_other(&home))).nest(base, all)
        }
    }
}
