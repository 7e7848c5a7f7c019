//! What one provider of a chain says: remembered, asked now, asked anew beside, or from before a failure.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::cache::{Key, Outcome};
use super::chain::{Chain, ChainError, Link, Question};
use super::delay::{Delay, worst_case};
use super::kept::Kept;
use super::record::recorded;
use super::{Ask, OnError, PermissionError, ProviderPolicy, guard};
use crate::domain::permission::{Decision, Permissions};
use crate::domain::service::Service;
use crate::domain::user::User;

/// What a provider said, to be used.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its answer.
    pub decision: Decision,
    /// Whether it is from before a failure.
    pub is_stale: bool,
}

impl Chain {
    /// The provider with this id.
    pub(super) fn link(&self, id: &str) -> Result<&Arc<Link>, ChainError> {
        self.links.iter().find(|link| link.id == id).ok_or_else(|| ChainError::Unavailable {
            provider: id.to_owned(),
            source: PermissionError::Unreachable("there is no such provider".into()),
        })
    }

    /// The providers that count, in the order of the service; those that only observe do not. One that is not there is an error.
    pub(super) fn counting<'a>(
        &'a self,
        service: &'a Service,
    ) -> impl Iterator<Item = Result<&'a Arc<Link>, ChainError>> {
        let links = service.permissions.iter().map(|id| self.link(id));
        links.filter(|link| !link.as_ref().is_ok_and(|link| link.observes()))
    }

    /// How the chain treats the provider; `None` if there is none.
    pub fn policy(&self, id: &str) -> Option<&ProviderPolicy> {
        self.link(id).ok().map(|link| link.provider.policy())
    }

    /// How long somebody may go on in the service with what was taken from them at a permission provider.
    pub fn revocation_delay(&self, service: &Service) -> Delay {
        worst_case(service, self.remembering(service))
    }

    /// Until when this process remembers an answer about the user in the service, by provider. Only looks.
    pub async fn kept(&self, service: &Service, user: &User) -> BTreeMap<String, OffsetDateTime> {
        let (state, service, user, now) = (Arc::clone(&self.state), service.id.clone(), user.clone(), self.clock.now());
        let kept = tokio::task::spawn_blocking(move || state.memory.kept(&service, &user, now)).await;
        let is_usable = |id: &str, hash: u64| self.policy(id).is_some_and(|policy| policy.config_hash == hash);
        let usable = kept.unwrap_or_default().into_iter().filter(|((id, hash), _)| is_usable(id, *hash));
        usable.map(|((id, _), until)| (id, until)).collect()
    }

    /// The policies of the service's providers that count and whose answers are remembered.
    pub fn remembering<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a ProviderPolicy> {
        let links = self.counting(service).filter_map(Result::ok).filter(|link| !link.provider.is_instant());
        links.map(|link| link.provider.policy())
    }

    /// Asks one provider, whether it counts or not, as if `previous` had been said before it. Nothing is remembered, nothing
    /// remembered is used, and its failures are not counted.
    pub async fn ask_alone(
        &self,
        id: &str,
        question: &Question<'_>,
        previous: &Permissions,
    ) -> Result<Decision, PermissionError> {
        let link = self.link(id).map_err(|_| PermissionError::Unreachable("there is no such provider".into()))?;
        let Question { service, who, provider, ip, is_multi_factor } = *question;
        let ask = Ask { service, who, provider, ip, is_multi_factor, previous };
        let answer = link.provider.permissions(&ask);
        tokio::time::timeout(link.provider.policy().timeout, answer)
            .await
            .unwrap_or_else(|_| Err(PermissionError::Unreachable("it did not answer in time".into())))
    }

    /// What the provider says, or what its failure means: an answer from before, as if it abstained (`None`), or no token.
    pub(super) async fn heard(
        &self,
        link: &Arc<Link>,
        ask: &Ask<'_>,
        until: Instant,
    ) -> Result<Option<Heard>, ChainError> {
        match self.hear(link, ask, until).await {
            Ok(decision) => Ok(Some(Heard { decision, is_stale: false })),
            Err(error) => {
                let last = self.fall_back(link, ask, error).await?;
                Ok(last.map(|decision| Heard { decision, is_stale: true }))
            }
        }
    }

    /// The remembered answer if it is fresh, else that of a question which is asked once however many wait for it.
    pub(super) async fn hear(
        &self,
        link: &Arc<Link>,
        ask: &Ask<'_>,
        until: Instant,
    ) -> Result<Decision, PermissionError> {
        if link.provider.is_instant() {
            let decision = link.provider.permissions(ask).await?;
            // It is asked for every token, so one question a second stands for all.
            let second = self.clock.now().unix_timestamp();
            if link.sampler.takes(second)
                && let Some(recorded) = recorded(link, ask, &decision, second)
            {
                self.state.notes.record(recorded);
            }
            return Ok(decision);
        }
        let key = self.state.memory.key(&link.id, link.provider.policy(), ask);
        if let Some(fresh) = self.state.memory.fresh(&key, self.clock.now()).await {
            if fresh.is_ageing(self.clock.now()) {
                self.refresh(link, &key, ask, || fresh.claim());
            }
            return Ok(Arc::unwrap_or_clone(fresh.decision));
        }
        let flight =
            self.state.flights.join(&key, self.state.memory.forgotten(), || self.flight(link, &key, ask, false))?;
        tokio::time::timeout_at(until, flight.landed()).await.unwrap_or_else(|_| Err(late())).map(Arc::unwrap_or_clone)
    }

    /// Asks anew for an answer that is about to be too old, and lets nobody wait for it. One try for each answer; a failure leaves it
    /// as it is.
    fn refresh(&self, link: &Arc<Link>, key: &Key, ask: &Ask<'_>, claim: impl FnOnce() -> bool) {
        let Ok(permit) = Arc::clone(&self.state.refreshing).try_acquire_owned() else { return };
        if !claim() {
            return;
        }
        let _ = self.state.flights.join(key, self.state.memory.forgotten(), || {
            let flight = self.flight(link, key, ask, true);
            async move {
                let _permit = permit;
                flight.await
            }
        });
    }

    /// Asks within the provider's own deadline, and remembers the answer.
    fn flight(
        &self,
        link: &Arc<Link>,
        key: &Key,
        ask: &Ask<'_>,
        is_refresh: bool,
    ) -> impl Future<Output = Outcome> + Send + use<> {
        let (link, state, clock) = (Arc::clone(link), Arc::clone(&self.state), Arc::clone(&self.clock));
        let (key, kept) = (key.clone(), Kept::of(ask));
        async move {
            let memory = &state.memory;
            // Another flight may have landed since somebody looked.
            if !is_refresh && let Some(fresh) = memory.fresh(&key, clock.now()).await {
                return Ok(fresh.decision);
            }
            let (policy, since) = (link.provider.policy(), memory.forgotten());
            let answer = guard::call(&link.guard, policy, clock.as_ref(), link.provider.permissions(&kept.ask())).await;
            let decision = Arc::new(answer?);
            let now = clock.now();
            memory.remember(&key, policy, now, &decision, since).await;
            if let Some(recorded) = recorded(&link, &kept.ask(), &decision, now.unix_timestamp()) {
                state.notes.record(recorded);
            }
            Ok(decision)
        }
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

/// The whole chain has no time left.
pub(super) fn late() -> PermissionError {
    PermissionError::Unreachable("the chain ran out of time".into())
}
