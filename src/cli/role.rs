//! `role`: what users may be.

use clap::{Args, Subcommand};
use serde_json::json;

use super::counter::{Counter, Manner, failed};
use super::desk::{or_dash, plain};
use super::user::find;
use super::{Desk, Failure};

/// What can be done about roles.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the roles of the file.
    #[command(after_help = "Example:\n  countersign role list --json")]
    List(List),
    /// Gives somebody a role.
    #[command(after_help = "Example:\n  countersign role grant ada editor")]
    Grant(Holder),
    /// Takes a role from somebody.
    #[command(after_help = "Example:\n  countersign role revoke ada editor")]
    Revoke(Holder),
}

/// How roles are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Who, and which role.
#[derive(Args)]
pub struct Holder {
    /// An id, an address or a username.
    who: String,
    /// The role.
    role: String,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::List(options) => list(&options, desk),
        Command::Grant(holder) => change(&holder.who, &holder.role, true, holder.manner, desk).await,
        Command::Revoke(holder) => change(&holder.who, &holder.role, false, holder.manner, desk).await,
    }
}

fn list(options: &List, desk: &mut Desk) -> Result<(), Failure> {
    let settings = desk.load()?.settings;
    let says = |role: &String| settings.role_descriptions.get(role).cloned();
    let is_default = |role: &String| settings.login.default_roles.contains(role);
    if options.json {
        let all = settings.roles.iter();
        let all = all.map(|role| json!({ "role": role, "description": says(role), "is_default": is_default(role) }));
        return desk.json(&all.collect::<Vec<_>>());
    }
    let row = |role: &String| {
        let given = if is_default(role) { "to everybody" } else { "" };
        [plain(role), given.to_owned(), or_dash(says(role).as_deref())]
    };
    desk.table(["ROLE", "GIVEN", "MEANS"], &settings.roles.iter().map(row).collect::<Vec<_>>())
}

/// Gives or takes a role.
pub async fn change(who: &str, role: &str, gives: bool, manner: Manner, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let user = find(&counter.app, who).await?;
    let office = counter.office(manner);
    let changed = if gives { office.grant(user.id, role).await } else { office.revoke(user.id, role).await };
    let changed = changed.map_err(failed)?;
    let (name, role) = (plain(&user.shown_name()), plain(role));
    let sentence = match (changed, gives) {
        (true, true) => format!("{name} has the role `{role}`"),
        (true, false) => format!("{name} does not have the role `{role}` any more"),
        (false, true) => format!("{name} had the role `{role}` already"),
        (false, false) => format!("{name} did not have the role `{role}`"),
    };
    manner.report(desk, &sentence, json!({ "id": user.id, "role": role, "changed": changed }))
}
