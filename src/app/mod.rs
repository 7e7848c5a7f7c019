//! A broker put together from one version of the file. It never changes; a reload puts another in its place.

mod access;
mod admin_link;
pub mod boot;
mod caller;
mod claimant;
mod entry;
pub mod explain;
mod gate;
pub mod guesses;
pub mod hooks;
mod invalidating;
mod inviting;
mod issue;
mod letters;
mod notices;
pub mod observed;
mod old_tokens;
mod passwords;
mod permissions_of;
mod post;
pub mod resets;
mod tokens;
pub mod vouching;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use time::OffsetDateTime;
use tokio::sync::Notify;

pub use access::{About, AskError, Counter, Tally};
pub use admin_link::{ADMIN, Minted};
pub use caller::{Holding, Keyed};
pub use claimant::{API_KEY, Claimant};
pub use entry::{Missing, missing_of};
pub use gate::Closed;
pub use issue::{Issued, Refusal, may_enter};
use old_tokens::OldTokens;
pub use permissions_of::{OfToken, Unresolved};
pub use tokens::Redeemed;

use crate::account::{Accounts, Voice};
use crate::clock::Clock;
use crate::config::Mistake;
use crate::config::settings::Settings;
use crate::domain::id::SessionId;
use crate::domain::return_to::ReturnTo;
use crate::domain::service::Service;
use crate::extension::decide::{HookState, Hooks};
use crate::extension::{self, Extension};
use crate::keys::schedule::Policy;
use crate::keys::{KeyError, KeyRing, LoginKey, Master};
use crate::login::{Door, Next};
use crate::mail::Mailer;
use crate::memo::Memo;
use crate::net::Net;
use crate::net::place::Places;
use crate::permission::chain::{Chain, ChainState};
use crate::permission::{self, PermissionProvider};
use crate::plugin::{Registry, Tools};
use crate::provider::{self, Provider};
use crate::store::bans::Bans;
use crate::store::invalidations::CarriedOut;
use crate::store::live::{Live, Patience};
use crate::store::sessions::Lifetimes;
use crate::store::shown::ErrorBook;
use crate::store::{Store, StoreError};

/// What outlives a reload.
#[derive(Clone)]
pub struct House {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The database.
    pub store: Store,
    /// What everything at rest is sealed with.
    pub master: Arc<Master>,
    /// The signing keys as they are now.
    pub ring: Arc<ArcSwap<KeyRing>>,
    /// Breakers and remembered answers of permission providers.
    pub chain_state: Arc<ChainState>,
    /// Breakers of extensions that decide.
    pub hook_state: Arc<HookState>,
    /// Woken when there is something new to deliver.
    pub parcels: Arc<Notify>,
    /// How long sessions live.
    pub lifetimes: Arc<ArcSwap<Lifetimes>>,
    /// The way out.
    pub net: Net,
    /// Whether an administrator was seen: from then on nobody has to look.
    pub admin_seen: Arc<AtomicBool>,
    /// Clients that are shut out.
    pub bans: Arc<Bans>,
    /// What was written down lately and need not be again so soon.
    pub noted: Arc<Memo<String, i64>>,
    /// Errors that people were shown.
    pub shown: Arc<ErrorBook>,
    /// Who presents wrong API keys, and how often.
    pub guesses: Arc<guesses::Guesses>,
    /// Who asks what somebody may do, or looks somebody up, and how often.
    pub asks: Arc<guesses::Guesses<String>>,
    /// Which answers of permission providers this process was told to forget.
    pub invalidated: Arc<CarriedOut>,
}

/// A broker; handlers take it and keep the one they began with.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What a broker is made of.
pub struct Parts {
    /// The file.
    pub settings: Settings,
    /// What outlives it.
    pub house: House,
    /// The public address, without a trailing slash.
    pub issuer: String,
    /// Where what did not fit into a token is fetched.
    pub permissions_ref: String,
    /// Signs and verifies login tokens.
    pub login_key: LoginKey,
    /// Believes login tokens of an older server, where the file says so.
    pub old_tokens: Option<OldTokens>,
    /// Everything that changes users.
    pub accounts: Accounts,
    /// Unfinished logins.
    pub door: Door,
    /// Upstreams, in file order.
    pub providers: Registry<dyn Provider>,
    /// Who says what users may do.
    pub chain: Chain,
    /// Who is told.
    pub extensions: Arc<Registry<dyn Extension>>,
    /// Who of them is asked.
    pub hooks: Arc<Hooks>,
    /// Where addresses are; `None` where nobody knows.
    pub places: Option<Places>,
    /// Carries letters; `None` where none are sent.
    pub mailer: Option<Arc<dyn Mailer>>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// A kind of any family: the family, its name, and the schema of its sections.
type AnyKind = (&'static str, &'static str, fn(&mut schemars::SchemaGenerator) -> schemars::Schema);

/// The plugged families of a file, opened.
pub struct Plugged {
    pub providers: Registry<dyn Provider>,
    pub permissions: Registry<dyn PermissionProvider>,
    pub extensions: Registry<dyn Extension>,
}

impl Plugged {
    /// All kinds of all families: family, kind, schema.
    pub fn kinds() -> Vec<AnyKind> {
        let mut all: Vec<AnyKind> = Vec::new();
        all.extend(provider::KINDS.iter().map(|kind| ("providers", kind.name, kind.schema)));
        all.extend(permission::KINDS.iter().map(|kind| ("permissions", kind.name, kind.schema)));
        all.extend(extension::KINDS.iter().map(|kind| ("extensions", kind.name, kind.schema)));
        all
    }

    /// Opens all sections of all families; every mistake is collected.
    pub fn open(settings: &Settings, world: &boot::World) -> Result<Self, Vec<Mistake>> {
        let tools = Tools {
            clock: world.clock.clone(),
            net: world.net.clone(),
            issuer: settings.server.issuer.clone(),
            is_dev: settings.server.is_dev,
            may_run_programs: world.may_run_programs,
        };
        let providers = Registry::open(&settings.providers, provider::KINDS, &tools);
        let permissions = Registry::open(&settings.permissions, permission::KINDS, &tools);
        let extensions = Registry::open(&settings.extensions, extension::KINDS, &tools);
        match (providers, permissions, extensions) {
            (Ok(providers), Ok(permissions), Ok(extensions)) => Ok(Self { providers, permissions, extensions }),
            (providers, permissions, extensions) => {
                let all = [providers.err(), permissions.err(), extensions.err()];
                Err(all.into_iter().flatten().flatten().collect())
            }
        }
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(
        settings: Settings,
        plugged: Plugged,
        mailer: Option<Arc<dyn Mailer>>,
        house: House,
    ) -> Result<Self, KeyError> {
        let issuer = settings.server.issuer.as_str().trim_end_matches('/').to_owned();
        let login_key = LoginKey::new(&house.master, &issuer, settings.session.login_token_ttl)?;
        let old_tokens = settings.login.legacy_tokens.as_ref().map(OldTokens::new);
        let extensions = Arc::new(plugged.extensions);
        let hooks = Arc::new(Hooks::new(&extensions, house.hook_state.clone(), &house.clock));
        let login = Arc::new(settings.login.clone());
        let accounts =
            Accounts::new(house.store.clone(), login, extensions.clone(), house.master.clone(), house.parcels.clone())
                .speaking(Voice::of(&settings))
                .asking(hooks.clone())
                .ruled(settings.assign.clone());
        let door = Door::new(house.master.clone(), house.store.clone());
        let chain = Chain::new(&plugged.permissions, house.chain_state.clone(), house.clock.clone());
        let providers = plugged.providers;
        let places = settings.privacy.geoip_db.as_deref().and_then(places);
        Ok(Self(Arc::new(Parts {
            settings,
            house,
            permissions_ref: format!("{issuer}/auth/permissions"),
            issuer,
            login_key,
            old_tokens,
            accounts,
            door,
            providers,
            chain,
            extensions,
            hooks,
            places,
            mailer,
        })))
    }

    /// Where an address is: `Berlin, Germany`; `None` if nobody knows.
    pub fn place(&self, ip: &str) -> Option<String> {
        self.places.as_ref()?.name(ip.parse().ok()?)
    }

    /// Now.
    pub fn now(&self) -> OffsetDateTime {
        self.house.clock.now()
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.house.store
    }

    /// The service with this id, if it may receive tokens.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.settings.service(id).filter(|service| service.enabled)
    }

    /// The first service that registered the address; only `only` is asked if given.
    pub fn next(&self, raw: &str, only: Option<&str>) -> Option<Next> {
        let asked = self.settings.services.iter().filter(|service| service.enabled);
        asked.filter(|service| only.is_none_or(|id| id == service.id)).find_map(|service| {
            let url = ReturnTo::allowed(raw, &service.next_urls)?;
            Some(Next { service: service.id.clone(), url })
        })
    }

    /// Whether people on their way to `next` may use the method.
    pub fn may_use(&self, method: &str, next: Option<&Next>) -> bool {
        let service = next.and_then(|next| self.service(&next.service));
        service.is_none_or(|service| service.accepts(method))
    }

    /// Whether a session opens the way to `next`: its method is accepted there, and its sign-in is not too old.
    pub fn is_good_for(&self, live: &Live, next: Option<&Next>) -> bool {
        let service = next.and_then(|next| self.service(&next.service));
        service.is_none_or(|service| service.accepts(&live.method) && !self.is_too_old(live, service))
    }

    /// Whether the service asks for a fresher sign-in than this.
    pub fn is_too_old(&self, live: &Live, service: &Service) -> bool {
        service.max_auth_age.is_some_and(|age| !live.is_fresh(age, self.now()))
    }

    /// How long sessions wait for their people.
    pub fn patience(&self) -> Patience {
        let session = &self.settings.session;
        Patience { idle: session.idle_timeout, remembered: session.remember_timeout, touch: session.touch_interval }
    }

    /// The session, if it may be used now.
    pub async fn live(&self, id: SessionId) -> Result<Option<Arc<Live>>, StoreError> {
        self.store().live_session(id, self.patience()).await
    }

    /// How keys are rotated.
    pub fn key_policy(&self) -> Policy {
        key_policy(&self.settings)
    }

    /// An address of ours: `/login` → `https://auth.example.com/login`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}

/// The names of places; without them lists show addresses only.
fn places(path: &Path) -> Option<Places> {
    let opened = Places::open(path);
    opened.map_err(|why| tracing::warn!(path = %path.display(), why, "the names of places cannot be read")).ok()
}

/// How long sessions live, as the file says.
pub fn lifetimes(settings: &Settings) -> Lifetimes {
    let session = &settings.session;
    Lifetimes {
        absolute: session.absolute_timeout,
        idle: session.idle_timeout,
        remembered: session.remember_timeout,
        max_per_user: session.max_per_user,
    }
}

/// How keys are rotated, as the file says.
pub fn key_policy(settings: &Settings) -> Policy {
    Policy {
        rotation_interval: settings.keys.rotation_interval,
        publish_before: settings.keys.publish_before,
        retire_after: settings.keys.retire_after,
    }
}
