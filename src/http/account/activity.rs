//! `/account/activity`: what happened with the account, in words, and a way to say that something was not oneself.

mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::audit::Actor;
use crate::http::browser::{Browser, device};
use crate::http::fields::{Form, Query};
use crate::http::finish::see_other;
use crate::http::page::{ActivityFilter, ActivityPage, ActivityRow, Frame, Hidden, Href, Moment, Notice, Page, Tab};
use crate::http::site::{Running, Site};
use crate::http::sudo::{Stop, fresh, signed_in};
use crate::store::StoreError;
use crate::store::audit::search::{Cursor, Filter, Recorded};
use crate::store::live::Live;
use words::Group;

const PATH: &str = "/account/activity";
/// Rows of a page.
const ROWS: u64 = 25;

/// The routes of this page.
pub fn router() -> Router<Running> {
    Router::new().route(PATH, get(page)).route("/account/activity/not-me", post(not_me))
}

#[derive(Deserialize)]
struct Asked {
    /// Only events of this group.
    show: Option<String>,
    /// Only what happened before the end of another page.
    before: Option<String>,
    /// How many sessions ended just now.
    ended: Option<u64>,
}

async fn page(site: Site, browser: Browser, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let live = signed_in(&site, &browser).await?;
    let group = asked.show.as_deref().and_then(Group::named);
    let behind = asked.before.and_then(|cursor| cursor.parse::<Cursor>().ok());
    let (rows, next) = rows(&site, &live, group, behind, ROWS).await?;
    let own = |query: &str| Href::from(site.path(&format!("{PATH}{query}")));
    let shown = |group: Option<Group>| group.map_or_else(String::new, |group| format!("?show={}", group.name()));
    let filters = std::iter::once(None).chain(Group::ALL.into_iter().map(Some)).map(|which| ActivityFilter {
        label: which.map_or("Everything", Group::label),
        href: own(&shown(which)),
        is_here: which == group,
    });
    let page = ActivityPage {
        frame: Frame::new(&site.shell, Tab::Activity),
        shell: Arc::clone(&site.shell),
        notice: asked.ended.map(ended_notice),
        filters: filters.collect(),
        rows,
        older: next.map(|next| {
            let filter = shown(group);
            own(&format!("{filter}{}before={next}", if filter.is_empty() { '?' } else { '&' }))
        }),
        newest: behind.map(|_| own(&shown(group))),
        not_me: Href::from(site.path("/account/activity/not-me")),
        security: Href::from(site.path("/account/security")),
        hidden: vec![Hidden::new("csrf", browser.csrf())],
        now: Moment::from(site.app.now()),
    };
    Ok(browser.answer(page.answer(StatusCode::OK)))
}

fn ended_notice(ended: u64) -> Notice {
    let sessions = match ended {
        0 => "Nobody else was signed in".to_owned(),
        1 => "The one other session has ended".to_owned(),
        more => format!("All {more} other sessions have ended"),
    };
    Notice::success(format!("{sessions}. Now change your password, and remove sign-in methods that are not yours."))
}

/// What people may see of what happened to them, newest first, and where the next page begins.
pub async fn rows(
    site: &Site,
    live: &Live,
    group: Option<Group>,
    behind: Option<Cursor>,
    limit: u64,
) -> Result<(Vec<ActivityRow>, Option<Cursor>), StoreError> {
    let filter = Filter {
        about: Some(live.user.id.to_string()),
        events: words::shown(group).map(str::to_owned).collect(),
        ..Filter::default()
    };
    let page = site.app.store().audit(&filter, behind, limit).await?;
    let rows = page.events.iter().filter_map(|event| row(site, live, event));
    Ok((rows.collect(), page.next))
}

fn row(site: &Site, live: &Live, event: &Recorded) -> Option<ActivityRow> {
    let is_own = event.actor_id.as_deref() == Some(live.user.id.to_string().as_str());
    let is_strangers = event.actor_kind == "anonymous";
    // Where those sit who run the server is not for everybody to know.
    let may_see_where = is_own || is_strangers;
    let mut what = words::of(&event.event)?.to_owned();
    if let Some(method) = event.provider.as_deref().filter(|_| words::names_method(&event.event)) {
        what = format!("{what} {}", method_name(site, method));
    }
    if !may_see_where && event.actor_kind != "system" {
        what = format!("{what}, by whoever runs the server");
    }
    Some(ActivityRow {
        id: event.id.to_string(),
        what,
        device: event.user_agent.as_deref().filter(|_| may_see_where).map(|text| device(Some(text))),
        ip: event.ip.clone().filter(|_| may_see_where),
        service: event
            .service
            .as_deref()
            .map(|id| site.app.service(id).map_or_else(|| id.to_owned(), |known| known.name.clone())),
        at: Moment::from(event.time),
        is_grave: event.severity == "warning" || event.severity == "critical",
        may_disown: is_own && words::may_be_disowned(&event.event),
    })
}

fn method_name(site: &Site, method: &str) -> String {
    match (site.app.providers.get(method), method) {
        (Some(provider), _) => format!("with {}", provider.button().name),
        (None, "password") => "with the password".into(),
        (None, "magic-link") => "with a mailed link".into(),
        (None, "passkey") => "with a passkey".into(),
        (None, _) => String::new(),
    }
}

#[derive(Deserialize)]
struct NotMe {
    csrf: String,
    /// The row it is about.
    event: Option<String>,
}

/// Everybody else is signed out, and the person is led to what makes it last.
async fn not_me(State(running): State<Running>, browser: Browser, Form(fields): Form<NotMe>) -> Result<Response, Stop> {
    let site = running.now();
    browser.check_csrf(&fields.csrf)?;
    let live = fresh(&site, &browser, PATH).await?;
    let event = fields.event.and_then(|text| Uuid::try_parse(&text).ok());
    let (letter, by) = (site.app.disowned_letter(&live.user), browser.by(Actor::User(live.user.id)));
    let ended = site.app.accounts.disown(&live.user, live.id, event, letter.as_ref(), &by).await?;
    Ok(browser.answer(see_other(&site.path(&format!("{PATH}?ended={ended}")))))
}
