//! Sessions that services keep here for their own front ends.

use serde_json::{Map, Value, json};
use time::Duration;

use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::{SessionId, UserId};
use crate::domain::merge_patch::merge;
use crate::domain::proof::Amr;
use crate::keys::{random_token, sha256_hex};
use crate::store::service_sessions::{self, Kept, Key, NewKept};

/// Most bytes of what a service attaches, as JSON.
pub const MOST_DATA: usize = 4096;
/// How often somebody else may change the same session in between before it is a failure.
const TRIES: usize = 8;

/// A session to begin.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    pub service: &'a str,
    /// `None`: nobody has signed in.
    pub user: Option<UserId>,
    /// What was proven.
    pub amr: &'a [Amr],
    /// At most [`MOST_DATA`] bytes.
    pub data: Map<String, Value>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// Until its hard end.
    pub lasts: Duration,
    /// The session that ends as this one begins.
    pub replaces: Option<SessionId>,
    /// Most sessions of one user in the service; the one not used for longest ends.
    pub most: u32,
}

/// What became of a change of what is attached.
#[derive(Debug, Clone, PartialEq)]
pub enum Merged {
    /// The session as it is now.
    Yes(Box<Kept>),
    /// There is no such session.
    NoSession,
    /// It would be longer than [`MOST_DATA`].
    TooLong,
}

/// Whether this much may be attached.
pub fn fits(data: &Map<String, Value>) -> bool {
    serde_json::to_string(data).is_ok_and(|text| text.len() <= MOST_DATA)
}

/// What the database knows of a session's token.
pub fn token_hash(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

impl Accounts {
    /// Begins a session; its token is nowhere but in the answer.
    pub async fn begin_kept(&self, new: NewSession<'_>, by: &By) -> Result<(String, SessionId), AccountError> {
        let NewSession { service, user, amr, data, ip, user_agent, lasts, replaces, most } = new;
        let (token, id, now) = (random_token(), SessionId::new(), self.store.now());
        let db = self.store.begin().await?;
        if let Some(old) = replaces {
            service_sessions::end(&db, service, old, now).await?;
        }
        let row = NewKept {
            id,
            service,
            token_hash: token_hash(&token),
            user,
            amr,
            data: &data,
            ip,
            user_agent,
            expires_at: now + lasts.whole_seconds(),
        };
        service_sessions::insert(&db, row, most, now).await?;
        if let Some(user) = user {
            let what = What::new(Event::SessionCreated).target(user).service(Some(service));
            self.record(&db, by, what.details(json!({ "session": id.to_string() }))).await?;
        }
        self.commit(db).await?;
        Ok((token, id))
    }

    /// Changes what is attached (RFC 7396); parallel changes all happen.
    pub async fn merge_kept(&self, key: Key<'_>, patch: &Map<String, Value>) -> Result<Merged, AccountError> {
        for _ in 0..TRIES {
            let found = service_sessions::find(self.store.write(), key, self.store.now()).await?;
            let Some(mut kept) = found else { return Ok(Merged::NoSession) };
            let was = kept.data.clone();
            merge(&mut kept.data, patch);
            if !fits(&kept.data) {
                return Ok(Merged::TooLong);
            }
            if service_sessions::replace_data(self.store.write(), kept.id, &was, &kept.data).await? {
                return Ok(Merged::Yes(Box::new(kept)));
            }
        }
        Err(AccountError::Busy)
    }

    /// The session's user has proven again who they are.
    pub async fn prove_kept(&self, kept: &Kept, amr: &[Amr]) -> Result<(), AccountError> {
        Ok(service_sessions::proven(self.store.write(), kept.id, amr, self.store.now()).await?)
    }

    /// Ends one session of a service.
    pub async fn end_kept(&self, service: &str, kept: &Kept, by: &By) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let ended = service_sessions::end(&db, service, kept.id, self.store.now()).await?;
        if let (true, Some(user)) = (ended, &kept.user) {
            let what = What::new(Event::SessionRevoked).target(user.id).service(Some(service));
            self.record(&db, by, what.details(json!({ "session": kept.id.to_string() }))).await?;
        }
        self.commit(db).await?;
        Ok(ended)
    }

    /// Ends all sessions that the user has in a service, sparing one if asked; returns how many.
    pub async fn end_all_kept(
        &self,
        user: UserId,
        service: &str,
        but: Option<SessionId>,
        by: &By,
    ) -> Result<u64, AccountError> {
        let db = self.store.begin().await?;
        let ended = service_sessions::end_all(&db, user, Some(service), but, self.store.now()).await?;
        if ended > 0 {
            let what = What::new(Event::SessionRevoked).target(user).service(Some(service));
            self.record(&db, by, what.details(json!({ "sessions": ended }))).await?;
        }
        self.commit(db).await?;
        Ok(ended)
    }
}
