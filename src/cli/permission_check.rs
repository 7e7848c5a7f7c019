//! `permission check` and `permission limit`: what `/auth/access` and `/auth/limit` would answer a service.

use clap::Args;
use serde_json::json;

use super::desk::{or_dash, patiently, plain};
use super::{Desk, Failure};
use crate::app::{About, App, Claimant};
use crate::domain::access::{Item, Wish};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::Who;

/// One deed on one item.
#[derive(Args)]
pub struct Check {
    /// The service's id.
    service: String,
    /// An id, a username or a proven address; without it the service asks about itself.
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    /// What they want to do.
    #[arg(long = "do", value_name = "ACTION", value_parser = action)]
    action: String,
    /// What the item is.
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kind: String,
    /// Which one.
    #[arg(long)]
    id: Option<String>,
    /// Whose it is.
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// `public`, `unlisted`, `shared`, `private`, or a word of the service's own.
    #[arg(long, value_name = "WORD", value_parser = visibility)]
    visibility: Option<String>,
    /// With whom it is shared; may be given several times.
    #[arg(long, value_name = "USER")]
    shared_with: Vec<String>,
    /// Lets permission providers of kind `exec` run their programs.
    #[arg(long)]
    allow_exec: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// One value of a limit.
#[derive(Args)]
pub struct Limit {
    /// The service's id.
    service: String,
    /// The limit's name.
    name: String,
    /// Is this within it?
    #[arg(allow_negative_numbers = true)]
    value: f64,
    /// An id, a username or a proven address; without it the service asks about itself.
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    /// Lets permission providers of kind `exec` run their programs.
    #[arg(long)]
    allow_exec: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs `permission check`; a no is exit code 1.
pub async fn check(options: Check, desk: &mut Desk) -> Result<(), Failure> {
    let Check { service, user, action, kind, id, owner, visibility, shared_with, allow_exec, json } = options;
    desk.world.may_run_programs = allow_exec;
    let app = desk.app().await?;
    let service = named(&app, &service)?;
    let user = meant(&app, user.as_deref()).await?;
    let item = Item { kind, id, owner, visibility, shared_with, is_orphaned: false };
    let about = about(service, user.as_ref());
    let said = patiently("asking", app.may(&about, vec![Wish { action, item }])).await?;
    let said = said.first().ok_or_else(|| Failure::new("nothing was said"))?;
    if json {
        desk.json(&json!({ "allowed": said.is_allowed(), "by": said.by }))?;
    } else {
        desk.say(format!("{}  by {}", verdict(said.is_allowed()), or_dash(Some(&said.by))))?;
    }
    if said.is_allowed() { Ok(()) } else { Err(Failure::said(1)) }
}

/// Runs `permission limit`; a no is exit code 1.
pub async fn limit(options: Limit, desk: &mut Desk) -> Result<(), Failure> {
    desk.world.may_run_programs = options.allow_exec;
    let app = desk.app().await?;
    let service = named(&app, &options.service)?;
    let user = meant(&app, options.user.as_deref()).await?;
    let about = about(service, user.as_ref());
    let within = patiently("asking", app.within(&about, &options.name, options.value)).await?;
    let is_allowed = within.said.is_allowed();
    if options.json {
        desk.json(&json!({ "allowed": is_allowed, "limit": within.limit }))?;
    } else {
        let limit = within.limit.map(|limit| limit.to_string());
        desk.say(format!("{}  limit {}", verdict(is_allowed), or_dash(limit.as_deref())))?;
    }
    if is_allowed { Ok(()) } else { Err(Failure::said(1)) }
}

fn verdict(is_allowed: bool) -> &'static str {
    if is_allowed { "allowed" } else { "denied" }
}

fn named<'a>(app: &'a App, id: &str) -> Result<&'a Service, Failure> {
    let service = app.settings.service(id);
    service.ok_or_else(|| Failure::not_found(format!("there is no service `{}`", plain(id))))
}

/// `None` without a name: the service itself.
async fn meant(app: &App, who: Option<&str>) -> Result<Option<User>, Failure> {
    let Some(who) = who else { return Ok(None) };
    match app.meant(who).await? {
        Some(user) => Ok(Some(user)),
        None => Err(Failure::not_found(format!("there is no user `{}`", plain(who)))),
    }
}

fn about<'a>(service: &'a Service, user: Option<&'a User>) -> About<'a> {
    let who = user.map_or(Who::Machine(&service.id), Who::Person);
    About { service, claimant: Some(Claimant::vouched(who)), ip: None }
}

fn action(text: &str) -> Result<String, String> {
    word(text, "_-")
}

fn kind(text: &str) -> Result<String, String> {
    word(text, "_-.:")
}

fn visibility(text: &str) -> Result<String, String> {
    if text == "own" { Err("whose the item is stands in --owner".into()) } else { word(text, "_-") }
}

fn word(text: &str, marks: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c));
    if fits { Ok(text.to_owned()) } else { Err("write a word of letters and digits".into()) }
}
