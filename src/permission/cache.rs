//! Remembers answers, by our clock.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use moka::future::Cache;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{Ask, PermissionError, ProviderPolicy, Vary, Who};
use crate::domain::id::UserId;
use crate::domain::permission::{Decision, Verdict};
use crate::domain::user::User;

/// About how much memory the answers may take, in bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Most answers that are remembered.
const MOST_ANSWERS: u64 = 100_000;

/// Everything an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    provider: String,
    config_hash: u64,
    who: Subject,
    version: i64,
    service: String,
    /// The rest of what is sent, hashed with a key of this process.
    sent: u64,
}

/// Whom an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Person(UserId),
    Machine(String),
}

/// One answer and its age.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// What was said.
    pub decision: Arc<Decision>,
    answered_at: OffsetDateTime,
    ageing_from: OffsetDateTime,
    fresh_until: OffsetDateTime,
    is_claimed: Arc<AtomicBool>,
}

impl Remembered {
    /// Whether it is in the last fifth of its time.
    pub fn is_ageing(&self, now: OffsetDateTime) -> bool {
        now >= self.ageing_from
    }

    /// Whether the caller is the one who asks anew: the first who wants to.
    pub fn claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::Relaxed)
    }
}

/// What comes of a question.
pub type Outcome = Result<Arc<Decision>, PermissionError>;

/// The remembered answers of all providers.
#[derive(Debug)]
pub struct Memory {
    answers: Cache<Key, Remembered>,
    hasher: RandomState,
    /// Grows whenever something is forgotten: what was asked before is not remembered after.
    forgotten: AtomicU64,
}

impl Memory {
    /// Remembers nothing yet.
    pub fn new() -> Self {
        let each = u32::try_from(MOST_BYTES / MOST_ANSWERS).unwrap_or(u32::MAX);
        let answers = Cache::builder()
            .max_capacity(MOST_BYTES)
            .support_invalidation_closures()
            .weigher(move |_: &Key, kept: &Remembered| weight(&kept.decision).max(each))
            .build();
        Self { answers, hasher: RandomState::new(), forgotten: AtomicU64::new(0) }
    }

    /// Forgets the answers, fresh and stale, of one service or all, of one user or everybody. Who is being answered now is answered,
    /// and that is not remembered.
    pub fn forget(&self, service: Option<&str>, user: Option<UserId>) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        let service = service.map(str::to_owned);
        if service.is_none() && user.is_none() {
            return self.answers.invalidate_all();
        }
        let is_meant = move |key: &Key, _: &Remembered| {
            service.as_ref().is_none_or(|service| *service == key.service)
                && user.is_none_or(|user| key.who == Subject::Person(user))
        };
        self.answers.invalidate_entries_if(is_meant).expect("the cache was built for it");
    }

    /// The key of a question to a provider.
    pub fn key(&self, id: &str, policy: &ProviderPolicy, ask: &Ask<'_>) -> Key {
        let Ask { service, who, provider, ip, is_multi_factor, previous } = ask;
        let (subject, version, username) = match who {
            Who::Person(user) => (Subject::Person(user.id), user.version, user.username.as_deref()),
            Who::Machine(id) => (Subject::Machine((*id).to_owned()), 0, None),
        };
        let ip = ip.filter(|_| policy.vary.contains(&Vary::Ip));
        let mfa = policy.vary.contains(&Vary::Mfa).then_some(is_multi_factor);
        Key {
            provider: id.to_owned(),
            config_hash: policy.config_hash,
            who: subject,
            version,
            service: service.id.clone(),
            sent: self.hasher.hash_one((provider, ip, mfa, &service.audience, username, previous)),
        }
    }

    /// The last answer, fresh or not, if it is no older than `stale_max_age`.
    pub async fn last(&self, key: &Key, policy: &ProviderPolicy, now: OffsetDateTime) -> Option<Arc<Decision>> {
        let kept = self.answers.get(key).await?;
        (now - kept.answered_at <= policy.stale_max_age).then_some(kept.decision)
    }

    /// Until when fresh answers about a user as they are now are remembered in a service, by provider, with what its section hashes
    /// to. It looks through all that is remembered, and is no use that keeps an answer in memory.
    pub fn kept(&self, service: &str, user: &User, now: OffsetDateTime) -> BTreeMap<(String, u64), OffsetDateTime> {
        let mut kept = BTreeMap::new();
        for (key, answer) in &self.answers {
            let is_theirs = key.who == Subject::Person(user.id) && key.version == user.version;
            if is_theirs && key.service == service && now < answer.fresh_until {
                let until = kept.entry((key.provider.clone(), key.config_hash)).or_insert(answer.fresh_until);
                *until = answer.fresh_until.max(*until);
            }
        }
        kept
    }

    /// The remembered answer, if it is fresh.
    pub async fn fresh(&self, key: &Key, now: OffsetDateTime) -> Option<Remembered> {
        self.answers.get(key).await.filter(|kept| now < kept.fresh_until)
    }

    /// How often something was forgotten on demand: whoever asks a question takes it along.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    /// Remembers an answer to a question that was asked when `since` was what was forgotten; what was forgotten since then does not
    /// come back.
    pub async fn remember(
        &self,
        key: &Key,
        policy: &ProviderPolicy,
        now: OffsetDateTime,
        decision: &Arc<Decision>,
        since: u64,
    ) {
        if self.forgotten() != since {
            return;
        }
        let lifetime = lifetime(policy, decision);
        let kept = Remembered {
            decision: Arc::clone(decision),
            answered_at: now,
            ageing_from: now + lifetime * 4 / 5,
            fresh_until: now + lifetime,
            is_claimed: Arc::default(),
        };
        self.answers.insert(key.clone(), kept).await;
        if self.forgotten() != since {
            self.answers.invalidate(key).await;
        }
    }
}

/// How long the answer stays fresh: as the policy says, or shorter if the answer says so.
fn lifetime(policy: &ProviderPolicy, decision: &Decision) -> Duration {
    let most = if decision.verdict == Verdict::Deny { policy.negative_ttl } else { policy.cache_ttl };
    let said = decision.cache_ttl.and_then(|seconds| i64::try_from(seconds).ok()).map(Duration::seconds);
    said.map_or(most, |said| said.min(most))
}

/// About how many bytes the answer takes in memory.
fn weight(decision: &Decision) -> u32 {
    fn of(value: &Value) -> usize {
        32 + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of).sum(),
            Value::Object(members) => members.iter().map(|(name, value)| 64 + name.len() + of(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
    let names: usize = decision.permissions.keys().map(|name| 64 + name.len()).sum();
    let rest: usize =
        decision.limits.iter().chain(&decision.claims).map(|(name, value)| 64 + name.len() + of(value)).sum();
    u32::try_from(512 + names + rest + decision.reason.len() + decision.message.len()).unwrap_or(u32::MAX)
}
