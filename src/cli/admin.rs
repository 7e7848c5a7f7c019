//! `admin`: a way in for whoever runs this machine.

use clap::Subcommand;

use super::{Desk, Failure};
use crate::app::Minted;
use crate::domain::audit::By;

/// What can be done about administrators.
#[derive(Subcommand)]
pub enum Command {
    /// Prints a link that makes its holder an administrator, once; it works even if there is one already.
    #[command(after_help = "Example:\n  countersign admin link")]
    Link,
}

/// Runs the command.
pub async fn run(command: &Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::Link => {
            let app = desk.app().await?;
            app.note_admin_link(&By::command()).await?;
            desk.say(app.admin_link(Minted::ByCommand))?;
            let minutes = app.settings.admin.setup_link_ttl.whole_minutes();
            desk.hint(format!("It works once, for {minutes} minutes: whoever opens it becomes an administrator."))
        }
    }
}
