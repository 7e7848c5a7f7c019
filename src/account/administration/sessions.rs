//! Ends sessions of others.

use serde_json::json;

use super::{AdminError, Deed, Office};
use crate::domain::audit::{Event, What};
use crate::domain::id::{SessionId, UserId};
use crate::extension::EventKind;
use crate::store::{service_sessions, sessions};

impl Office<'_> {
    /// Ends one session; `false` if it is not theirs or had ended.
    pub async fn end_session(&self, id: UserId, session: SessionId) -> Result<bool, AdminError> {
        Ok(self.end(id, Some(session)).await? == 1)
    }

    /// Ends all sessions of a user; returns how many.
    pub async fn end_sessions(&self, id: UserId) -> Result<u64, AdminError> {
        self.end(id, None).await
    }

    /// Ends the sessions that a service keeps for a user; returns how many.
    pub async fn end_kept(&self, id: UserId, service: &str) -> Result<u64, AdminError> {
        let db = self.accounts.store.begin().await?;
        self.guarded(&db, id, Deed::EndKept(service)).await?;
        let ended = service_sessions::end_all(&db, id, Some(service), None, self.accounts.store.now()).await?;
        if ended > 0 {
            let what = What::new(Event::SessionRevoked).target(id).service(Some(service));
            self.accounts.record(&db, self.by, what.details(json!({ "sessions": ended }))).await?;
        }
        self.keep(db).await?;
        Ok(ended)
    }

    async fn end(&self, id: UserId, only: Option<SessionId>) -> Result<u64, AdminError> {
        let now = self.accounts.store.now();
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::EndSessions).await?;
        let ended = match only {
            Some(session) => u64::from(sessions::end(&db, id, session, now).await?),
            None => sessions::end_all(&db, id, None, now).await?,
        };
        if ended == 0 {
            return Ok(0);
        }
        self.accounts.tell(&db, EventKind::UserLogout, &user, "admin", None).await?;
        let details = json!({ "ended": ended, "session": only });
        self.accounts.record(&db, self.by, What::new(Event::SessionRevoked).target(id).details(details)).await?;
        self.keep(db).await?;
        Ok(ended)
    }
}
