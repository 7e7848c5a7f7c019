//! Who may do what in a service: the chain and each kind of provider.

mod answer;
#[cfg(feature = "cedar")]
mod cedar;
mod chain;
mod exec;
mod http;
mod invalidate;
mod laws;
mod memory;
mod policy;
mod sql;
mod r#static;
#[cfg(feature = "wasm")]
mod wasm;
mod wishes;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;

use crate::config::{Mistake, Section};
use crate::domain::id::UserId;
use crate::domain::permission::{Decision, Merge, Verdict};
use crate::domain::service::{Algorithm, Delivery, PermissionsFormat, PermissionsIn, Service, TokenFormat};
use crate::domain::user::{Address, User};
use crate::it::stage::Stage;
use crate::it::stage::clock::ManualClock;
use crate::it::stage::request::claims_of;
use crate::net::Net;
use crate::permission::chain::{Chain, ChainState, Granted, Question};
use crate::permission::{Ask, KINDS, OnError, PermissionError, PermissionProvider, ProviderPolicy};
use crate::plugin::{Registry, Tools};

/// Ada, a member, with a verified address.
pub fn ada() -> User {
    User {
        id: UserId::new(),
        username: Some("ada".into()),
        name: Some("Ada".into()),
        avatar_url: None,
        email: Some(Address { email: "ada@example.com".parse().unwrap(), verified: true }),
        roles: vec!["member".into()],
        groups: vec!["github:acme/core".into()],
        locked_at: None,
        created_at: OffsetDateTime::from_unix_timestamp(1_577_836_800).unwrap(),
        deletes_at: None,
        version: 1,
    }
}

/// A service with these permission providers.
pub fn service(id: &str, permissions: &[&str]) -> Service {
    Service {
        id: id.into(),
        name: id.into(),
        homepage: None,
        enabled: true,
        audience: vec![format!("https://{id}.example.com")],
        next_urls: Vec::new(),
        next_delivery: Delivery::Query,
        token_format: TokenFormat::Rfc9068,
        cors_origins: Vec::new(),
        access_token_ttl: Duration::minutes(15),
        token_alg: Algorithm::ES256,
        basic_exchange: false,
        permissions: permissions.iter().map(|id| (*id).to_owned()).collect(),
        merge: Merge::Union,
        permissions_format: PermissionsFormat::List,
        permissions_in: vec![PermissionsIn::AccessToken, PermissionsIn::Authorize],
        max_token_size: 4096,
        require_mfa: false,
        max_auth_age: None,
        allowed_providers: Vec::new(),
        allowed_roles: Vec::new(),
        access: Vec::new(),
        claims: Vec::new(),
        admins: Vec::new(),
        roles: Vec::new(),
        client_secret_hash: None,
    }
}

pub fn question<'a>(service: &'a Service, user: &'a User) -> Question<'a> {
    Question { service, who: user.into(), provider: "github", ip: None, is_multi_factor: false }
}

pub fn policy() -> ProviderPolicy {
    ProviderPolicy {
        timeout: std::time::Duration::from_secs(5),
        cache_ttl: Duration::seconds(60),
        negative_ttl: Duration::seconds(5),
        on_error: OnError::Deny,
        stale_max_age: Duration::minutes(15),
        breaker_failures: 3,
        breaker_open_for: Duration::seconds(10),
        vary: Vec::new(),
        config_hash: 1,
        observe: false,
        record: crate::permission::record::Record::Ids,
    }
}

/// What a scripted provider does next.
#[derive(Clone)]
pub enum Act {
    Say(Decision),
    Fail,
    Hang,
    /// Answers once the semaphore lets it.
    Await(Arc<Semaphore>, Decision),
}

/// A provider that does what it is told and counts the calls.
pub struct Scripted {
    policy: ProviderPolicy,
    act: Mutex<Act>,
    calls: AtomicUsize,
    previous: Mutex<Vec<String>>,
}

impl Scripted {
    pub fn new(policy: ProviderPolicy, act: Act) -> Arc<Self> {
        Arc::new(Self { policy, act: Mutex::new(act), calls: AtomicUsize::new(0), previous: Mutex::default() })
    }

    pub fn act(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn previous(&self) -> Vec<String> {
        self.previous.lock().unwrap().clone()
    }
}

#[async_trait]
impl PermissionProvider for Scripted {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        *self.previous.lock().unwrap() = ask.previous.keys().cloned().collect();
        let act = self.act.lock().unwrap().clone();
        match act {
            Act::Say(decision) => Ok(decision),
            Act::Fail => Err(PermissionError::Unreachable("scripted".into())),
            Act::Hang => std::future::pending().await,
            Act::Await(gate, decision) => {
                let _permit = gate.acquire().await;
                Ok(decision)
            }
        }
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }
}

pub fn allow(names: &[&str]) -> Decision {
    Decision { permissions: names.iter().map(|name| ((*name).to_owned(), true)).collect(), ..Decision::default() }
}

/// A chain of these providers, named `a`, `b`, `c`.
pub fn chain(clock: &Arc<ManualClock>, state: &Arc<ChainState>, providers: &[Arc<Scripted>]) -> Chain {
    let named = ["a", "b", "c"].into_iter().zip(providers);
    let named = named.map(|(id, provider)| (id.to_owned(), Arc::clone(provider) as Arc<dyn PermissionProvider>));
    let clock = Arc::clone(clock);
    Chain::of(named, Arc::clone(state), clock)
}

/// What a plug-in may use: this clock, the real way out.
pub fn tools(clock: Arc<dyn crate::clock::Clock>) -> Tools {
    Tools {
        clock,
        net: Net::real(),
        issuer: "http://localhost:8383".parse().unwrap(),
        is_dev: true,
        may_run_programs: true,
    }
}

/// The provider of a section, named `a`, opened as the file's sections are.
pub fn opened(
    clock: Arc<dyn crate::clock::Clock>,
    text: &str,
) -> Result<Registry<dyn PermissionProvider>, Vec<Mistake>> {
    Registry::open(&[Section::for_test("a", text)], KINDS, &tools(clock))
}

/// The texts of all mistakes of a section.
pub fn mistakes(text: &str) -> Vec<String> {
    let found = opened(Arc::new(ManualClock::new()), text).err().unwrap_or_default();
    found.into_iter().map(|mistake| format!("{} {}", mistake.code, mistake.message)).collect()
}

pub fn stage() -> (Arc<ManualClock>, Arc<ChainState>) {
    (Arc::new(ManualClock::new()), Arc::default())
}

/// The permissions that the token of the service carries.
pub async fn in_token(stage: &Stage, login: &str, service: &str) -> Vec<String> {
    let reply = stage.get(&format!("/auth/authorize?service={service}")).bearer(login).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let claims = claims_of(reply.json()["token"].as_str().unwrap());
    claims["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What is granted.
pub fn names(granted: &Granted) -> Vec<&str> {
    granted.permissions.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_kind_that_was_not_built_says_how_to_build_it() {
    let section = Section::for_test("a", "kind = \"cedar\"");

    let found = crate::permission::common::not_built(&section, "Cedar", "cedar");

    assert_eq!((found[0].code, found[0].message.as_str()), ("CS-C140", "this program was built without Cedar"));
    assert_eq!(found[0].help.as_deref(), Some("build it with `--features cedar`"));
}

pub fn deny(message: &str) -> Decision {
    Decision { verdict: Verdict::Deny, message: message.into(), ..Decision::default() }
}
