//! `session`: where somebody is signed in.

use clap::{Args, Subcommand};

use super::counter::Manner;
use super::user::{self, find};
use super::{Desk, Failure};
use crate::domain::id::SessionId;

/// What can be done about sessions.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the sessions of a user.
    #[command(after_help = "Example:\n  countersign session list ada --json")]
    List(List),
    /// Ends one session of a user.
    #[command(after_help = "Example:\n  countersign session revoke ada ses_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a")]
    Revoke(Revoke),
}

/// Whose sessions.
#[derive(Args)]
pub struct List {
    /// An id, an address or a username.
    who: String,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Which session.
#[derive(Args)]
pub struct Revoke {
    /// An id, an address or a username.
    who: String,
    /// The session's id.
    session: SessionId,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::List(options) => {
            let app = desk.app().await?;
            user::list_sessions(&app, &find(&app, &options.who).await?, options.json, desk).await
        }
        Command::Revoke(options) => user::end_session(&options.who, options.session, options.manner, desk).await,
    }
}
