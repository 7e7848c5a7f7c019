//! Answers of permission providers are forgotten before their time, here at once and in every other process within a second or two.

use serde_json::json;

use super::App;
use crate::account::AccountError;
use crate::domain::audit::{By, Event, What};
use crate::store::StoreError;
use crate::store::invalidations::{self, Invalidation};

impl App {
    /// Forgets what permission providers said, fresh and stale: of one service or all, about one user or everybody.
    pub async fn invalidate(&self, what: &Invalidation, by: &By) -> Result<(), AccountError> {
        let db = self.store().begin().await?;
        invalidations::put(&db, what, self.store().now()).await?;
        let mut event = What::new(Event::PermissionsInvalidated).service(what.service.as_deref());
        event.target = what.user;
        let event = event.details(json!({ "everybody": what.user.is_none() }));
        self.accounts.note_in(&db, by, event).await?;
        db.commit().await.map_err(StoreError::from)?;
        self.forget(what);
        Ok(())
    }

    /// Forgets what any process was told to forget since the last time.
    pub async fn carry_out_invalidations(&self) -> Result<(), StoreError> {
        for what in self.house.invalidated.news(self.store()).await? {
            self.forget(&what);
        }
        Ok(())
    }

    fn forget(&self, what: &Invalidation) {
        self.house.chain_state.forget(what.service.as_deref(), what.user);
    }
}
