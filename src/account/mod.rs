//! The one local user behind all ways to sign in: who comes in, who is made, what is linked.

mod linking;
pub mod password;
mod username;

use std::sync::Arc;

use time::OffsetDateTime;

pub use linking::{Arrival, Outcome};
pub use password::Hasher;
pub use username::{Renamed, rename};

use crate::config::settings::Login;
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::User;
use crate::extension::{Event, EventKind, Extension, delivery};
use crate::keys::Master;
use crate::plugin::Registry;
use crate::store::{Store, StoreError, Tx, outbox, sessions, spent, users};

/// Everything that changes users.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    login: Arc<Login>,
    told: Arc<Registry<dyn Extension>>,
    sealer: Arc<Master>,
    hasher: Hasher,
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
    /// Too many passwords are being checked right now.
    #[error("too many passwords are being checked")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How somebody came in, for those who are told.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The provider's id, `password` or `magic-link`.
    pub method: &'a str,
    /// The service they are on the way to.
    pub service: Option<&'a str>,
}

impl Accounts {
    /// Puts the parts together.
    pub fn new(store: Store, login: Arc<Login>, told: Arc<Registry<dyn Extension>>, sealer: Arc<Master>) -> Self {
        let hasher = Hasher::new(&login.password);
        Self { store, login, told, sealer, hasher }
    }

    /// Hashes and checks passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Ends one session; `on_user_logout` is told in the same transaction. `false` if it had ended.
    pub async fn sign_out(&self, user: &User, session: SessionId, method: &str) -> Result<bool, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        let ended = sessions::end(&db, user.id, session, now).await?;
        if ended {
            self.tell(&db, EventKind::UserLogout, user, Way { method, service: None }).await?;
        }
        db.commit().await.map_err(StoreError::from)?;
        Ok(ended)
    }

    /// Ends all sessions of a user; returns how many.
    pub async fn sign_out_everywhere(&self, user: &User, but: Option<SessionId>) -> Result<u64, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        let ended = sessions::end_all(&db, user.id, but, now).await?;
        if ended > 0 {
            self.tell(&db, EventKind::UserLogout, user, Way { method: "everywhere", service: None }).await?;
        }
        db.commit().await.map_err(StoreError::from)?;
        Ok(ended)
    }

    /// Makes a user as an admin asks for it; a taken address or username is a conflict.
    pub async fn add(&self, new: users::NewUser, password: Option<&str>) -> Result<User, AccountError> {
        let made = self.add_once(new, password, &[]).await?;
        made.ok_or_else(|| StoreError::Corrupt("nothing was to be spent, and it was spent".into()).into())
    }

    /// Makes a user and spends one-time values, each with the second until which it is kept: all of it or, if somebody else
    /// has spent one, nothing and `None`.
    pub async fn add_once(
        &self,
        new: users::NewUser,
        password: Option<&str>,
        once: &[(&str, i64)],
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
        let user = users::create(&db, new, now).await?;
        if let Some(hash) = hash {
            users::set_password_hash(&db, user.id, &hash, now).await?;
        }
        self.tell(&db, EventKind::UserCreated, &user, Way { method: "admin", service: None }).await?;
        db.commit().await.map_err(StoreError::from)?;
        Ok(Some(user))
    }

    /// Locks or unlocks; a lock ends every session. `false` if it was so already.
    pub async fn set_locked(&self, user: UserId, locked: bool) -> Result<bool, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        let changed = users::set_locked(&db, user, locked, now).await?;
        if locked {
            sessions::end_all(&db, user, None, now).await?;
        }
        db.commit().await.map_err(StoreError::from)?;
        Ok(changed)
    }

    /// Puts one telling for each extension that listens into the outbox, in the transaction of the change.
    async fn tell(&self, db: &Tx, kind: EventKind, user: &User, way: Way<'_>) -> Result<(), StoreError> {
        let at = OffsetDateTime::from_unix_timestamp(self.store.now()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let event = Event { kind, user, method: way.method, service: way.service, at };
        for telling in delivery::tellings(&self.told, &event) {
            let sealed = self.sealer.seal(outbox::SEALED_FOR, &telling.id.to_string(), &telling.plain);
            outbox::put(db, telling.id, &telling.channel, sealed, at, telling.expires_at).await?;
        }
        Ok(())
    }
}
