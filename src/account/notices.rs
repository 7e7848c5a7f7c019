//! What people are told of their account, with the change it is about.

use serde_json::json;
use time::Duration;
use uuid::Uuid;

use super::{AccountError, Accounts};
use crate::config::{Rate, Span};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::SessionId;
use crate::domain::user::User;
use crate::extension::EventKind;
use crate::mail::Mail;
use crate::store::api_keys::Owner;
use crate::store::limits::{self, Pass};

/// A letter that comes later than this tells nothing.
const LASTS: Duration = Duration::days(1);
/// More letters about new browsers tell nobody more.
const NEW_DEVICES: Rate = Rate { limit: 3, per: Span(Duration::DAY), burst: 3 };

impl Accounts {
    /// Somebody signed in with a browser that never did. Of many such sign-ins, only the first are mailed.
    pub async fn new_device(&self, user: &User, letter: Option<&Mail>, by: &By) -> Result<(), AccountError> {
        let db = self.store.begin().await?;
        self.record(&db, by, What::new(Event::SecurityNewDevice).target(user.id)).await?;
        let key = format!("new-device:{}", user.id);
        if letter.is_some() && limits::count(&db, &key, NEW_DEVICES, self.store.now()).await? == Pass::Free {
            self.mail(&db, letter, LASTS).await?;
        }
        self.commit(db).await
    }

    /// The user says that a deed was not theirs: every session but the one they say it in ends. Returns how many.
    pub async fn disown(
        &self,
        user: &User,
        here: SessionId,
        event: Option<Uuid>,
        letter: Option<&Mail>,
        by: &By,
    ) -> Result<u64, AccountError> {
        let db = self.store.begin().await?;
        self.end_keys(&db, &Owner::User(user.id), by).await?;
        let ended = self.end_sessions_and_links(&db, user.id, Some(here)).await?;
        if ended > 0 {
            self.tell(&db, EventKind::UserLogout, user, "everywhere", None).await?;
        }
        let what = What::new(Event::SecurityDisowned).target(user.id);
        self.record(&db, by, what.details(json!({ "event": event, "sessions": ended }))).await?;
        if letter.is_some() {
            self.mail(&db, letter, LASTS).await?;
        }
        self.commit(db).await?;
        Ok(ended)
    }
}
