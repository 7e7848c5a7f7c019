//! `migrate`: the steps of the database schema.

use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::desk::patiently;
use super::{Desk, Failure};
use crate::app::boot;
use crate::config::settings::Settings;
use crate::store::{Step, Store};

/// What can be done about the schema.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the steps of the schema and which are applied; changes nothing.
    #[command(after_help = "Example:\n  countersign migrate status --json")]
    Status(Status),
    /// Applies the steps that are not applied yet.
    #[command(after_help = "Example:\n  countersign migrate up")]
    Up,
}

/// How the steps are listed.
#[derive(Args)]
pub struct Status {
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    applied: bool,
}

/// Runs the command.
pub async fn run(command: &Command, desk: &mut Desk) -> Result<(), Failure> {
    let settings = desk.load()?.settings;
    match command {
        Command::Status(options) => status(&settings, options, desk).await,
        Command::Up => up(&settings, desk).await,
    }
}

async fn status(settings: &Settings, options: &Status, desk: &mut Desk) -> Result<(), Failure> {
    let is_there = sqlite_file(settings).is_none_or(Path::is_file);
    let steps = if is_there {
        Store::connect(&settings.database, desk.world.clock.clone()).await?.steps().await?
    } else {
        Store::all_steps()
    };
    let steps = steps.into_iter().map(|Step { name, is_applied }| Listed { name, applied: is_applied });
    let steps: Vec<_> = steps.collect();
    if options.json {
        return desk.json(&steps);
    }
    let state = |applied: bool| if applied { "applied" } else { "pending" }.to_owned();
    let rows: Vec<_> = steps.iter().map(|step| [step.name.clone(), state(step.applied)]).collect();
    desk.table(["STEP", "STATE"], &rows)
}

async fn up(settings: &Settings, desk: &mut Desk) -> Result<(), Failure> {
    boot::make_data_dir(settings)?;
    let store = Store::connect(&settings.database, desk.world.clock.clone()).await?;
    let pending: Vec<_> = store.steps().await?.into_iter().filter(|step| !step.is_applied).collect();
    if pending.is_empty() {
        return desk.say("the schema is up to date");
    }
    patiently("migrating", store.migrate()).await?;
    pending.iter().try_for_each(|step| desk.say(format!("applied {}", step.name)))
}

/// The file of an SQLite database.
fn sqlite_file(settings: &Settings) -> Option<&Path> {
    let path = settings.database.url.reveal().strip_prefix("sqlite:")?;
    Some(Path::new(path.split('?').next().unwrap_or(path)))
}
