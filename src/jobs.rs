//! What happens by itself: deliveries, key rotation, clean-up, and noting which sessions are used.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::http::site::Running;
use crate::store::audit::chained::{self, ChainError, Row};
use crate::store::chain::Place;
use crate::store::keys::{self, KeysError};
use crate::store::outbox::Lane;
use crate::store::{StoreError, sessions};

/// How often the outbox is looked at when nobody rings.
const DELIVER: Duration = Duration::from_secs(2);
/// How often used sessions are written down. Every write lets SQLite's remembered sessions be read anew, so it is rare.
const TOUCH: Duration = Duration::from_mins(1);
/// How often keys are rotated where due, and read anew where another process rotated them.
const KEYS: Duration = Duration::from_mins(1);
/// How often what is past its time goes.
const SWEEP: Duration = Duration::from_mins(5);

/// How often new events are chained.
const CHAIN: Duration = Duration::from_secs(1);
/// How often it is looked who is shut out, and errors that were shown are written.
const WATCH: Duration = Duration::from_secs(2);
/// How often it is looked which answers of permission providers are to be forgotten.
const INVALIDATE: Duration = Duration::from_secs(1);
/// How often it is written down what permission providers were asked, and what observers would change. As rare as [`TOUCH`], and for
/// the same reason.
const NOTE: Duration = Duration::from_mins(1);
/// How often it is looked whether days of the audit trail, or addresses, are past their time.
const FORGET: Duration = Duration::from_hours(1);

/// How often it is looked whether people are to be held against the rules for roles again, and providers to be asked about them.
const JUDGE: Duration = Duration::from_mins(5);

/// Starts all jobs; they end with the process.
pub fn start(running: &Running) {
    every(CHAIN, running, async |app: App| chain(&app).await.unwrap_or_else(|error| log(&error)));
    every(WATCH, running, async |app: App| watch(&app).await.unwrap_or_else(|error| log(&error)));
    every(INVALIDATE, running, async |app: App| {
        app.carry_out_invalidations().await.unwrap_or_else(|error| log(&error));
    });
    every(NOTE, running, async |app: App| note(&app).await.unwrap_or_else(|error| log(&error)));
    every(FORGET, running, async |app: App| forget(&app).await.unwrap_or_else(|error| log(&error)));
    every(TOUCH, running, async |app: App| app.store().write_touched().await.unwrap_or_else(|error| log(&error)));
    every(KEYS, running, async |app: App| rotate(&app).await.unwrap_or_else(|error| log(&error)));
    every(SWEEP, running, async |app: App| app.store().sweep().await.map_or_else(|error| log(&error), |_| ()));
    every(SWEEP, running, async |app: App| app.erase_due().await.map_or_else(|error| log(&error), |_| ()));
    every(JUDGE, running, async |app: App| app.judge_due().await.map_or_else(|error| log(&error), |_| ()));
    every(JUDGE, running, async |app: App| app.ask_again_due().await.map_or_else(|error| log(&error), |_| ()));
    deliver(Lane::Letters, running.clone());
    deliver(Lane::Tellings, running.clone());
}

/// Empties a lane of the outbox whenever somebody rings, and now and then.
fn deliver(lane: Lane, running: Running) {
    tokio::spawn(async move {
        let mut tick = interval(DELIVER);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let parcels = Arc::clone(&running.now().app.house.parcels);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = parcels.notified() => {}
            }
            while running.now().app.deliver_due(lane).await.map_err(|error| log(&error)).is_ok_and(|tried| tried > 0) {}
        }
    });
}

/// Runs the job again and again, with the app that is running then.
fn every<F>(period: Duration, running: &Running, job: impl Fn(App) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let running = running.clone();
    tokio::spawn(async move {
        let mut tick = interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tick.tick().await;
            job(running.now().app.clone()).await;
        }
    });
}

/// Rotates what is due and takes the keys as they are now.
pub async fn rotate(app: &App) -> Result<(), KeysError> {
    let ring = keys::ensure(app.store().write(), &app.house.master, &app.key_policy(), app.now()).await?;
    app.house.ring.store(Arc::new(ring));
    Ok(())
}

/// Lays the chain over what happened since the last time.
pub async fn chain(app: &App) -> Result<(), ChainError> {
    let audit = &app.settings.audit;
    let copy = |row: &Row, place: &Place| {
        if audit.to_log {
            copy_to_log(row, place);
        }
    };
    if audit.hash_chain {
        while chained::chain(app.store(), &app.house.master, copy).await? > 0 {}
    }
    Ok(())
}

/// With its number and its link: a log that lies elsewhere holds the chain, too. The client's address stays in the database.
fn copy_to_log(row: &Row, place: &Place) {
    tracing::info!(
        event.id = %row.id,
        event.name = row.event,
        event.severity = row.severity,
        event.at = row.at,
        actor.kind = row.actor_kind,
        actor.id = row.actor_id,
        user.id = row.target,
        service.id = row.service,
        provider.name = row.provider,
        request.id = row.reference,
        event.details = row.details,
        audit.seq = place.seq,
        audit.hash = place.hash,
        "audit"
    );
}

/// Learns who is shut out, and writes which errors were shown.
pub async fn watch(app: &App) -> Result<(), StoreError> {
    app.house.bans.refresh(app.store()).await?;
    app.house.shown.write(app.store()).await?;
    Ok(())
}

/// Writes down what permission providers were asked, and what observers would change.
pub async fn note(app: &App) -> Result<(), StoreError> {
    app.house.chain_state.notes.write(app.store()).await
}

/// Cuts off days of the audit trail that are past `audit.retention`, and forgets addresses that are past `privacy.ip_retention`.
pub async fn forget(app: &App) -> Result<(), ChainError> {
    let (now, audit) = (app.store().now(), &app.settings.audit);
    let before = now - app.settings.privacy.ip_retention.whole_seconds();
    chained::forget_origins(app.store(), before).await?;
    sessions::forget_addresses(app.store(), before).await?;
    let before = now - audit.retention.whole_seconds();
    let gone = chained::cut(app.store(), &app.house.master, before, audit.hash_chain).await?;
    if gone > 0 {
        tracing::info!(rows = gone, "days of the audit trail were cut off: they are past `audit.retention`");
    }
    Ok(())
}

fn log(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a job failed; it will be tried again");
}
