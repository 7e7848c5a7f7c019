//! `service`: what tokens are for.

use clap::{Args, Subcommand};

use super::desk::{or_dash, plain};
use super::{Desk, Failure};
use crate::app::observed::{ListedService, listed};
use crate::permission::chain::Chain;

/// What can be done about services.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the services of the file, and how soon it works in each to take something from somebody.
    #[command(after_help = "Example:\n  countersign service list --json")]
    List(List),
}

/// How services are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(command: &Command, desk: &mut Desk) -> Result<(), Failure> {
    let Command::List(List { json }) = command;
    let loaded = desk.load()?;
    let chain = Chain::new(&loaded.plugged.permissions, std::sync::Arc::default(), desk.world.clock.clone());
    let services = listed(&loaded.settings, &chain);
    if *json {
        return desk.json(&services);
    }
    let row = |service: &ListedService| {
        let state = if service.enabled { "" } else { " (off)" };
        let providers = or_dash(Some(&service.permissions.join(", ")));
        [format!("{}{state}", service.service), plain(&service.name), providers, service.revocation.clone()]
    };
    let rows: Vec<_> = services.iter().map(row).collect();
    desk.table(["SERVICE", "NAME", "PERMISSIONS", "TAKING SOMETHING AWAY"], &rows)
}
