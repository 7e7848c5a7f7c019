//! Begin and resume for every method: single use, deadline, and the browser it began in.
//!
//! An unfinished login is sealed and carried by the browser, so a visitor who never comes back costs nothing. Only its
//! end touches the database: whoever spends its id first goes on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::Duration;

use crate::domain::return_to::ReturnTo;
use crate::keys::{Master, random_token};
use crate::store::{Store, StoreError, spent};

/// Where a login ends: an address that a service registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The service's id.
    pub service: String,
    /// The address, as it was asked for.
    pub url: ReturnTo,
}

/// An unfinished login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// 256 random bits; spent when the login goes on.
    pub id: String,
    /// The provider's id or the method's name; nobody else may finish it.
    pub method: String,
    /// Where it ends.
    pub next: Option<Next>,
    /// Dead from this second on, in seconds since 1970.
    pub expires_at: i64,
    /// What the method has to remember.
    pub memory: Value,
}

/// What a sealed attempt is for. One does not open as another: the cookie of the browser that asked for a link is not the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Carried by the browser it began in.
    Cookie,
    /// Carried by a mail.
    Mail,
}

impl Carrier {
    fn purpose(self) -> &'static str {
        match self {
            Self::Cookie => "attempt in a cookie",
            Self::Mail => "attempt in a mail",
        }
    }
}

/// Seals, opens and spends unfinished logins.
#[derive(Clone)]
pub struct Door {
    master: Arc<Master>,
    store: Store,
}

impl Door {
    /// A door with this key.
    pub fn new(master: Arc<Master>, store: Store) -> Self {
        Self { master, store }
    }

    /// A new login that lasts at most this long.
    pub fn begin(&self, method: &str, next: Option<Next>, lasts: Duration, memory: Value) -> Attempt {
        let expires_at = self.store.now() + lasts.whole_seconds();
        Attempt { id: random_token(), method: method.to_owned(), next, expires_at, memory }
    }

    /// The login as a text that says nothing and cannot be changed: `id.sealed`.
    pub fn seal(&self, attempt: &Attempt, carrier: Carrier) -> String {
        let plain = serde_json::to_vec(attempt).expect("an attempt is plain JSON");
        format!("{}.{}", attempt.id, self.master.seal(carrier.purpose(), &attempt.id, &plain))
    }

    /// `None` if the text is not one of ours for this carrier, or it is late.
    pub fn open(&self, text: &str, carrier: Carrier) -> Option<Attempt> {
        let (id, sealed) = text.split_once('.')?;
        let plain = self.master.open(carrier.purpose(), id, sealed)?;
        let attempt: Attempt = serde_json::from_slice(&plain).ok()?;
        (attempt.id == id && self.store.now() < attempt.expires_at).then_some(attempt)
    }

    /// `true` for the one who came first. Everybody else finds a login that is over.
    pub async fn spend(&self, attempt: &Attempt) -> Result<bool, StoreError> {
        spent::spend(self.store.write(), &attempt.id, attempt.expires_at).await
    }

    /// Whether the login is over already; a hint for pages, never the judge.
    pub async fn is_spent(&self, attempt: &Attempt) -> Result<bool, StoreError> {
        spent::is_spent(self.store.read(), &attempt.id).await
    }
}
