//! `/account/security`: every way in, and what is asked beside.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::identities::link_path;
use crate::account::Doors;
use crate::account::ways::{WayIn, Ways, signs_in_alone};
use crate::domain::identity::Subject;
use crate::domain::user::User;
use crate::http::browser::Browser;
use crate::http::fields::Query;
use crate::http::login::sends_links;
use crate::http::page::{
    Frame, Hidden, Href, IdentityRow, LinkRow, Moment, Notice, Page, PasskeyRow, PasskeyRows, PasswordRow, RecoveryRow,
    SecurityPage, Signal, Tab, TotpRow, icon,
};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, signed_in};
use crate::login::passkey::model;
use crate::store::factors::Passkey;
use crate::store::live::Live;
use crate::store::users::Linked;

/// Where this page is.
pub const HOME: &str = "/account/security";

/// The routes of this page, and of what is behind its buttons.
pub fn router() -> Router<Running> {
    Router::new()
        .route("/account/security", get(page))
        .merge(super::identities::router())
        .merge(super::passkeys::router())
        .merge(super::totp::router())
}

/// What this server opens at all.
pub fn doors(site: &Site) -> Doors {
    let login = &site.app.settings.login;
    Doors {
        providers: site.app.providers.iter().map(|(id, _)| id.to_owned()).collect(),
        password: login.password.enabled,
        mail: sends_links(site),
        passkeys: login.passkey.enabled,
    }
}

#[derive(Deserialize)]
struct News {
    /// What was done just now.
    done: Option<String>,
    /// The provider that was connected just now.
    connected: Option<String>,
}

impl News {
    fn notice(&self, site: &Site) -> Option<Notice> {
        let connected = self.connected.as_deref().and_then(|id| site.app.providers.get(id));
        if let Some(provider) = connected {
            let name = &provider.button().name;
            return Some(Notice::success(format!("{name} is connected: from now on you can sign in with it, too.")));
        }
        let text = match self.done.as_deref()? {
            "passkey" => "Your passkey is ready. You can sign in with it from now on.",
            "renamed" => "The passkey has its new name.",
            "passkey-removed" => "The passkey is removed here. Remove it from your device as well.",
            "totp" => "Your app is set up. Signing in asks for its codes from now on.",
            "totp-removed" => "The app is removed. Signing in does not ask for its codes any more.",
            "disconnected" => "That sign-in is disconnected.",
            _ => return None,
        };
        Some(Notice::success(text))
    }
}

async fn page(site: Site, browser: Browser, Query(news): Query<News>) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let store = site.app.store();
    let user = &live.user;
    let login = &site.app.settings.login;
    let linked = store.identities(user.id).await?;
    let passkeys = store.passkeys(user.id).await?;
    let is_set = store.password_hash(user.id).await?.is_some();
    let factors = site.app.accounts.factors(user).await?;
    let totp = store.totp(user.id).await?;
    let ways = ways(&site, user, is_set, &linked, &passkeys);
    let page = SecurityPage {
        shell: Arc::clone(&site.shell),
        frame: Frame::new(&site.shell, Tab::Security),
        notice: news.notice(&site),
        password: login
            .password
            .enabled
            .then(|| PasswordRow { is_set, href: Href::from(site.path("/account/password")) }),
        linkable: linkable(&site, &live, &linked),
        identities: linked.into_iter().map(|linked| identity_row(&site, &ways, linked)).collect(),
        unlink: Href::from(site.path("/account/security/identities/unlink")),
        passkeys: login.passkey.enabled.then(|| passkey_rows(&site, user, &ways, passkeys)),
        totp: (login.mfa.totp || totp.is_some()).then(|| TotpRow {
            since: totp.map(|totp| Moment::from(totp.created_at)),
            add: Href::from(site.path("/account/security/totp")),
            remove: Href::from(site.path("/account/security/totp/remove")),
        }),
        recovery: (factors.any() && login.mfa.recovery_codes > 0).then(|| RecoveryRow {
            left: factors.recovery_left,
            renew: Href::from(site.path("/account/security/recovery-codes")),
        }),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        now: Moment::from(site.app.now()),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

/// The ways in as the page shows them; what is taken away is judged again, with the row at hand.
fn ways(site: &Site, user: &User, has_password: bool, linked: &[Linked], passkeys: &[Passkey]) -> Ways {
    let doors = doors(site);
    let alone = passkeys.iter().filter(|passkey| doors.passkeys && signs_in_alone(&passkey.credential));
    let subjects = linked.iter().map(|linked| &linked.subject);
    Ways {
        password: doors.password && has_password,
        mail: doors.mail && user.email.as_ref().is_some_and(|address| address.verified),
        passkeys: alone.map(|passkey| passkey.id.clone()).collect(),
        identities: subjects.filter(|subject| doors.providers.contains(&subject.provider)).cloned().collect(),
    }
}

fn identity_row(site: &Site, ways: &Ways, linked: Linked) -> IdentityRow {
    let Linked { subject, linked_at, used_at } = linked;
    let button = site.app.providers.get(&subject.provider).map(|provider| provider.button());
    let is_last = !ways.survive(WayIn::Identity(&subject));
    let Subject { provider, realm, subject } = subject;
    IdentityRow {
        name: button.as_ref().map_or_else(|| provider.clone(), |button| button.name.clone()),
        mark: icon(button.as_ref().map_or("key", |button| button.icon)),
        provider,
        realm,
        subject,
        linked_at: Moment::from(linked_at),
        used_at: Moment::from(used_at),
        is_last,
    }
}

fn linkable(site: &Site, live: &Live, linked: &[Linked]) -> Vec<LinkRow> {
    let has = |id: &str| linked.iter().any(|linked| linked.subject.provider == id);
    let others = site.app.providers.iter().filter(|(id, _)| !has(id));
    others
        .map(|(id, provider)| LinkRow {
            id: id.to_owned(),
            name: provider.button().name.clone(),
            mark: icon(provider.button().icon),
            href: Href::from(link_path(site, live, id)),
        })
        .collect()
}

fn passkey_rows(site: &Site, user: &User, ways: &Ways, passkeys: Vec<Passkey>) -> PasskeyRows {
    let settings = &site.app.settings.login.passkey;
    let ids: Vec<_> = passkeys.iter().map(|passkey| passkey.id.clone()).collect();
    let has_room = ids.len() < settings.max_per_user as usize;
    let rows = passkeys.into_iter().map(|passkey| PasskeyRow {
        is_last: !ways.survive(WayIn::Passkey(&passkey.id)),
        id: passkey.id,
        name: passkey.name,
        model: passkey.aaguid.as_deref().and_then(model),
        synced: passkey.synced,
        created_at: Moment::from(passkey.created_at),
        used_at: passkey.used_at.map(Moment::from),
    });
    PasskeyRows {
        rows: rows.collect(),
        add: has_room.then(|| Href::from(site.path("/account/security/passkeys/new"))),
        rename: Href::from(site.path("/account/security/passkeys/rename")),
        remove: Href::from(site.path("/account/security/passkeys/remove")),
        signal: Signal {
            rp_id: settings.rp_id.clone(),
            unknown: String::new(),
            user: URL_SAFE_NO_PAD.encode(user.id.0.as_bytes()),
            accepted: ids.join(" "),
        },
    }
}
