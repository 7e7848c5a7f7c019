//! What ends with a password: everything that was opened with the old one.

use super::Accounts;
use crate::domain::audit::By;
use crate::domain::id::{SessionId, UserId};
use crate::store::api_keys::Owner;
use crate::store::{StoreError, Tx, latest, sessions};

impl Accounts {
    /// Ends every session, mailed link and API key of the user, in the transaction of the change; returns how many sessions ended.
    pub async fn end_everything(&self, db: &Tx, user: UserId, by: &By) -> Result<u64, StoreError> {
        self.end_keys(db, &Owner::User(user), by).await?;
        self.end_sessions_and_links(db, user, None).await
    }

    /// Ends every session but one, and every mailed link that waits for the user; returns how many sessions ended.
    pub async fn end_sessions_and_links(
        &self,
        db: &Tx,
        user: UserId,
        but: Option<SessionId>,
    ) -> Result<u64, StoreError> {
        latest::drop_all_of(db, &user.to_string()).await?;
        sessions::end_all(db, user, but, self.store.now()).await
    }
}
