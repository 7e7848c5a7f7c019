//! `provider`: the upstreams people sign in with, without the database.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::desk::{patiently, plain};
use super::{Desk, Failure};
use crate::app::boot::Loaded;

/// What can be done about providers.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the providers with the callback URLs to register upstream.
    #[command(after_help = "Example:\n  countersign provider list")]
    List(List),
    /// Asks the provider whether it is there: discovery and keys. Nobody is signed in.
    #[command(after_help = "Example:\n  countersign provider test google")]
    Test {
        /// The section's name.
        id: String,
    },
}

/// How providers are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    kind: String,
    name: String,
    callback_url: String,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let loaded = desk.load()?;
    match command {
        Command::List(options) => list(&loaded, &options, desk),
        Command::Test { id } => test(&loaded, &id, desk).await,
    }
}

fn list(loaded: &Loaded, options: &List, desk: &mut Desk) -> Result<(), Failure> {
    let issuer = loaded.settings.server.issuer.as_str().trim_end_matches('/');
    let listed = loaded.settings.providers.iter().filter_map(|section| {
        let provider = loaded.plugged.providers.get(section.id())?;
        Some(Listed {
            id: section.id().to_owned(),
            kind: section.kind().to_owned(),
            name: provider.button().name.clone(),
            callback_url: format!("{issuer}/login/{}/callback", section.id()),
        })
    });
    let listed: Vec<_> = listed.collect();
    if options.json {
        return desk.json(&listed);
    }
    let rows: Vec<_> = listed.into_iter().map(|one| [one.id, one.kind, plain(&one.name), one.callback_url]).collect();
    desk.table(["ID", "KIND", "NAME", "CALLBACK URL"], &rows)
}

async fn test(loaded: &Loaded, id: &str, desk: &mut Desk) -> Result<(), Failure> {
    let Some(provider) = loaded.plugged.providers.get(id) else {
        let known: Vec<_> = loaded.plugged.providers.iter().map(|(id, _)| id).collect();
        return Err(Failure::not_found(format!("there is no provider `{id}`; there are: {}", known.join(", "))));
    };
    let found = match patiently("asking the provider", provider.probe()).await {
        Ok(found) => found,
        Err(error) => return Err(Failure::new(format!("`{id}`: {}", plain(&Failure::from(error).message)))),
    };
    desk.say(format!("`{id}` is there"))?;
    found.iter().try_for_each(|line| desk.say(format!("  {}", plain(line))))
}
