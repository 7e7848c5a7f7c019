//! Several providers, one after the other: order, deadline, merge, and what a failure means.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::cache::Memory;
use super::{Ask, OnError, PermissionError, PermissionProvider, Who, guard};
use crate::clock::Clock;
use crate::domain::permission::{Decision, Merged, Permissions, Verdict};
use crate::domain::service::Service;
use crate::plugin::Registry;
use crate::plugin::guard::{Guard, Guards};

/// Longest run of a whole chain.
const PATIENCE: Duration = Duration::from_secs(2);

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
    /// Whether a fresh answer is remembered, which was not used.
    pub is_remembered: bool,
}

/// What outlives a reload: remembered answers, and who is left alone.
#[derive(Debug)]
pub struct ChainState {
    memory: Memory,
    guards: Guards,
}

/// All permission providers, ready to be run in any order.
pub struct Chain {
    links: Vec<Link>,
    state: Arc<ChainState>,
    clock: Arc<dyn Clock>,
}

struct Link {
    id: String,
    provider: Arc<dyn PermissionProvider>,
    guard: Arc<Guard>,
}

impl Default for ChainState {
    fn default() -> Self {
        Self { memory: Memory::new(), guards: Guards::default() }
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
        let links =
            providers.into_iter().zip(guards).map(|((id, provider), guard)| Link { id, provider, guard }).collect();
        Self { links, state, clock }
    }

    /// Runs the service's providers in order. No provider is an empty set, not an error.
    pub async fn decide(&self, question: &Question<'_>) -> Result<Granted, ChainError> {
        let mut run = Run::new(question);
        for id in &question.service.permissions {
            let link = self.link(id)?;
            let ask = run.ask();
            let heard = match self.hear(link, &ask, run.until).await {
                Ok(decision) => Some((decision, false)),
                Err(error) => self.fall_back(link, &ask, error).await?.map(|decision| (decision, true)),
            };
            if let Some((decision, is_stale)) = heard {
                run.is_stale |= is_stale;
                run.add(link, decision)?;
            }
        }
        Ok(run.into_granted())
    }

    /// Runs the service's providers and keeps what each of them did. Nothing is remembered, and nothing remembered is used.
    pub async fn trace(&self, question: &Question<'_>) -> (Vec<Step>, Result<Granted, ChainError>) {
        let mut steps = Vec::new();
        let granted = self.trace_into(question, &mut steps).await;
        (steps, granted)
    }

    async fn trace_into(&self, question: &Question<'_>, steps: &mut Vec<Step>) -> Result<Granted, ChainError> {
        let mut run = Run::new(question);
        for id in &question.service.permissions {
            let link = self.link(id)?;
            let ask = run.ask();
            let policy = link.provider.policy();
            let key = self.state.memory.key(id, policy, &ask);
            let is_remembered = self.state.memory.knows(&key, self.clock.now()).await;
            let began = Instant::now();
            let asked = tokio::time::timeout(policy.timeout.min(run.left()), link.provider.permissions(&ask)).await;
            let answer = asked.unwrap_or_else(|_| Err(late()));
            steps.push(Step { provider: id.clone(), answer: answer.clone(), took: began.elapsed(), is_remembered });
            match answer {
                Ok(decision) => run.add(link, decision)?,
                Err(_) if policy.on_error == OnError::Skip => {}
                Err(source) => return Err(ChainError::Unavailable { provider: id.clone(), source }),
            }
        }
        Ok(run.into_granted())
    }

    fn link(&self, id: &str) -> Result<&Link, ChainError> {
        self.links.iter().find(|link| link.id == id).ok_or_else(|| ChainError::Unavailable {
            provider: id.to_owned(),
            source: PermissionError::Unreachable("there is no such provider".into()),
        })
    }

    async fn hear(&self, link: &Link, ask: &Ask<'_>, until: Instant) -> Result<Decision, PermissionError> {
        if link.provider.is_instant() {
            return link.provider.permissions(ask).await;
        }
        let policy = link.provider.policy();
        let clock = self.clock.as_ref();
        let key = self.state.memory.key(&link.id, policy, ask);
        let left = until.saturating_duration_since(Instant::now());
        let call = guard::call(&link.guard, policy, clock, left, link.provider.permissions(ask));
        let answer = self.state.memory.answer(&key, policy, clock, call);
        tokio::time::timeout_at(until, answer).await.unwrap_or_else(|_| Err(late())).map(Arc::unwrap_or_clone)
    }

    /// What a failure means: an answer from before, as if it abstained (`None`), or no token.
    async fn fall_back(
        &self,
        link: &Link,
        ask: &Ask<'_>,
        error: PermissionError,
    ) -> Result<Option<Decision>, ChainError> {
        let policy = link.provider.policy();
        let last = match policy.on_error {
            OnError::Deny => None,
            OnError::Stale => {
                let key = self.state.memory.key(&link.id, policy, ask);
                self.state.memory.last(&key, policy, self.clock.now()).await
            }
            OnError::Skip => {
                tracing::warn!(permission.provider = %link.id, %error, "a permission provider is skipped");
                return Ok(None);
            }
        };
        let Some(last) = last else {
            return Err(ChainError::Unavailable { provider: link.id.clone(), source: error });
        };
        tracing::warn!(permission.provider = %link.id, %error, "a permission provider's last answer is used");
        Ok(Some(Arc::unwrap_or_clone(last)))
    }
}

fn late() -> PermissionError {
    PermissionError::Unreachable("the chain ran out of time".into())
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

    fn add(&mut self, link: &Link, decision: Decision) -> Result<(), ChainError> {
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
