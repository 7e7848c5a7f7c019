//! `admin`: a way in for whoever runs this machine, and who else administrates.

use clap::{Args, Subcommand};

use super::counter::Manner;
use super::user::{self, list_holders};
use super::{Desk, Failure, role};
use crate::app::{ADMIN, Minted};
use crate::domain::audit::By;

/// What can be done about administrators.
#[derive(Subcommand)]
pub enum Command {
    /// Prints a link that makes its holder an administrator, once; it works even if there is one already.
    #[command(after_help = "Example:\n  countersign admin link")]
    Link,
    /// Lists the administrators.
    #[command(after_help = "Example:\n  countersign admin list --json")]
    List(List),
    /// Makes a user an administrator.
    #[command(after_help = "Example:\n  countersign admin grant ada@example.com")]
    Grant(Administrator),
    /// Makes an administrator a plain user; the last one stays.
    #[command(after_help = "Example:\n  countersign admin revoke ada@example.com")]
    Revoke(Administrator),
}

/// How administrators are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Who.
#[derive(Args)]
pub struct Administrator {
    #[command(flatten)]
    who: user::Who,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::Link => {
            let app = desk.app().await?;
            app.note_admin_link(&By::command()).await?;
            desk.say(app.admin_link(Minted::ByCommand))?;
            let minutes = app.settings.admin.setup_link_ttl.whole_minutes();
            desk.hint(format!("It works once, for {minutes} minutes: whoever opens it becomes an administrator."))
        }
        Command::List(options) => list_holders(ADMIN, options.json, desk).await,
        Command::Grant(who) => role::change(&who.who.who, ADMIN, true, who.manner, desk).await,
        Command::Revoke(who) => role::change(&who.who.who, ADMIN, false, who.manner, desk).await,
    }
}
