//! The web face: areas, the layers they share, and nothing else.

pub mod account;
pub mod admin;
pub mod admin_pages;
pub mod assets;
pub mod auth;
pub mod ban;
pub mod browser;
pub mod caller;
pub mod client;
pub mod credentials;
pub mod dev;
pub mod enrol;
pub mod error;
pub mod face;
pub mod failure;
pub mod federated;
pub mod fields;
pub mod finish;
pub mod flood;
pub mod guess;
pub mod invite;
pub mod key_refresh;
pub mod known;
pub mod layers;
pub mod limit;
pub mod login;
pub mod magic_link;
pub mod no_access;
pub mod openapi;
pub mod origin;
pub mod page;
pub mod passkey;
pub mod permission_memory;
pub mod reset;
pub mod second_factor;
pub mod server;
pub mod service_caller;
pub mod service_sessions;
pub mod setup;
pub mod signup;
pub mod site;
pub mod sudo;
pub mod tree;
pub mod well_known;
pub mod wire;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
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
        .merge(admin_pages::router())
        .merge(login::router())
        .merge(no_access::router())
        .merge(reset::router())
        .merge(magic_link::router())
        .merge(federated::router())
        .merge(invite::router())
        .merge(setup::router())
        .merge(passkey::router())
        .merge(second_factor::router())
        .merge(enrol::router())
        .merge(signup::router())
        .merge(sudo::router());
    if server.is_dev {
        pages = pages.merge(dev::router());
    }
    let draw = failure::draw(running.clone());
    let pages = pages.layer(map_response(face::page(draw))).layer(session.clone());
    let all = pages
        .merge(auth::router(running, session))
        .merge(well_known::router(readiness))
        .merge(key_refresh::router())
        .merge(service_sessions::router())
        .merge(permission_memory::router())
        .merge(admin::router())
        .with_state(running.clone());
    let flood = (running.clone(), std::sync::Arc::new(flood::Flood::default()));
    let all = all.layer(from_fn_with_state(flood, flood::guard)).layer(from_fn_with_state(running.clone(), ban::guard));
    match site.shell.base.as_str() {
        "" => all,
        base => {
            let home = site.path("/login");
            Router::new().route(&format!("{base}/"), get(async move || finish::see_other(&home))).nest(base, all)
        }
    }
}
