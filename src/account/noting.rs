//! What is written down by itself: deeds that change nothing but the record.

use serde_json::json;

use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::User;
use crate::extension::EventKind;
use crate::store::{Tx, sessions};

impl Accounts {
    /// Writes down a deed that needs no other change.
    pub async fn note(&self, by: &By, what: What) -> Result<(), AccountError> {
        let db = self.store.begin().await?;
        self.record(&db, by, what).await?;
        self.commit(db).await
    }

    /// The same, in the transaction of the deed.
    pub async fn note_in(&self, db: &Tx, by: &By, what: What) -> Result<(), AccountError> {
        Ok(self.record(db, by, what).await?)
    }

    /// Writes down that somebody did not come in, and for what sort of reason: for those who run the server, not for whom it
    /// happened to.
    pub async fn login_failed(
        &self,
        user: Option<UserId>,
        method: &str,
        reason: &str,
        by: &By,
    ) -> Result<(), AccountError> {
        let mut what = What::new(Event::UserLoginFailed).provider(method).details(json!({ "reason": reason }));
        what.target = user;
        self.note(by, what).await
    }

    /// A one-time code came a second time: the session it stands for ends, since whoever has a copy is not who it was made for.
    pub async fn code_reused(
        &self,
        user: &User,
        session: SessionId,
        service: &str,
        by: &By,
    ) -> Result<(), AccountError> {
        let db = self.store.begin().await?;
        let ended = sessions::end(&db, user.id, session, self.store.now()).await?;
        if ended {
            self.tell(&db, EventKind::UserLogout, user, "code-reused", Some(service)).await?;
        }
        let what = What::new(Event::TokenReuseDetected).target(user.id).service(Some(service));
        self.record(&db, by, what.details(json!({ "session": session, "ended": ended }))).await?;
        self.commit(db).await
    }
}
