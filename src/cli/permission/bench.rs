//! `permission bench`: how long each provider of a service takes.

use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::{Asking, known};
use crate::app::App;
use crate::cli::user::find;
use crate::cli::{Desk, Failure};
use crate::permission::Who;
use crate::permission::chain::Question;

/// What is measured.
#[derive(Args)]
pub struct Options {
    /// The service's id.
    service: String,
    /// An id, an address or a username.
    #[arg(long, value_name = "WHO")]
    user: String,
    /// How often it is asked, one after the other.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
    #[command(flatten)]
    manner: Asking,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// How long it took, in milliseconds.
#[derive(Debug, Serialize)]
struct Times {
    /// `None`: the whole chain.
    provider: Option<String>,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    failed: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    service: &'a str,
    requests: u32,
    times: &'a [Times],
}

/// What was measured of a provider, or of all.
#[derive(Default)]
struct Clocked {
    took: Vec<f64>,
    failed: usize,
}

impl Clocked {
    fn add(&mut self, took: std::time::Duration, is_failure: bool) {
        self.took.push(took.as_secs_f64() * 1000.0);
        self.failed += usize::from(is_failure);
    }

    fn times(mut self, provider: Option<String>) -> Times {
        self.took.sort_by(f64::total_cmp);
        let at = |percent| percentile(&self.took, percent);
        Times { provider, p50_ms: at(50), p99_ms: at(99), max_ms: at(100), failed: self.failed }
    }
}

/// The least value that this share of all does not exceed; of sorted values.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Runs the command.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let app = options.manner.app(desk).await?;
    let times = measure(&app, options, desk).await?;
    if options.json {
        return desk.json(&Answer { service: &options.service, requests: options.requests, times: &times });
    }
    let row = |times: &Times| {
        let name = times.provider.clone().unwrap_or_else(|| "(all)".into());
        let shown = [times.p50_ms, times.p99_ms, times.max_ms].map(|took| format!("{took:.3} ms"));
        let [p50, p99, max] = shown;
        [name, p50, p99, max, times.failed.to_string()]
    };
    let rows: Vec<_> = times.iter().map(row).collect();
    desk.table(["PROVIDER", "P50", "P99", "MAX", "FAILED"], &rows)
}

async fn measure(app: &App, options: &Options, desk: &Desk) -> Result<Vec<Times>, Failure> {
    let service = known(app, &options.service)?;
    let user = find(app, &options.user).await?;
    let Asking { method, mfa, .. } = &options.manner;
    let user = app.as_if(&options.manner.query(service, &user, None)).map_err(super::senseless)?;
    let question = Question { service, who: Who::Person(&user), provider: method, ip: None, is_multi_factor: *mfa };
    let mut each: Vec<(String, Clocked)> =
        service.permissions.iter().map(|id| (id.clone(), Clocked::default())).collect();
    let mut all = Clocked::default();
    let bar = if desk.is_read { ProgressBar::new(options.requests.into()) } else { ProgressBar::hidden() };
    for _ in 0..options.requests {
        let began = Instant::now();
        let (steps, outcome) = app.chain.trace(&question).await;
        all.add(began.elapsed(), outcome.is_err());
        for step in steps {
            if let Some((_, clocked)) = each.iter_mut().find(|(id, _)| *id == step.provider) {
                clocked.add(step.took, step.answer.is_err());
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let each = each.into_iter().map(|(id, clocked)| clocked.times(Some(id)));
    Ok(each.chain([all.times(None)]).collect())
}
