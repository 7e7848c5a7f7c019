//! `invitation`: whom an account is kept for.

use clap::{Args, Subcommand};
use serde_json::json;

use super::counter::{Counter, Manner};
use super::desk::{moment, plain};
use super::{Desk, Failure};
use crate::domain::id::InvitationId;

/// How many are listed.
const LISTED: u64 = 1000;

/// What can be done about invitations; `user invite` makes one.
#[derive(Subcommand)]
pub enum Command {
    /// Lists invitations, the newest first; those that are over stay for 30 days.
    #[command(after_help = "Example:\n  countersign invitation list --json")]
    List(List),
    /// Takes an invitation back.
    #[command(after_help = "Example:\n  countersign invitation revoke inv_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a")]
    Revoke(Revoke),
}

/// How invitations are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Which invitation.
#[derive(Args)]
pub struct Revoke {
    /// Its id.
    id: InvitationId,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let accounts = &counter.app.accounts;
    match command {
        Command::List(options) => {
            let all = accounts.invitations(None, LISTED).await?;
            if options.json {
                return desk.json(&all);
            }
            let now = counter.app.now();
            let rows: Vec<_> = all
                .iter()
                .map(|one| {
                    let state = if one.is_open(now) { "open" } else { "over" };
                    [one.id.to_string(), plain(one.email.as_str()), moment(one.expires_at), state.to_owned()]
                })
                .collect();
            desk.table(["ID", "ADDRESS", "UNTIL", "STATE"], &rows)
        }
        Command::Revoke(options) => {
            if !counter.accounts(options.manner).revoke_invitation(counter.by(), options.id).await? {
                return Err(Failure::not_found(format!("there is no open invitation {}", options.id)));
            }
            let answer = json!({ "id": options.id.to_string(), "revoked": true });
            options.manner.report(desk, &format!("{} is over", options.id), answer)
        }
    }
}
