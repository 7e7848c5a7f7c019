//! The one local user behind all ways to sign in: who comes in, who is made, what is linked.

mod abuse;
pub mod addresses;
pub mod administration;
pub mod api_keys;
mod asking;
mod credentials;
mod ending;
mod erasing;
pub mod factors;
mod failed;
pub mod import;
pub mod inviting;
mod linking;
mod notices;
mod noting;
pub mod passkeys;
pub mod password;
pub mod recovery;
mod rules;
mod second_factor;
pub mod service_sessions;
pub mod signing_up;
pub mod totp;
mod turns;
mod username;
mod voice;
pub mod vouching;
pub mod ways;

use std::sync::Arc;

use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use uuid::Uuid;

pub use api_keys::{is_usable, may_administer};
pub use credentials::ResetLink;
pub use factors::{Enrolled, Second};
pub use failed::Failed;
pub use linking::{Arrival, Outcome};
pub use passkeys::{Added, NewPasskey};
pub use password::Hasher;
pub use second_factor::Need;
pub use username::Renamed;
pub use voice::Voice;
pub use ways::Doors;

use crate::config::RoleRules;
use crate::config::settings::Login;
use crate::domain::audit::{self, By, What};
use crate::domain::id::SessionId;
use crate::domain::proof::{self, Proof};
use crate::domain::role::Origin;
use crate::domain::user::User;
use crate::extension::decide::{Hooks, Stopped};
use crate::extension::{Event, EventKind, Extension, delivery};
use crate::keys::Master;
use crate::mail::Mail;
use crate::plugin::Registry;
use crate::store::{self, Store, StoreError, Tx, changes, outbox, sessions, spent, users};

/// Everything that changes users.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    login: Arc<Login>,
    told: Arc<Registry<dyn Extension>>,
    hooks: Arc<Hooks>,
    sealer: Arc<Master>,
    hasher: Hasher,
    /// Woken when there is something new to deliver.
    parcels: Arc<Notify>,
    /// In whose name letters are written.
    voice: Voice,
    /// Who gets which role by itself.
    rules: Arc<RoleRules>,
    /// Everything is tried, and nothing is kept.
    is_rehearsal: bool,
}

/// Why somebody does not come in.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The account is locked.
    #[error("the account is locked")]
    Locked,
    /// Nobody has this account, and it may not be made.
    #[error("new accounts are not made here")]
    SignupClosed,
    /// The address may not have an account here.
    #[error("the address may not have an account here")]
    AddressRefused,
    /// The address belongs to another account, and linking is off.
    #[error("the address belongs to another account")]
    LinkRefused,
    /// The address belongs to an account.
    #[error("the address belongs to an account")]
    AddressTaken,
    /// Nobody else would run the server.
    #[error("the last administrator stays")]
    LastAdmin,
    /// Nothing else opens the account.
    #[error("it is the last way into the account")]
    LastWayIn,
    /// Too many passwords are being checked right now.
    #[error("too many passwords are being checked")]
    Busy,
    /// An extension that decides was not asked about this new account yet; it is, and then it is tried again.
    #[error("an extension was not asked")]
    Unasked(Box<users::NewUser>),
    /// An extension that decides says no, or nothing that counts.
    #[error(transparent)]
    Stopped(Stopped),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How somebody comes in, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The provider's id, `password` or `magic-link`.
    pub method: &'a str,
    /// The service they are on the way to.
    pub service: Option<&'a str>,
    /// From where.
    pub by: &'a By,
}

impl Accounts {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        login: Arc<Login>,
        told: Arc<Registry<dyn Extension>>,
        sealer: Arc<Master>,
        parcels: Arc<Notify>,
    ) -> Self {
        let hasher = Hasher::new(&login.password);
        Self {
            store,
            login,
            told,
            hooks: Arc::default(),
            sealer,
            hasher,
            parcels,
            voice: Voice::default(),
            rules: Arc::default(),
            is_rehearsal: false,
        }
    }

    /// The same, writing letters in this name.
    #[must_use]
    pub fn speaking(self, voice: Voice) -> Self {
        Self { voice, ..self }
    }

    /// The same, with these rules for roles.
    #[must_use]
    pub fn ruled(self, rules: RoleRules) -> Self {
        Self { rules: Arc::new(rules), ..self }
    }

    /// The same, where deeds that are one transaction are tried and not kept.
    #[must_use]
    pub fn rehearsal(&self, is_rehearsal: bool) -> Self {
        Self { is_rehearsal, ..self.clone() }
    }

    /// Hashes and checks passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// The person has proven who they are: `on_user_login` is told. The session itself is begun by whoever has the browser.
    pub async fn signed_in(
        &self,
        user: &User,
        proof: &Proof,
        service: Option<&str>,
        by: &By,
    ) -> Result<(), AccountError> {
        let db = self.store.begin().await?;
        changes::signed_in(&db, user.id, self.store.now()).await?;
        self.tell(&db, EventKind::UserLogin, user, &proof.method, service).await?;
        let what = What::new(audit::Event::UserLogin).target(user.id).service(service).provider(&proof.method);
        self.record(&db, by, what.details(json!({ "amr": proof::names(&proof.amr) }))).await?;
        self.commit(db).await
    }

    /// Ends one session; `on_user_logout` is told in the same transaction. `false` if it had ended.
    pub async fn sign_out(&self, user: &User, session: SessionId, method: &str, by: &By) -> Result<bool, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        let ended = sessions::end(&db, user.id, session, now).await?;
        if ended {
            self.tell(&db, EventKind::UserLogout, user, method, None).await?;
            let what = What::new(audit::Event::UserLogout).target(user.id).provider(method);
            self.record(&db, by, what.details(json!({ "session": session }))).await?;
        }
        self.commit(db).await?;
        Ok(ended)
    }

    /// Ends all sessions of a user; returns how many.
    pub async fn sign_out_everywhere(&self, user: &User, but: Option<SessionId>, by: &By) -> Result<u64, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        let ended = sessions::end_all(&db, user.id, but, now).await?;
        if ended > 0 {
            self.tell(&db, EventKind::UserLogout, user, "everywhere", None).await?;
            let what = What::new(audit::Event::SessionRevoked).target(user.id);
            self.record(&db, by, what.details(json!({ "sessions": ended }))).await?;
        }
        self.commit(db).await?;
        Ok(ended)
    }

    /// Makes a user as an admin asks for it; a taken address or username is a conflict.
    pub async fn add(&self, new: users::NewUser, password: Option<&str>, by: &By) -> Result<User, AccountError> {
        let made = self.add_once(new, password, &[], by).await?;
        made.ok_or_else(|| StoreError::Corrupt("nothing was to be spent, and it was spent".into()).into())
    }

    /// Makes a user and spends one-time values, each with the second until which it is kept: all of it or, if somebody else
    /// has spent one, nothing and `None`.
    pub async fn add_once(
        &self,
        new: users::NewUser,
        password: Option<&str>,
        once: &[(&str, i64)],
        by: &By,
    ) -> Result<Option<User>, AccountError> {
        let hash = match password {
            Some(password) => Some(self.hasher.hash(password).await?),
            None => None,
        };
        let now = self.store.now();
        let db = self.store.begin().await?;
        for (id, until) in once {
            if !spent::spend(&db, id, *until).await? {
                return Ok(None);
            }
        }
        let user = users::create(&db, users::NewUser { given: Origin::Admin, ..new }, now).await?;
        if let Some(hash) = hash {
            users::set_password_hash(&db, user.id, &hash, now).await?;
        }
        self.created(&db, &user, "admin", None, by).await?;
        if !once.is_empty() {
            self.record(&db, by, What::new(audit::Event::AdminLinkUsed).target(user.id)).await?;
        }
        self.commit(db).await?;
        Ok(Some(user))
    }

    /// A new account: told and written down.
    async fn created(
        &self,
        db: &Tx,
        user: &User,
        method: &str,
        service: Option<&str>,
        by: &By,
    ) -> Result<(), StoreError> {
        self.tell(db, EventKind::UserCreated, user, method, service).await?;
        let what = What::new(audit::Event::UserCreated).target(user.id).service(service).provider(method);
        self.record(db, by, what).await
    }

    /// Writes down what was done, in the transaction of the deed.
    async fn record(&self, db: &Tx, by: &By, what: What) -> Result<(), StoreError> {
        store::audit::append(db, by, what, self.store.now()).await
    }

    /// Puts a letter into the outbox, in the transaction of the change; it is tried for `lasts`. `None` is a parcel for nobody,
    /// so that asking costs the same for addresses that get a letter and those that do not.
    async fn mail(&self, db: &Tx, mail: Option<&Mail>, lasts: Duration) -> Result<(), StoreError> {
        let (id, at) = (Uuid::now_v7(), self.at());
        let plain = serde_json::to_vec(&mail).expect("a letter is plain JSON");
        let sealed = self.sealer.seal(outbox::SEALED_FOR, &id.to_string(), &plain);
        Ok(outbox::put(db, id, outbox::MAIL, sealed, at, at + lasts).await?)
    }

    /// Makes the change last, and wakes whoever delivers what it put into the outbox.
    async fn commit(&self, db: Tx) -> Result<(), AccountError> {
        if self.is_rehearsal {
            return Ok(db.rollback().await.map_err(StoreError::from)?);
        }
        db.commit().await.map_err(StoreError::from)?;
        self.parcels.notify_waiters();
        Ok(())
    }

    /// Puts one telling for each extension that listens into the outbox, in the transaction of the change.
    async fn tell(
        &self,
        db: &Tx,
        kind: EventKind,
        user: &User,
        method: &str,
        service: Option<&str>,
    ) -> Result<(), StoreError> {
        let at = self.at();
        let event = Event { kind, user, method, service, at };
        for telling in delivery::tellings(&self.told, &event) {
            let sealed = self.sealer.seal(outbox::SEALED_FOR, &telling.id.to_string(), &telling.plain);
            outbox::put(db, telling.id, &telling.channel, sealed, at, telling.expires_at).await?;
        }
        Ok(())
    }

    fn at(&self) -> OffsetDateTime {
        crate::clock::moment(self.store.now())
    }
}
