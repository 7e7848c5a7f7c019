//! Users and their sessions, as they are listed.

use serde::Serialize;
use time::OffsetDateTime;

use super::List;
use crate::app::App;
use crate::cli::desk::{moment, or_dash, plain};
use crate::cli::{Desk, Failure};
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::store::people::{Person, Place, Wanted};
use crate::store::users::Linked;

/// A user for programs; part of what the command line promises.
#[derive(Serialize)]
pub struct Listed<'a> {
    id: UserId,
    username: Option<&'a str>,
    name: Option<&'a str>,
    email: Option<&'a str>,
    email_verified: bool,
    roles: &'a [String],
    groups: &'a [String],
    #[serde(with = "time::serde::rfc3339::option")]
    locked_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    signed_in_at: Option<OffsetDateTime>,
}

impl<'a> From<&'a Person> for Listed<'a> {
    fn from(person: &'a Person) -> Self {
        Self { signed_in_at: person.signed_in_at, ..Self::from(&person.user) }
    }
}

impl<'a> From<&'a User> for Listed<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            username: user.username.as_deref(),
            name: user.name.as_deref(),
            email: user.email.as_ref().map(|address| address.email.as_str()),
            email_verified: user.email.as_ref().is_some_and(|address| address.verified),
            roles: &user.roles,
            groups: &user.groups,
            locked_at: user.locked_at,
            created_at: user.created_at,
            signed_in_at: None,
        }
    }
}

#[derive(Serialize)]
struct Identity {
    provider: String,
    subject: String,
    #[serde(with = "time::serde::rfc3339")]
    linked_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    used_at: OffsetDateTime,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    user: Listed<'a>,
    identities: Vec<Identity>,
    has_password: bool,
    sessions: usize,
    old_ids: Vec<String>,
    extra: serde_json::Map<String, serde_json::Value>,
}

/// Lists users.
pub async fn list(app: &App, options: &List, desk: &mut Desk) -> Result<(), Failure> {
    let place = |text: &String| {
        Place::parse(text).ok_or_else(|| Failure::usage(format!("`{}` is not a place in the list", plain(text))))
    };
    let mut after = options.after.as_ref().map(place).transpose()?;
    let wanted = Wanted {
        search: options.search.clone().filter(|text| !text.is_empty()),
        role: options.role.clone(),
        locked: options.locked.then_some(true),
        unverified: options.unverified,
        provider: options.provider.clone(),
        never_signed_in: options.never_signed_in,
    };
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    let mut people = Vec::new();
    // A page may end before it is full; somebody at a terminal wants a full one.
    loop {
        let page = app.store().people(&wanted, after.take(), limit - people.len()).await?;
        people.extend(page.people);
        after = page.next;
        if after.is_none() || people.len() == limit {
            break;
        }
    }
    if options.json {
        return desk.json(&people.iter().map(Listed::from).collect::<Vec<_>>());
    }
    let row = |person: &Person| {
        let user = &person.user;
        let email = user.email.as_ref().map(|address| address.email.as_str());
        let state = if user.is_locked() { "locked" } else { "" };
        [user.id.to_string(), or_dash(email), or_dash(user.name.as_deref()), user.roles.join(","), state.to_owned()]
    };
    let rows: Vec<_> = people.iter().map(row).collect();
    desk.table(["ID", "ADDRESS", "NAME", "ROLES", "STATE"], &rows)?;
    match after {
        Some(place) => desk.hint(format!("There are more: --after {}", place.to_text())),
        None => Ok(()),
    }
}

/// Shows one user.
pub async fn show(app: &App, user: &User, json: bool, desk: &mut Desk) -> Result<(), Failure> {
    let linked = app.store().identities(user.id).await?;
    let has_password = app.store().password_hash(user.id).await?.is_some();
    let sessions = app.store().sessions_of(user.id, app.patience()).await?.len();
    let (old_ids, extra) = (app.store().aliases_of(user.id).await?, app.store().extra_of(user.id).await?);
    if json {
        let identity = |one: &Linked| Identity {
            provider: one.subject.provider.clone(),
            subject: one.subject.subject.clone(),
            linked_at: one.linked_at,
            used_at: one.used_at,
        };
        let identities = linked.iter().map(identity).collect();
        let signed_in_at = app.store().person(user.id).await?.and_then(|person| person.signed_in_at);
        let user = Listed { signed_in_at, ..user.into() };
        return desk.json(&Shown { user, identities, has_password, sessions, old_ids, extra });
    }
    let address = user.email.as_ref().map(|address| {
        let state = if address.verified { "verified" } else { "not verified" };
        format!("{} ({state})", address.email)
    });
    let mut lines = vec![
        ("Id", user.id.to_string()),
        ("Address", or_dash(address.as_deref())),
        ("Username", or_dash(user.username.as_deref())),
        ("Name", or_dash(user.name.as_deref())),
        ("Roles", or_dash(Some(&user.roles.join(" ")))),
        ("Groups", or_dash(Some(&user.groups.join(" ")))),
        ("Made", moment(user.created_at)),
        ("Password", if has_password { "yes" } else { "no" }.to_owned()),
        ("Sessions", sessions.to_string()),
    ];
    if let Some(at) = user.locked_at {
        lines.push(("Locked", format!("since {}", moment(at))));
    }
    if !old_ids.is_empty() {
        lines.push(("Once", or_dash(Some(&old_ids.join(" ")))));
    }
    if !extra.is_empty() {
        lines.push(("More", plain(&serde_json::Value::Object(extra).to_string())));
    }
    for one in &linked {
        let subject =
            format!("{} {}, last used {}", one.subject.provider, plain(&one.subject.subject), moment(one.used_at));
        lines.push(("Identity", subject));
    }
    lines.iter().try_for_each(|(what, value)| desk.say(format!("{what:<9} {value}")))
}

/// Lists a user's sessions.
pub async fn sessions(app: &App, user: &User, json: bool, desk: &mut Desk) -> Result<(), Failure> {
    let sessions = app.store().sessions_of(user.id, app.patience()).await?;
    if json {
        return desk.json(&sessions);
    }
    let rows: Vec<_> = sessions
        .iter()
        .map(|one| {
            let (made, seen) = (moment(one.created_at), moment(one.seen_at));
            [
                one.id.to_string(),
                one.method.clone(),
                made,
                seen,
                or_dash(one.ip.as_deref()),
                or_dash(one.user_agent.as_deref()),
            ]
        })
        .collect();
    desk.table(["ID", "METHOD", "BEGAN", "LAST USED", "ADDRESS", "BROWSER"], &rows)
}
