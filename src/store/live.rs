//! Live sessions with their users: the one question behind every check of a token.
//!
//! On SQLite the answers are remembered until anything in the database changes, whoever changes it: the header of the
//! write-ahead index (SQLite file format, "WAL-Index Format") changes with every commit of every process. On
//! PostgreSQL each question is asked anew, so that an end on one replica is the end on all.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::{Duration, OffsetDateTime};

use super::entity::{address, session, user};
use super::users::{moment, to_user};
use super::{Store, StoreError};
use crate::domain::id::SessionId;
use crate::domain::proof::{self, Amr};
use crate::domain::user::User;
use crate::memo::Memo;

/// A session that may be used now, and whose it is.
#[derive(Debug)]
pub struct Live {
    /// Its name in tokens.
    pub id: SessionId,
    /// Whose it is, as they are now.
    pub user: User,
    /// The provider or method it began with.
    pub method: String,
    /// What was proven.
    pub amr: Vec<Amr>,
    /// When the person proved who they are.
    pub auth_time: OffsetDateTime,
    /// The hard end.
    pub expires_at: OffsetDateTime,
    /// Whether the browser is to be remembered.
    pub is_remembered: bool,
    seen_at: AtomicI64,
}

/// How long a session may be idle, and how often its use is written down.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub idle: Duration,
    /// The same in a browser that is to be remembered.
    pub remembered: Duration,
    pub touch: Duration,
}

impl From<Duration> for Patience {
    /// The same for every session.
    fn from(idle: Duration) -> Self {
        Self { idle, remembered: idle, touch: Duration::ZERO }
    }
}

impl Live {
    /// Somebody who comes with a token of an older server: there is no session behind it, and nothing is known of the proof.
    pub fn of_old_token(user: User, ends: OffsetDateTime) -> Self {
        let long_ago = OffsetDateTime::UNIX_EPOCH;
        let seen_at = AtomicI64::new(ends.unix_timestamp());
        let (id, method) = (SessionId::new(), "old-token".to_owned());
        Self { id, user, method, amr: Vec::new(), auth_time: long_ago, expires_at: ends, is_remembered: false, seen_at }
    }

    /// Whether more than one factor was proven.
    pub fn is_multi_factor(&self) -> bool {
        proof::is_multi_factor(&self.amr)
    }

    /// Whether the person proved who they are within this time.
    pub fn is_fresh(&self, window: Duration, now: OffsetDateTime) -> bool {
        now - self.auth_time < window
    }

    fn lasts(&self, patience: Patience, now: i64) -> bool {
        let idle = if self.is_remembered { patience.remembered } else { patience.idle };
        let seen = self.seen_at.load(Ordering::Relaxed);
        now < self.expires_at.unix_timestamp() && now < seen + idle.whole_seconds() && !self.user.is_locked()
    }
}

/// Length of the part of the write-ahead index that changes with every commit, in bytes.
const HEADER: usize = 48;
/// How many sessions are remembered, at least; one takes about a kilobyte.
const REMEMBERED: usize = 5_000;

type Version = [u8; HEADER];

pub(super) struct Cache {
    index: Option<File>,
    entries: Memo<SessionId, (Version, Arc<Live>)>,
}

impl Cache {
    /// Remembers nothing.
    pub fn off() -> Self {
        Self { index: None, entries: Memo::new(0) }
    }

    /// Remembers until the SQLite database at `path`, which is open, changes.
    pub fn of_sqlite(path: &Path) -> Self {
        let mut index = path.as_os_str().to_owned();
        index.push("-shm");
        Self { index: File::open(index).ok(), entries: Memo::new(REMEMBERED) }
    }

    fn version(&self) -> Option<Version> {
        let mut header = [0; HEADER];
        let index = self.index.as_ref()?;
        // An index that was taken away says nothing any more.
        if index.metadata().ok()?.nlink() == 0 {
            return None;
        }
        index.read_exact_at(&mut header, 0).ok()?;
        Some(header)
    }
}

impl Store {
    /// The session, if it and its user may be used now; `None` if it ended, ran out, or never was. Notes that it was used.
    pub async fn live_session(&self, id: SessionId, patience: Patience) -> Result<Option<Arc<Live>>, StoreError> {
        let now = self.now();
        let version = self.live.version();
        let remembered = match version {
            Some(version) => self.live.entries.get(&id).filter(|(of, _)| *of == version).map(|(_, live)| live),
            None => None,
        };
        let live = match remembered {
            Some(live) => live,
            None => match self.read_live(id).await? {
                Some(live) => {
                    let live = Arc::new(live);
                    if let Some(version) = version {
                        self.live.entries.insert(id, (version, live.clone()));
                    }
                    live
                }
                None => return Ok(None),
            },
        };
        if !live.lasts(patience, now) {
            return Ok(None);
        }
        if now - live.seen_at.load(Ordering::Relaxed) >= patience.touch.whole_seconds().max(1) {
            live.seen_at.store(now, Ordering::Relaxed);
            self.touched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id, now);
        }
        Ok(Some(live))
    }

    async fn read_live(&self, id: SessionId) -> Result<Option<Live>, StoreError> {
        let row = session::Entity::find()
            .filter(session::Column::Id.eq(id.0))
            .filter(session::Column::EndedAt.is_null())
            .find_also_related(user::Entity)
            .and_also_related(address::Entity)
            .one(self.read())
            .await?;
        let Some((session, Some(user), address)) = row else { return Ok(None) };
        Ok(Some(Live {
            id,
            user: to_user(user, address)?,
            method: session.method,
            amr: serde_json::from_str(&session.amr)
                .map_err(|_| StoreError::Corrupt("what a session proved is not a list".into()))?,
            auth_time: moment(session.created_at)?,
            expires_at: moment(session.expires_at)?,
            is_remembered: session.remembered != 0,
            seen_at: AtomicI64::new(session.seen_at),
        }))
    }

    /// Writes down which sessions were used since the last time; one transaction for all.
    pub async fn write_touched(&self) -> Result<(), StoreError> {
        let touched = std::mem::take(&mut *self.touched.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        if touched.is_empty() {
            return Ok(());
        }
        let written = self.write_seen(&touched).await;
        if written.is_err() {
            // Next time, then: whoever is using a session must not run out of it because the database was away.
            let mut waiting = self.touched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (id, at) in touched {
                waiting.entry(id).or_insert(at);
            }
        }
        written
    }

    async fn write_seen(&self, touched: &HashMap<SessionId, i64>) -> Result<(), StoreError> {
        let latest = touched.values().copied().max().unwrap_or_default();
        let ids: Vec<_> = touched.keys().map(|id| id.0).collect();
        for chunk in ids.chunks(500) {
            session::Entity::update_many()
                .col_expr(session::Column::SeenAt, sea_orm::sea_query::Expr::value(latest))
                .filter(session::Column::Id.is_in(chunk.iter().copied()))
                .filter(session::Column::SeenAt.lt(latest))
                .exec(self.write())
                .await?;
        }
        Ok(())
    }
}
