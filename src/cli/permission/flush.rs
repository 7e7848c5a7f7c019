//! `permission flush`: what permission providers said is forgotten before its time.

use clap::Args;
use serde_json::json;

use super::known;
use crate::cli::counter::Manner;
use crate::cli::desk::plain;
use crate::cli::user::find;
use crate::cli::{Desk, Failure};
use crate::domain::audit::By;
use crate::store::invalidations::Invalidation;

/// What is forgotten.
#[derive(Args)]
pub struct Options {
    /// Of this service; of all unless given.
    service: Option<String>,
    /// About this user, by id, address or username; about everybody unless given.
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    if let Some(id) = &options.service {
        known(&app, id)?;
    }
    let user = match &options.user {
        Some(who) => Some(find(&app, who).await?),
        None => None,
    };
    let what = Invalidation { service: options.service.clone(), user: user.as_ref().map(|user| user.id) };
    if !options.manner.dry_run {
        app.invalidate(&what, &By::command()).await?;
    }
    let whom = user.as_ref().map_or_else(|| "everybody".to_owned(), |user| plain(&user.shown_name()));
    let place = what.service.as_ref().map_or_else(|| "all services".to_owned(), |id| format!("`{id}`"));
    let sentence = format!("Every server forgets within two seconds what it remembers about {whom} in {place}.");
    let answer = json!({ "service": what.service, "user": what.user });
    options.manner.report(desk, &sentence, answer)
}
