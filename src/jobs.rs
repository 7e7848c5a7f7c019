//! What happens by itself: deliveries, key rotation, clean-up, and noting which sessions are used.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::http::site::Running;
use crate::store::keys::{self, KeysError};
use crate::store::outbox::Lane;

/// How often the outbox is looked at when nobody rings.
const DELIVER: Duration = Duration::from_secs(2);
/// How often used sessions are written down. Every write lets SQLite's remembered sessions be read anew, so it is rare.
const TOUCH: Duration = Duration::from_mins(1);
/// How often keys are rotated where due, and read anew where another process rotated them.
const KEYS: Duration = Duration::from_mins(1);
/// How often what is past its time goes.
const SWEEP: Duration = Duration::from_mins(5);

/// Starts all jobs; they end with the process.
pub fn start(running: &Running) {
    every(TOUCH, running, async |app: App| app.store().write_touched().await.unwrap_or_else(|error| log(&error)));
    every(KEYS, running, async |app: App| rotate(&app).await.unwrap_or_else(|error| log(&error)));
    every(SWEEP, running, async |app: App| app.store().sweep().await.map_or_else(|error| log(&error), |_| ()));
    every(SWEEP, running, async |app: App| app.erase_due().await.map_or_else(|error| log(&error), |_| ()));
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

fn log(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a job failed; it will be tried again");
}
