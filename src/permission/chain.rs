//! Several providers, one after the other: order, deadline, merge, and what a failure means.

mod wishes;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::cache::Memory;
use super::flights::Flights;
use super::hearing::{Heard, late};
use super::notes::Notes;
use super::record::Sampler;
use super::shadow::{Asked, Counts, MOST_OBSERVING};
use super::{Ask, OnError, PermissionError, PermissionProvider, Who};
pub use wishes::Within;

use crate::clock::Clock;
use crate::domain::id::UserId;
use crate::domain::permission::{Decision, Merged, Permissions, Verdict};
use crate::domain::service::Service;
use crate::plugin::Registry;
use crate::plugin::guard::{Guard, Guards};

/// Longest run of a whole chain.
const PATIENCE: Duration = Duration::from_secs(2);
/// Answers that are asked for anew at once, while the old ones are still good.
const MOST_REFRESHING: usize = 32;

/// What the chain of a service is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// In which service.
    pub service: &'a Service,
    /// Who.
    pub who: Who<'a>,
    /// The provider or method the session began with.
    pub provider: &'a str,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// Whether more than one factor was proven.
    pub is_multi_factor: bool,
}

/// What the user may do, final.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Granted {
    /// Name → granted or denied.
    pub permissions: Permissions,
    /// Named limits.
    pub limits: Map<String, Value>,
    /// Extra claims; never reserved ones.
    pub claims: Map<String, Value>,
    /// Whether an answer from before a failure is part of it.
    pub is_stale: bool,
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChainError {
    /// A provider denies it (403).
    #[error("the permission provider `{provider}` denies it")]
    Denied {
        /// Its id.
        provider: String,
        /// For the person; may be empty.
        message: String,
    },
    /// A provider has no answer, and that means no token (503).
    #[error("the permission provider `{provider}` has no answer: {source}")]
    Unavailable {
        /// Its id.
        provider: String,
        /// Why.
        source: PermissionError,
    },
}

/// What one provider of a chain did, for `permission test`.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id.
    pub provider: String,
    /// What it answered.
    pub answer: Result<Decision, PermissionError>,
    /// How long it took.
    pub took: Duration,
}

/// What outlives a reload: remembered answers, who is left alone, and what waits to be written down.
#[derive(Debug)]
pub struct ChainState {
    pub(super) memory: Memory,
    pub(super) flights: Arc<Flights>,
    /// Answers that are asked for anew while the old ones are still good.
    pub(super) refreshing: Arc<Semaphore>,
    /// Observers that are being asked.
    pub(super) observing: Arc<Semaphore>,
    /// When observers were asked last.
    pub(super) asked: Asked,
    /// What waits to be written down.
    pub notes: Notes,
    guards: Guards,
}

/// All permission providers, ready to be run in any order.
pub struct Chain {
    pub(super) links: Vec<Arc<Link>>,
    pub(super) state: Arc<ChainState>,
    pub(super) clock: Arc<dyn Clock>,
}

/// One provider, and what is known about it.
pub(super) struct Link {
    pub(super) id: String,
    pub(super) provider: Arc<dyn PermissionProvider>,
    pub(super) guard: Arc<Guard>,
    pub(super) counts: Arc<Counts>,
    pub(super) sampler: Sampler,
}

impl Link {
    /// Whether it is only asked beside the others.
    pub(super) fn observes(&self) -> bool {
        self.provider.policy().observe
    }
}

impl Default for ChainState {
    fn default() -> Self {
        Self {
            memory: Memory::new(),
            flights: Arc::default(),
            refreshing: Arc::new(Semaphore::new(MOST_REFRESHING)),
            observing: Arc::new(Semaphore::new(MOST_OBSERVING)),
            asked: Asked::default(),
            notes: Notes::default(),
            guards: Guards::default(),
        }
    }
}

impl ChainState {
    /// Forgets what is remembered, fresh and stale: of one service or all, of one user or everybody.
    pub fn forget(&self, service: Option<&str>, user: Option<UserId>) {
        self.memory.forget(service, user);
    }
}

impl Chain {
    /// The providers of the registry. `state` comes from the chain before a reload, if there was one.
    pub fn new(registry: &Registry<dyn PermissionProvider>, state: Arc<ChainState>, clock: Arc<dyn Clock>) -> Self {
        Self::of(registry.iter().map(|(id, provider)| (id.to_owned(), Arc::clone(provider))), state, clock)
    }

    /// These providers, by id.
    pub fn of(
        providers: impl Iterator<Item = (String, Arc<dyn PermissionProvider>)>,
        state: Arc<ChainState>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let providers: Vec<_> = providers.collect();
        let keys: Vec<_> = providers.iter().map(|(id, provider)| (id.clone(), provider.policy().config_hash)).collect();
        let guards = state.guards.of(&keys);
        let links = providers.into_iter().zip(guards).map(|((id, provider), guard)| {
            let counts = if provider.policy().observe { state.notes.counts(&id) } else { Arc::default() };
            Arc::new(Link { id, provider, guard, counts, sampler: Sampler::default() })
        });
        Self { links: links.collect(), state, clock }
    }

    /// Runs the service's providers in order. No provider is an empty set, not an error.
    pub async fn decide(&self, question: &Question<'_>) -> Result<Granted, ChainError> {
        let mut run = Run::new(question);
        let (mut watching, mut refusal) = (Vec::new(), None);
        for id in &question.service.permissions {
            let link = self.link(id)?;
            let ask = run.ask();
            if link.observes() {
                watching.extend(self.watching(link, &ask));
                continue;
            }
            if refusal.is_some() {
                continue;
            }
            let heard = self.heard(link, &ask, run.until).await?;
            refusal = heard.and_then(|heard| run.add(link, heard).err());
        }
        let outcome = refusal.map_or_else(|| Ok(run.into_granted()), Err);
        if !watching.is_empty() {
            self.compare(watching, &outcome);
        }
        outcome
    }

    /// Runs the service's providers and keeps what each of them did. Nothing is remembered, and nothing remembered is used.
    pub async fn trace(&self, question: &Question<'_>) -> (Vec<Step>, Result<Granted, ChainError>) {
        let mut steps = Vec::new();
        let granted = self.trace_into(question, &mut steps).await;
        (steps, granted)
    }

    async fn trace_into(&self, question: &Question<'_>, steps: &mut Vec<Step>) -> Result<Granted, ChainError> {
        let mut run = Run::new(question);
        for link in self.counting(question.service) {
            let link = link?;
            let id = &link.id;
            let ask = run.ask();
            let policy = link.provider.policy();
            let began = Instant::now();
            let asked = tokio::time::timeout(policy.timeout.min(run.left()), link.provider.permissions(&ask)).await;
            let answer = asked.unwrap_or_else(|_| Err(late()));
            steps.push(Step { provider: id.clone(), answer: answer.clone(), took: began.elapsed() });
            match answer {
                Ok(decision) => run.add(link, Heard { decision, is_stale: false })?,
                Err(_) if policy.on_error == OnError::Skip => {}
                Err(source) => return Err(ChainError::Unavailable { provider: id.clone(), source }),
            }
        }
        Ok(run.into_granted())
    }

    /// The provider with this id.
    pub fn provider(&self, id: &str) -> Option<&dyn PermissionProvider> {
        self.links.iter().find(|link| link.id == id).map(|link| link.provider.as_ref())
    }
}

/// One run of a chain.
struct Run<'a> {
    question: &'a Question<'a>,
    merged: Merged,
    is_stale: bool,
    until: Instant,
}

impl<'a> Run<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        let merged = Merged::new(question.service.merge);
        Self { question, merged, is_stale: false, until: Instant::now() + PATIENCE }
    }

    fn ask(&self) -> Ask<'_> {
        let Question { service, who, provider, ip, is_multi_factor } = *self.question;
        Ask { service, who, provider, ip, is_multi_factor, previous: self.merged.permissions() }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn add(&mut self, link: &Link, heard: Heard) -> Result<(), ChainError> {
        let Heard { decision, is_stale } = heard;
        self.is_stale |= is_stale;
        if decision.verdict == Verdict::Deny {
            return Err(ChainError::Denied { provider: link.id.clone(), message: decision.message });
        }
        self.merged.add(decision);
        Ok(())
    }

    fn into_granted(self) -> Granted {
        let (permissions, limits, claims) = self.merged.into_parts();
        Granted { permissions, limits, claims, is_stale: self.is_stale }
    }
}
