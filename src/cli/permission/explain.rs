//! `permission explain`: why somebody has one permission, or why not.

use clap::Args;

use super::Asking;
use crate::app::explain::Explained;
use crate::app::hooks::unasked;
use crate::cli::desk::plain;
use crate::cli::{Desk, Failure};

/// What is explained.
#[derive(Args)]
pub struct Options {
    /// The service's id.
    service: String,
    /// The permission's name.
    permission: String,
    /// An id, an address or a username.
    #[arg(long, value_name = "WHO")]
    user: String,
    #[command(flatten)]
    manner: Asking,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let app = options.manner.app(desk).await?;
    let whom = (options.service.as_str(), options.user.as_str());
    let explained = options.manner.explained(&app, whom, Some(&options.permission)).await?;
    if options.json { desk.json(&explained) } else { show(&explained, desk) }
}

fn show(explained: &Explained, desk: &mut Desk) -> Result<(), Failure> {
    for step in &explained.steps {
        desk.say(plain(step.why.as_deref().unwrap_or_default()))?;
    }
    if explained.steps.is_empty() {
        desk.say(format!("`{}` has no permission provider.", explained.service))?;
    }
    let verdict = explained.permission.as_ref().map_or("", |answer| answer.why.as_str());
    desk.say(format!("\n{}", plain(verdict)))?;
    let unasked = explained.token.as_ref().and_then(|_| unasked(&explained.hooks_not_asked));
    unasked.map_or(Ok(()), |sentence| desk.say(sentence))
}
