//! One sick provider, thrice: with `deny`, with `stale` and with `skip`, a healthy one beside them, and what is told of them.

use std::sync::Arc;
use std::time::{Duration as Patience, Instant};

use async_trait::async_trait;
use time::Duration;
use tokio::sync::Mutex;

use super::crowded::Crowd;
use super::{Ill, Way};
use crate::config::Section;
use crate::domain::user::User;
use crate::it::permission::{Act, Scripted, ada, allow, names, policy, question, service, tools};
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{Chain, ChainError, ChainState};
use crate::permission::{KINDS, PermissionProvider, ProviderPolicy};
use crate::plugin::Registry;

/// What the healthy one grants.
pub const BESIDE: &str = "wiki:look";
/// What both grant.
pub const BOTH: &str = "wiki:look wiki:read";
/// What both grant, from before a failure.
pub const STALE: &str = "wiki:look wiki:read, stale";
/// What a service gets that gets nothing.
pub const NO_TOKEN: &str = "no token";
/// What is said with each `on_error` in good health.
pub const WELL: [&str; 3] = [BOTH, BOTH, BOTH];
/// The same of somebody about whom nothing is remembered, in bad health.
pub const UNKNOWN: [&str; 3] = [NO_TOKEN, NO_TOKEN, BESIDE];
/// The values of `on_error`.
pub const MODES: [&str; 3] = ["deny", "stale", "skip"];
/// Longest wait for a service whose providers are well, however busy the machine is.
const PROMPT: Patience = Patience::from_millis(1500);

/// What stands behind a provider and can fall ill.
#[async_trait]
pub trait Victim: Send + Sync {
    /// What its section says, but for what a failure means.
    fn section(&self, ill: &Ill) -> String;
    /// From now on it suffers from this, or is well.
    async fn suffers(&self, ill: Option<&Ill>);
    /// What whoever asks has for roles: of those that have nothing behind them, the question makes them ill.
    fn roles(&self) -> Vec<String> {
        vec!["member".into()]
    }
}

/// A victim as provider `deny`, `stale` and `skip`, and a healthy one, `b`, beside it.
pub struct Ward {
    pub clock: Arc<ManualClock>,
    pub chain: Arc<Chain>,
    pub healthy: Arc<Scripted>,
    state: Arc<ChainState>,
    victim: Box<dyn Victim>,
    ill: Ill,
    crowd: Mutex<Option<Crowd>>,
}

impl Ward {
    /// Opens three providers that differ in `on_error`, with these keys beside.
    pub fn open(victim: Box<dyn Victim>, ill: Ill, more: &str) -> Self {
        let clock = Arc::new(ManualClock::new());
        let written = victim.section(&ill);
        let section = |mode| {
            Section::for_test(mode, &format!("{written}\non_error = \"{mode}\"\nstale_max_age = \"15m\"\n{more}"))
        };
        let registry = Registry::open(&MODES.map(section), KINDS, &tools(clock.clone()));
        let registry = registry.unwrap_or_else(|found| panic!("{written}: {found:?}"));
        // Nothing of it is remembered, so that it is asked each time.
        let never_kept = ProviderPolicy { cache_ttl: Duration::ZERO, ..policy() };
        let healthy = Scripted::new(never_kept, Act::Say(allow(&[BESIDE])));
        let sick = registry.iter().map(|(id, provider)| (id.to_owned(), Arc::clone(provider)));
        let all = sick.chain([("b".to_owned(), Arc::clone(&healthy) as Arc<dyn PermissionProvider>)]);
        let state = Arc::<ChainState>::default();
        let chain = Arc::new(Chain::of(all, Arc::clone(&state), clock.clone()));
        Self { clock, chain, healthy, state, victim, ill, crowd: Mutex::default() }
    }

    /// What is said with each `on_error`, asked at once, while a service that only has the healthy one is answered as ever.
    pub async fn asks(&self, user: &User) -> [String; 3] {
        let user = &User { roles: self.victim.roles(), ..user.clone() };
        let (began, calls) = (Instant::now(), self.healthy.calls());
        let beside = async {
            let granted = self.chain.decide(&question(&service("shop", &["b"]), user)).await.unwrap();
            assert_eq!((names(&granted), granted.is_stale), (vec![BESIDE], false));
            began.elapsed()
        };
        let [deny, stale, skip] = MODES;
        let (deny, stale, skip, took) =
            tokio::join!(self.ask(deny, user), self.ask(stale, user), self.ask(skip, user), beside);
        assert!(took < PROMPT, "{}: the others waited for {took:?}", self.ill.name);
        assert!(self.healthy.calls() > calls);
        [deny, stale, skip]
    }

    async fn ask(&self, mode: &'static str, user: &User) -> String {
        match self.chain.decide(&question(&service("wiki", &[mode, "b"]), user)).await {
            Ok(granted) => {
                assert!(granted.claims.is_empty() && granted.limits.is_empty(), "{granted:?}");
                names(&granted).join(" ") + if granted.is_stale { ", stale" } else { "" }
            }
            Err(ChainError::Unavailable { provider, source }) if provider == mode => {
                let is_late = source.to_string().ends_with(" time");
                assert!(
                    self.ill.deadline.is_some() || !is_late,
                    "{}: {source}, and it need not take so long",
                    self.ill.name
                );
                NO_TOKEN.into()
            }
            Err(other) => panic!("{other}"),
        }
    }

    pub async fn falls_ill(&self) {
        if matches!(self.ill.way, Way::Crowd) {
            *self.crowd.lock().await = Some(Crowd::around(&self.chain).await);
        } else {
            self.victim.suffers(Some(&self.ill)).await;
        }
    }

    pub async fn gets_well(&self) {
        let Some(crowd) = self.crowd.lock().await.take() else { return self.victim.suffers(None).await };
        crowd.goes_home();
        let until = Instant::now() + Patience::from_secs(20);
        while self.asks(&ada()).await != WELL {
            assert!(Instant::now() < until, "{} does not end", self.ill.name);
        }
    }

    async fn tells(&self, user: &User, wanted: [&str; 3], what: &str) {
        assert_eq!(self.asks(user).await, wanted, "{what}");
    }

    /// From good health to good health.
    pub async fn suffers(self, what: &str) {
        if matches!(self.ill.way, Way::Born(_)) {
            return self.was_never_well(what).await;
        }
        let [known, forgotten, stranger] = [ada(), ada(), ada()];
        for user in [&known, &forgotten] {
            self.tells(user, WELL, &format!("{what}: before")).await;
        }
        self.falls_ill().await;

        self.clock.advance(Duration::seconds(47));
        self.tells(&known, WELL, &format!("{what}: with a fresh answer")).await;
        self.tells(&stranger, UNKNOWN, &format!("{what}: without an answer")).await;
        self.state.forget(Some("wiki"), Some(forgotten.id));
        self.tells(&forgotten, UNKNOWN, &format!("{what}: with an answer that was forgotten")).await;
        self.clock.advance(Duration::minutes(15) - Duration::seconds(47));
        let stale = [NO_TOKEN, STALE, BESIDE];
        self.tells(&known, stale, &format!("{what}: with an answer as old as it may be")).await;
        self.clock.advance(Duration::SECOND);
        self.tells(&known, UNKNOWN, &format!("{what}: with an answer that is too old")).await;

        self.gets_well().await;
        for user in [&known, &stranger] {
            self.tells(user, WELL, &format!("{what}: afterwards")).await;
        }
    }

    async fn was_never_well(&self, what: &str) {
        for _ in 0..2 {
            self.tells(&ada(), UNKNOWN, &format!("{what}: never well")).await;
        }
    }

    /// Nothing comes of it.
    pub async fn shrugs(self, what: &str) {
        self.falls_ill().await;
        self.tells(&ada(), WELL, what).await;
    }
}
