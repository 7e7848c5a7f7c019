//! What is known of permission providers from watching them: delays, observers, and what they say now to what they were asked.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::App;
use crate::config::settings::Settings;
use crate::domain::id::UserId;
use crate::domain::permission::Permissions;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::chain::{Chain, Question};
use crate::permission::compare::{Difference, Said, differences};
use crate::permission::record::verdict;
use crate::permission::{PermissionError, Who};
use crate::store::StoreError;
use crate::store::records::Recorded;
use crate::store::shadows::Shadow;

/// Differences of an observer that are listed at most.
const LISTED: u64 = 1_000;
/// Old questions that are asked at once.
const AT_ONCE: usize = 8;

/// What a provider says now to what it was asked before.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Replayed {
    /// Questions that were asked again.
    pub asked: usize,
    /// It says the same.
    pub same: usize,
    /// It has no answer now.
    pub failed: usize,
    /// Whoever was asked about, or the service, is gone.
    pub gone: usize,
    /// The newest question first.
    pub differences: Vec<Changed>,
}

/// What it says differently to one question.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    pub service: String,
    /// A user id, or a service that acts for itself.
    pub who: String,
    /// When it was asked, in seconds since 1970.
    pub at: i64,
    #[serde(flatten)]
    pub difference: Difference,
}

/// What came of one question.
enum Again {
    Gone,
    Failed,
    Answered(Vec<Changed>),
}

/// A service of the file, and how soon it works to take something from somebody there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct ListedService {
    /// Its id.
    pub service: String,
    /// What people call it.
    pub name: String,
    /// A disabled service receives no tokens.
    pub enabled: bool,
    /// Its permission providers, in the order in which they are asked.
    pub permissions: Vec<String>,
    /// For how long, at worst, it goes on believing what was taken from somebody, in seconds.
    pub revocation_delay: i64,
    /// The same in a sentence, with what it is made of.
    pub revocation: String,
}

/// Every service of the file, in its order.
pub fn listed(settings: &Settings, chain: &Chain) -> Vec<ListedService> {
    let listed = |service: &Service| {
        let delay = chain.revocation_delay(service);
        ListedService {
            service: service.id.clone(),
            name: service.name.clone(),
            enabled: service.enabled,
            permissions: service.permissions.clone(),
            revocation_delay: delay.total.whole_seconds(),
            revocation: delay.sentence(),
        }
    };
    settings.services.iter().map(listed).collect()
}

impl App {
    /// Whether the provider observes; `None` if there is no such provider.
    pub fn observes(&self, provider: &str) -> Option<bool> {
        self.chain.policy(provider).map(|policy| policy.observe)
    }

    /// How an observer has done, in all processes.
    pub async fn shadow(&self, provider: &str) -> Result<Shadow, StoreError> {
        self.store().shadow(provider, LISTED).await
    }

    /// Begins anew with an observer.
    pub async fn forget_shadow(&self, provider: &str) -> Result<(), StoreError> {
        self.store().forget_shadow(provider).await
    }

    /// Asks the provider of this file again what it was asked lately, about people as they are now; nothing is remembered, and
    /// nothing remembered is used. `most` of the last questions are asked.
    pub async fn replay(&self, provider: &str, most: usize) -> Result<Replayed, StoreError> {
        let recorded = self.store().recorded(provider, u64::try_from(most).unwrap_or(u64::MAX)).await?;
        let ids: Vec<UserId> = recorded.iter().filter_map(|asked| asked.who.parse().ok()).collect();
        let people: HashMap<String, User> =
            self.store().users(&ids).await?.into_iter().map(|user| (user.id.to_string(), user)).collect();
        let (gate, people) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(people));
        let mut tasks = JoinSet::new();
        for (place, asked) in recorded.into_iter().enumerate() {
            let (app, gate, people) = (self.clone(), Arc::clone(&gate), Arc::clone(&people));
            tasks.spawn(async move {
                let _permit = gate.acquire().await;
                (place, app.ask_again(&asked, people.get(&asked.who)).await)
            });
        }
        let mut outcomes: Vec<_> = tasks.join_all().await;
        outcomes.sort_by_key(|(place, _)| *place);
        Ok(outcomes.into_iter().fold(Replayed::default(), |told, (_, again)| told.with(again)))
    }

    async fn ask_again(&self, asked: &Recorded, person: Option<&User>) -> Again {
        let who = match person {
            Some(user) => Who::Person(user),
            None if asked.is_machine => Who::Machine(&asked.who),
            None => return Again::Gone,
        };
        let Some(service) = self.settings.service(&asked.service) else {
            return Again::Gone;
        };
        let Recorded { method, is_multi_factor, previous, .. } = asked;
        let question = Question { service, who, provider: method, ip: None, is_multi_factor: *is_multi_factor };
        match self.said_now(&asked.provider, &question, previous).await {
            Ok(now) => Again::Answered(changed(asked, &now)),
            Err(_) => Again::Failed,
        }
    }

    async fn said_now(
        &self,
        provider: &str,
        question: &Question<'_>,
        previous: &Permissions,
    ) -> Result<Said, PermissionError> {
        self.chain.ask_alone(provider, question, previous).await.map(|decision| Said::of(&decision))
    }
}

impl Replayed {
    fn with(mut self, again: Again) -> Self {
        match again {
            Again::Gone => self.gone += 1,
            Again::Failed => (self.asked, self.failed) = (self.asked + 1, self.failed + 1),
            Again::Answered(found) => {
                self.asked += 1;
                self.same += usize::from(found.is_empty());
                self.differences.extend(found);
            }
        }
        self
    }
}

fn changed(asked: &Recorded, now: &Said) -> Vec<Changed> {
    let Recorded { permissions, limits, .. } = asked.clone();
    let was = Said { verdict: verdict(&asked.verdict), permissions, limits };
    let of = |difference| Changed { service: asked.service.clone(), who: asked.who.clone(), at: asked.at, difference };
    differences(&was, now).into_iter().map(of).collect()
}
