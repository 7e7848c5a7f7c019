//! `permission shadow`: what a provider that only runs beside the others would change.

use clap::Args;
use serde_json::json;

use super::provider;
use crate::cli::desk::plain;
use crate::cli::{Desk, Failure};
use crate::store::shadows::Shadow;

/// Whose differences.
#[derive(Args)]
pub struct Options {
    /// The permission provider's id.
    provider: String,
    /// Begins anew: its counts and differences go.
    #[arg(long)]
    forget: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    let observes = provider(&app, &options.provider)?;
    if options.forget {
        app.forget_shadow(&options.provider).await?;
    }
    let shadow = app.shadow(&options.provider).await?;
    if options.json {
        let mut told = serde_json::to_value(&shadow)?;
        told["observes"] = json!(observes);
        return desk.json(&told);
    }
    if !observes {
        desk.hint(format!("`{}` counts: it does not only observe.", options.provider))?;
    }
    show(&shadow, desk)
}

fn show(shadow: &Shadow, desk: &mut Desk) -> Result<(), Failure> {
    let rows: Vec<_> = shadow
        .differences
        .iter()
        .map(|one| {
            let [service, who, permission, was, would] =
                [&one.service, &one.who, &one.permission, &one.was, &one.would].map(|text| plain(text));
            [service, who, permission, was, would, one.times.to_string()]
        })
        .collect();
    if !rows.is_empty() {
        desk.table(["SERVICE", "WHO", "PERMISSION", "IS", "WOULD BE", "TIMES"], &rows)?;
    }
    let counts = shadow.counts;
    desk.say(format!(
        "{} asked: {} would change nothing, {} something, {} have no answer.",
        counts.asked, counts.agreed, counts.differed, counts.failed
    ))
}
