//! The end of an account: asked for, taken back, carried out; and everything that is known of somebody, for them to keep.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{AccountError, Accounts};
use crate::domain::audit::{Actor, By, Event, What};
use crate::domain::email::Email;
use crate::domain::user::User;
use crate::extension::EventKind;
use crate::mail::Mail;
use crate::store::{StoreError, Tx, addresses, erasing, invitations, latest, sessions, users};

/// The role whose last holder stays.
const ADMIN: &str = "admin";
/// How many accounts go in one round of the job.
const AT_ONCE: u64 = 100;

impl Accounts {
    /// Deletes the account and everything that is theirs, at once and for good, in the transaction of whoever has guarded it; what
    /// the audit trail holds of them names nobody any more. `false` if there is no such user.
    ///
    /// # Errors
    /// [`AccountError::LastAdmin`] if nobody else would run this server.
    #[expect(clippy::cognitive_complexity, reason = "one step after the other")]
    pub(super) async fn erase_in(
        &self,
        db: &Tx,
        by: &By,
        user: &User,
        letter: Option<(&Mail, Duration)>,
    ) -> Result<bool, AccountError> {
        if !self.may_go(db, user).await? {
            return Err(AccountError::LastAdmin);
        }
        let held: Vec<Email> = addresses::of(db, user.id).await?.into_iter().map(|held| held.email).collect();
        let now = self.store.now();
        // Their sessions end first: whoever is told, or asks meanwhile, finds none.
        if sessions::end_all(db, user.id, None, now).await? > 0 {
            self.tell(db, EventKind::UserLogout, user, "deletion", None).await?;
        }
        if !users::delete(db, user.id).await? {
            return Ok(false);
        }
        erasing::pseudonymise(db, user.id).await?;
        invitations::forget(db, user.id, &held).await?;
        for key in ["address", "reset", "verify"] {
            latest::drop(db, &format!("{key}:{}", user.id)).await?;
        }
        if let Some((mail, lasts)) = letter {
            self.mail(db, Some(mail), lasts).await?;
        }
        self.tell(db, EventKind::UserDeleted, user, "deletion", None).await?;
        // Who deletes their own account leaves no trace of where they were.
        let by = if by.actor == Actor::User(user.id) { &By { ip: None, user_agent: None, ..by.clone() } } else { by };
        self.record(db, by, What::new(Event::UserDeleted).target(user.id)).await?;
        Ok(true)
    }

    /// Whether the server would still be run without them. Rows of administrators are locked until the transaction ends, so that
    /// of two who leave at once one stays.
    async fn may_go(&self, db: &Tx, user: &User) -> Result<bool, StoreError> {
        if !user.roles.iter().any(|role| role == ADMIN) {
            return Ok(true);
        }
        let admins = users::with_role(db, ADMIN).await?;
        Ok(admins.iter().any(|id| *id != user.id))
    }

    /// Their owner wants the account gone: it is, at once without a time of grace, else when `grace` is over. Every session ends.
    /// `letter` says so.
    pub async fn ask_for_deletion(
        &self,
        by: &By,
        user: &User,
        grace: Duration,
        letter: Option<&Mail>,
        lasts: Duration,
    ) -> Result<(), AccountError> {
        let db = self.store.begin().await?;
        if grace.is_zero() {
            self.erase_in(&db, by, user, letter.map(|mail| (mail, lasts))).await?;
            return self.commit(db).await;
        }
        if !self.may_go(&db, user).await? {
            return Err(AccountError::LastAdmin);
        }
        let now = self.store.now();
        let at = now + grace.whole_seconds();
        users::set_deletes_at(&db, user.id, Some(at), now).await?;
        if sessions::end_all(&db, user.id, None, now).await? > 0 {
            self.tell(&db, EventKind::UserLogout, user, "deletion", None).await?;
        }
        if letter.is_some() {
            self.mail(&db, letter, lasts).await?;
        }
        let what = What::new(Event::UserDeletionAsked).target(user.id).details(json!({ "deletes_at": at }));
        self.record(&db, by, what).await?;
        self.commit(db).await
    }

    /// The account stays after all; `false` if it was to stay anyway.
    pub async fn keep(&self, by: &By, user: &User) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let kept = users::set_deletes_at(&db, user.id, None, self.store.now()).await?;
        if kept {
            self.record(&db, by, What::new(Event::UserDeletionUndone).target(user.id)).await?;
        }
        self.commit(db).await?;
        Ok(kept)
    }

    /// Erases accounts whose time of grace is over; returns how many. `farewell` writes the last letter. Who became the last
    /// administrator meanwhile stays, and is asked again later.
    pub async fn erase_due(
        &self,
        farewell: impl Fn(&User) -> Option<Mail>,
        lasts: Duration,
    ) -> Result<usize, AccountError> {
        let mut erased = 0;
        for id in self.store.users_to_delete(AT_ONCE).await? {
            let db = self.store.begin().await?;
            let Some(user) = users::by_id(&db, id).await? else { continue };
            // Who wants to stay may have said so a moment ago.
            if user.deletes_at.is_none_or(|at| at > self.at()) {
                continue;
            }
            let mail = farewell(&user);
            let letter = mail.as_ref().map(|mail| (mail, lasts));
            match self.erase_in(&db, &By::system(), &user, letter).await {
                Ok(true) => erased += 1,
                Ok(false) => {}
                Err(AccountError::LastAdmin) => {
                    tracing::warn!(user.id = %user.id, "the last administrator is not erased");
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.commit(db).await?;
        }
        Ok(erased)
    }

    /// Everything that is kept of the user, without anything that opens the account.
    pub async fn export(&self, user: &User) -> Result<Value, AccountError> {
        let mut document = self.store.everything_of(user.id).await?;
        document.insert("exported_at".into(), rfc3339(self.at()));
        document.sort_keys();
        Ok(Value::Object(document))
    }

    /// As [`Accounts::export`], asked for by somebody, which is written down.
    pub async fn export_for(&self, by: &By, user: &User) -> Result<Value, AccountError> {
        let db = self.store.begin().await?;
        self.record(&db, by, What::new(Event::UserExported).target(user.id)).await?;
        self.commit(db).await?;
        self.export(user).await
    }
}

fn rfc3339(at: OffsetDateTime) -> Value {
    at.format(&time::format_description::well_known::Rfc3339).map_or(Value::Null, Value::String)
}
