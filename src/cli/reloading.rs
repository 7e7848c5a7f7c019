//! How a running server takes another version of its file: when it is told to, or when the file changes.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::Failure;
use super::reload::Outcome;
use super::source::Source;
use super::watch::Watch;
use crate::app::boot::{Loaded, World};
use crate::config::restart_needed;
use crate::config::settings::{MailTransport, Reload};
use crate::http::layers::Rules;
use crate::http::site::{Running, Site};

/// How often it is looked whether a file changed. A change is taken when the next look finds it the same.
const LOOK: Duration = Duration::from_secs(2);

/// What a reload changes.
pub struct Reloader {
    pub source: Source,
    pub running: Running,
    pub rules: Arc<ArcSwap<Rules>>,
    pub world: World,
    pub watch: Watch,
}

impl Reloader {
    /// Waits for SIGHUP and for changed files, as the running file says.
    pub async fn run(mut self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        let data_dir = self.running.now().app.settings.server.data_dir.clone();
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = hangup.recv() => match told {
                    Some(()) => self.told().await.leave(&data_dir),
                    None => return,
                },
                _ = tick.tick() => {
                    self = self.glance().await;
                }
            }
        }
    }

    fn how(&self) -> Reload {
        self.running.now().app.settings.server.reload
    }

    /// Somebody asks for a reload.
    pub async fn told(&mut self) -> Outcome {
        if self.how() == Reload::Off {
            let refusal = "the server does not reload: `server.reload` is \"off\"";
            tracing::warn!("{refusal}");
            return Outcome { mistake: Some(refusal.into()), restart: Vec::new() };
        }
        self.reload().await
    }

    /// Looks at the files away from the threads that serve, and reloads if they changed.
    async fn glance(mut self) -> Self {
        if self.how() != Reload::Watch {
            return self;
        }
        let looked = tokio::task::spawn_blocking(move || {
            let is_due = self.watch.is_due();
            (self, is_due)
        });
        let (mut reloader, is_due) = looked.await.expect("looking at files does not panic");
        if is_due {
            reloader.reload().await;
        }
        reloader
    }

    /// As `glance`, at once; the outcome if there was a reload.
    #[cfg(test)]
    pub async fn look(&mut self) -> Option<Outcome> {
        if self.how() != Reload::Watch || !self.watch.is_due() {
            return None;
        }
        Some(self.reload().await)
    }

    /// Another app out of the same file. A file with mistakes changes nothing and says why, once for each version of it.
    async fn reload(&mut self) -> Outcome {
        self.watch.reads();
        let outcome = match self.take().await {
            Ok(restart) => Outcome { mistake: None, restart: restart.into_iter().map(str::to_owned).collect() },
            Err(failure) => Outcome { mistake: Some(failure.message), restart: Vec::new() },
        };
        note(&outcome);
        let app = self.running.now().app.clone();
        if let Err(error) = app.note_reload(outcome.mistake.is_none(), &outcome.restart).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the reload could not be written down");
        }
        outcome
    }

    async fn take(&mut self) -> Result<Vec<&'static str>, Failure> {
        // Files are read, modules and policies compiled, rules parsed: away from the threads that serve.
        let (source, world) = (self.source.clone(), self.world.clone());
        let read = tokio::task::spawn_blocking(move || source.read(&world)).await;
        let loaded = match read.map_err(|_| Failure::new("reading the configuration broke off"))? {
            Ok(loaded) => loaded,
            Err(report) => {
                self.watch.was_read(report.files(), false);
                return Err(Source::failure(&report));
            }
        };
        let files = loaded.report.files();
        let put = self.put(loaded);
        self.watch.was_read(files, put.is_ok());
        put
    }

    fn put(&self, mut loaded: Loaded) -> Result<Vec<&'static str>, Failure> {
        let now = self.running.now();
        let old = &now.app.settings;
        let restart = restart_needed(old, &loaded.settings);
        loaded.settings.server.issuer = old.server.issuer.clone();
        loaded.settings.database = old.database.clone();
        loaded.settings.session.cookie_name.clone_from(&old.session.cookie_name);
        loaded.settings.server.is_dev = old.server.is_dev;
        let sink = match loaded.settings.mail.transport {
            MailTransport::Sink => now.sink.clone(),
            _ => None,
        };
        let app = now.app.reloaded(loaded, sink.clone())?;
        self.rules.store(Arc::new(Rules::of(&app.settings.server)));
        self.running.replace(Site::new(app, sink));
        Ok(restart)
    }
}

fn note(outcome: &Outcome) {
    match &outcome.mistake {
        Some(mistake) => tracing::error!("the configuration was not reloaded, the old one stays:\n{mistake}"),
        None => note_taken(&outcome.restart.join(", ")),
    }
}

fn note_taken(restart: &str) {
    let restart = if restart.is_empty() { "nothing" } else { restart };
    tracing::info!(needs_restart = restart, "the configuration was reloaded");
}
