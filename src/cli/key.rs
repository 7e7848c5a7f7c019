//! `key`: the keys that sign tokens.

use clap::{Args, Subcommand};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::desk::{moment, patiently};
use super::{Desk, Failure};
use crate::app::App;
use crate::domain::service::Algorithm;
use crate::keys::KeyRing;
use crate::keys::schedule::{KeyTimes, Stage, stages};
use crate::store::audit::chained;
use crate::store::keys;

/// What can be done about signing keys.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the published keys.
    #[command(after_help = "Example:\n  countersign key list --json")]
    List(List),
    /// Lets another key sign: after `keys.publish_before`, so that everybody has seen it by then.
    #[command(after_help = "Example:\n  countersign key rotate --alg ES256")]
    Rotate(Rotate),
    /// Makes and publishes the next key now; it signs when the present one's time is over.
    #[command(after_help = "Example:\n  countersign key generate --alg EdDSA")]
    Generate(Which),
    /// Seals the keys with the present master key, so that `secrets.previous_keys` may go.
    #[command(after_help = "Example:\n  countersign key rewrap")]
    Rewrap,
}

/// How keys are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// The keys of which algorithm.
#[derive(Args)]
pub struct Which {
    /// Only this algorithm: `ES256`, `EdDSA` or `RS256`.
    #[arg(long, value_parser = algorithm)]
    alg: Option<Algorithm>,
}

/// When another key signs.
#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    which: Which,
    /// It signs at once: services that have not fetched the keys anew refuse its tokens until they do.
    #[arg(long)]
    now: bool,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let known = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(text));
    known.ok_or_else(|| "expected ES256, EdDSA or RS256".to_owned())
}

impl Which {
    fn algorithms(&self) -> Vec<Algorithm> {
        self.alg.map_or(Algorithm::ALL.to_vec(), |one| vec![one])
    }
}

#[derive(Serialize)]
struct Listed {
    kid: String,
    alg: &'static str,
    stage: Stage,
    #[serde(with = "time::serde::rfc3339")]
    signs_from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    signs_until: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    drops_at: Option<OffsetDateTime>,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    match command {
        Command::List(options) => {
            let listed = listed(&app.house.ring.load(), app.now());
            if options.json { desk.json(&listed) } else { show(&listed, desk) }
        }
        Command::Rotate(options) => {
            let now = app.now();
            let published = if options.now { Duration::ZERO } else { app.settings.keys.publish_before };
            if options.now {
                let age = crate::config::Span(app.settings.keys.jwks_max_age);
                desk.hint(format!(
                    "warning: for up to {age}, services that keep the old key set refuse tokens of the new key"
                ))?;
            }
            let signs_from = |_: Algorithm| now + published;
            next(&app, &options.which, signs_from, desk).await
        }
        Command::Rewrap => {
            let changed = patiently("sealing", keys::rewrap(app.store().write(), &app.house.master)).await?;
            chained::rewrap(app.store(), &app.house.master).await?;
            desk.say(format!("{changed} sealed anew; earlier master keys open nothing here any more"))
        }
        Command::Generate(which) => {
            let settings = &app.settings.keys;
            if settings.rotation_interval.is_zero() {
                return Err(Failure::usage(
                    "`keys.rotation_interval` is 0s: keys sign when they are told to, by `countersign key rotate`",
                ));
            }
            let (now, ring) = (app.now(), app.house.ring.load_full());
            let signs_from = |algorithm| {
                let active = ring.active(algorithm, now).map_or(now, |key| key.times().signs_from);
                (active + settings.rotation_interval).max(now + settings.publish_before)
            };
            next(&app, &which, signs_from, desk).await
        }
    }
}

/// Lets the next key of each algorithm sign from a time on, and shows what came of it.
async fn next(
    app: &App,
    which: &Which,
    signs_from: impl Fn(Algorithm) -> OffsetDateTime,
    desk: &mut Desk,
) -> Result<(), Failure> {
    let (db, master, now) = (app.store().write(), &app.house.master, app.now());
    for algorithm in which.algorithms() {
        let made = keys::rotate(db, master, algorithm, signs_from(algorithm), now);
        patiently("making a key", made).await?;
    }
    let ring = keys::ensure(db, master, &app.key_policy(), now).await?;
    let algorithms: Vec<_> = which.algorithms().into_iter().map(Algorithm::name).collect();
    let listed: Vec<_> = listed(&ring, now).into_iter().filter(|key| algorithms.contains(&key.alg)).collect();
    show(&listed, desk)?;
    desk.hint("A running server takes the keys up within a minute.")
}

fn listed(ring: &KeyRing, now: OffsetDateTime) -> Vec<Listed> {
    let mut listed = Vec::new();
    for algorithm in Algorithm::ALL {
        let keys: Vec<_> = ring.keys().iter().filter(|key| key.algorithm() == algorithm).collect();
        let times: Vec<KeyTimes> = keys.iter().map(|key| *key.times()).collect();
        for (key, stage) in keys.iter().zip(stages(&times, now)) {
            let KeyTimes { signs_from, signs_until, drops_at, .. } = *key.times();
            let kid = key.kid().to_owned();
            listed.push(Listed { kid, alg: algorithm.name(), stage, signs_from, signs_until, drops_at });
        }
    }
    listed
}

fn show(listed: &[Listed], desk: &mut Desk) -> Result<(), Failure> {
    let stage = |stage| match stage {
        Stage::Next => "next",
        Stage::Active => "active",
        Stage::Retired => "retired",
    };
    let until = |at: Option<OffsetDateTime>| at.map_or_else(|| "–".to_owned(), moment);
    let row = |key: &Listed| {
        let (from, until, gone) = (moment(key.signs_from), until(key.signs_until), until(key.drops_at));
        [key.kid.clone(), key.alg.to_owned(), stage(key.stage).to_owned(), from, until, gone]
    };
    let rows: Vec<_> = listed.iter().map(row).collect();
    desk.table(["KEY", "ALG", "STAGE", "SIGNS FROM", "SIGNS UNTIL", "GONE AT"], &rows)
}
