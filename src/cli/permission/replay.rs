//! `permission replay`: what a provider says now to what it was asked lately.

use clap::Args;

use super::provider;
use crate::app::observed::Replayed;
use crate::cli::desk::{patiently, plain};
use crate::cli::{Desk, Failure};

/// What is asked again.
#[derive(Args)]
pub struct Options {
    /// The permission provider's id.
    provider: String,
    /// At most so many questions, the newest.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=200))]
    last: u64,
    /// Lets permission providers of kind `exec` run their programs.
    #[arg(long)]
    allow_exec: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    desk.world.may_run_programs = options.allow_exec;
    let app = desk.app().await?;
    provider(&app, &options.provider)?;
    let most = usize::try_from(options.last).unwrap_or(usize::MAX);
    let replayed = patiently("asking again", app.replay(&options.provider, most)).await?;
    if options.json {
        desk.json(&replayed)?;
    } else {
        show(&replayed, desk)?;
    }
    if replayed.differences.is_empty() && replayed.failed == 0 { Ok(()) } else { Err(Failure::said(1)) }
}

fn show(replayed: &Replayed, desk: &mut Desk) -> Result<(), Failure> {
    let rows: Vec<_> = replayed
        .differences
        .iter()
        .map(|changed| {
            let difference = &changed.difference;
            [&changed.service, &changed.who, &difference.permission, &difference.was, &difference.would]
                .map(|text| plain(text))
        })
        .collect();
    if !rows.is_empty() {
        desk.table(["SERVICE", "WHO", "PERMISSION", "WAS", "IS NOW"], &rows)?;
    }
    let Replayed { asked, same, failed, gone, .. } = replayed;
    desk.say(format!("{asked} asked again: {same} say the same, {failed} have no answer; {gone} are gone."))
}
