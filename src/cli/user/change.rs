//! What changes users. The running server sees each change with its next question to the database.

use serde_json::json;

use super::listed::Listed;
use super::{Add, Deed, Delete, Reset, find};
use crate::account::AccountError;
use crate::account::administration::AdminError;
use crate::app::App;
use crate::app::resets::HandedOver;
use crate::cli::counter::{Counter, Manner, failed};
use crate::cli::desk::{patiently, plain};
use crate::cli::{Desk, Failure};
use crate::domain::audit::By;
use crate::domain::email::Email;
use crate::domain::id::SessionId;
use crate::domain::identity::display_name;
use crate::domain::password::{About, Known};
use crate::domain::user::Username;
use crate::store::users::NewUser;

/// Makes a user.
pub async fn add(app: &App, options: Add, desk: &mut Desk) -> Result<(), Failure> {
    let Ok(email) = options.email.parse::<Email>() else {
        return Err(Failure::usage(format!("`{}` is not an e-mail address", plain(&options.email))));
    };
    let username = username(app, &options, &email).await?;
    let mut roles = app.settings.login.default_roles.clone();
    roles.extend(known_roles(app, options.roles)?);
    if app.store().user_by_email(&email).await?.is_some() {
        return Err(taken(&email));
    }
    let name = options.name.as_deref().and_then(display_name);
    let about = About::default().with_email(&email).with(Known::Name, name.as_deref().unwrap_or_default());
    let password = if options.password_stdin { Some(password(app, about, desk).await?) } else { None };
    let new =
        NewUser { username, name, email: Some((email.clone(), !options.unverified)), roles, ..NewUser::default() };
    let accounts = app.accounts.rehearsal(options.manner.dry_run);
    let user = match patiently("making the user", accounts.add(new, password.as_deref(), &By::command())).await {
        Err(AccountError::Store(error)) if error.is_conflict() => return Err(taken(&email)),
        done => done?,
    };
    if options.manner.dry_run {
        let answer = json!({ "email": email, "username": user.username, "roles": user.roles });
        return options.manner.report(desk, &format!("{email} would have an account"), answer);
    }
    if options.manner.json { desk.json(&Listed::from(&user)) } else { desk.say(user.id.to_string()) }
}

fn taken(email: &Email) -> Failure {
    Failure::new(format!("somebody has an account with the address {email} already"))
}

async fn username(app: &App, options: &Add, email: &Email) -> Result<Option<Username>, Failure> {
    let Some(wish) = &options.username else { return Ok(Username::suggested(email.local_part())) };
    let Some(username) = Username::new(wish) else {
        let message =
            format!("`{}` may not be a username: a-z, 0-9, `.`, `_` and `-`, 2 to 31 characters", plain(wish));
        return Err(Failure::usage(message));
    };
    match app.store().user_by_username(wish).await? {
        Some(_) => Err(Failure::new(format!("somebody has the username `{wish}` already"))),
        None => Ok(Some(username)),
    }
}

pub(super) fn known_roles(app: &App, roles: Vec<String>) -> Result<Vec<String>, Failure> {
    let known = &app.settings.roles;
    match roles.iter().find(|role| !known.contains(role)) {
        Some(role) => {
            let message = format!("there is no role `{}`; there are: {}", plain(role), known.join(", "));
            Err(Failure::usage(message))
        }
        None => Ok(roles),
    }
}

async fn password(app: &App, about: About, desk: &mut Desk) -> Result<String, Failure> {
    if !app.settings.login.password.enabled {
        return Err(Failure::usage("nobody signs in with a password here: `login.password.enabled` is false"));
    }
    let password = desk.secret("Password")?;
    let judged = app.judge_password(&password, app.is_only_factor(None).await?, about).await?;
    if judged.is_good() {
        Ok(password)
    } else {
        Err(Failure::usage(format!("the password will not do. {}", judged.explained())))
    }
}

/// Locks or unlocks.
pub async fn set_locked(who: Deed, locked: bool, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &who.who.who).await?;
    let office = counter.office(who.manner);
    let changed = if locked { office.lock(user.id).await } else { office.unlock(user.id).await }.map_err(failed)?;
    let name = plain(&user.shown_name());
    let sentence = match (changed, locked) {
        (true, true) => format!("{name} is locked, and every session of theirs has ended"),
        (true, false) => format!("{name} may sign in again"),
        (false, true) => format!("{name} was locked already"),
        (false, false) => format!("{name} was not locked"),
    };
    who.manner.report(desk, &sentence, json!({ "id": user.id, "locked": locked, "changed": changed }))
}

/// Notes that the address is the user's.
pub async fn verify(who: Deed, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &who.who.who).await?;
    let changed = counter.office(who.manner).verify(user.id).await.map_err(failed)?;
    let name = plain(&user.shown_name());
    let sentence = if changed {
        format!("the address of {name} counts as proven")
    } else {
        format!("the address of {name} was proven already")
    };
    who.manner.report(desk, &sentence, json!({ "id": user.id, "changed": changed }))
}

/// Mails or prints the link that sets another password.
pub async fn reset(options: Reset, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &options.who.who).await?;
    let Reset { print, manner, .. } = options;
    let how = if print { HandedOver::ByCaller } else { HandedOver::ByMail };
    let link = match counter.app.reset_for(&counter.office(manner), &user, how).await {
        Err(AdminError::NoLetters) => {
            return Err(Failure::new("this server sends no letters; show the link with --print"));
        }
        done => done.map_err(failed)?,
    };
    let name = plain(&user.shown_name());
    let shown = (print && !manner.dry_run).then_some(link);
    match &shown {
        Some(link) if !manner.json => {
            desk.say(link)?;
            desk.hint(format!("{name} chooses another password with it, once; earlier links are over."))
        }
        _ => {
            let sentence = if print {
                format!("a link for {name} would be printed")
            } else {
                format!("{name} gets a letter with the link to another password")
            };
            manner.report(desk, &sentence, json!({ "id": user.id, "mailed": !print, "link": shown }))
        }
    }
}

/// Takes second factors and passkeys away.
pub async fn reset_factors(who: Deed, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &who.who.who).await?;
    let changed = counter.office(who.manner).reset_factors(user.id).await.map_err(failed)?;
    let name = plain(&user.shown_name());
    let sentence = if changed {
        format!("{name} has no second factors any more")
    } else {
        format!("{name} had no second factors")
    };
    who.manner.report(desk, &sentence, json!({ "id": user.id, "changed": changed }))
}

/// Prints everything that is kept of a user.
pub async fn export(who: &str, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, who).await?;
    let document = counter.office(Manner::default()).export(user.id).await.map_err(failed)?;
    desk.json(&document)
}

/// Deletes, if it is confirmed.
pub async fn delete(options: Delete, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, &options.who.who).await?;
    let who = format!("{} ({})", plain(&user.shown_name()), user.id);
    if !options.yes && !options.manner.dry_run {
        return Err(Failure::unconfirmed(format!("this deletes {who} for good; say so with --yes")));
    }
    counter.office(options.manner).erase(user.id).await.map_err(failed)?;
    options.manner.report(desk, &format!("{who} is deleted"), json!({ "id": user.id, "deleted": true }))
}

/// Ends one session or all sessions of a user.
pub async fn end_sessions(who: &str, only: Option<SessionId>, manner: Manner, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, who).await?;
    let office = counter.office(manner);
    let ended = match only {
        Some(session) => u64::from(office.end_session(user.id, session).await.map_err(failed)?),
        None => office.end_sessions(user.id).await.map_err(failed)?,
    };
    let sessions = if ended == 1 { "1 session has".to_owned() } else { format!("{ended} sessions have") };
    manner.report(desk, &format!("{sessions} ended"), json!({ "id": user.id, "ended": ended }))
}
