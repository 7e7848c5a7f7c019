//! Another password: changed with the one there is, or set with a mailed link.

use serde_json::json;
use time::Duration;

use super::password::Checked;
use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::email::Email;
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::User;
use crate::mail::Mail;
use crate::store::{StoreError, factors, latest, users};

/// How long a notice about an account is tried.
const NOTICE_LASTS: Duration = Duration::days(3);

/// A link that sets another password: the newest one of its user counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetLink {
    /// Its id.
    pub id: String,
    /// Whose; somebody who does not exist, where nobody has the address.
    pub user: UserId,
    /// Dead from this second on, in seconds since 1970.
    pub expires_at: i64,
}

impl Accounts {
    /// Whether it is the user's password; `false` where there is none, after the same work.
    pub async fn knows_password(&self, user: &User, typed: &str) -> Result<bool, AccountError> {
        let stored = self.store.password_hash(user.id).await?;
        Ok(self.hasher.check(typed, stored.as_deref()).await? != Checked::Wrong)
    }

    /// Whether what was mailed to the address then is from before the password that its owner has now: it died with the old one.
    pub async fn is_older_than_password(&self, email: &Email, mailed_at: i64) -> Result<bool, AccountError> {
        let Some(user) = self.store.user_by_email(email).await? else { return Ok(false) };
        Ok(self.store.password_set_at(user.id).await?.is_some_and(|set_at| mailed_at < set_at))
    }

    /// Another password, or the first. All sessions but one and all mailed links end; the owner is told by mail.
    pub async fn change_password(
        &self,
        user: &User,
        new: &str,
        but: Option<SessionId>,
        letter: Option<&Mail>,
        by: &By,
    ) -> Result<(), AccountError> {
        let hash = self.hasher.hash(new).await?;
        let is_first = self.store.password_hash(user.id).await?.is_none();
        let db = self.store.begin().await?;
        users::set_password_hash(&db, user.id, &hash, self.store.now()).await?;
        let sessions = self.end_sessions_and_links(&db, user.id, but).await?;
        let details = json!({ "first": is_first, "sessions": sessions });
        self.record(&db, by, What::new(Event::PasswordChanged).target(user.id).details(details)).await?;
        if letter.is_some() {
            self.mail(&db, letter, NOTICE_LASTS).await?;
        }
        self.commit(db).await
    }

    /// Remembers the link as the one that counts, and mails it. Where nobody gets a letter the work is the same.
    pub async fn reset_asked(
        &self,
        link: &ResetLink,
        user: Option<&User>,
        letter: Option<&Mail>,
        by: &By,
    ) -> Result<(), AccountError> {
        let lasts = Duration::seconds(link.expires_at - self.store.now());
        let db = self.store.begin().await?;
        latest::put(&db, &reset_key(link.user), &link.id, link.expires_at).await?;
        self.mail(&db, letter, lasts).await?;
        let mut what = What::new(Event::PasswordResetAsked);
        what.target = user.map(|user| user.id);
        self.record(&db, by, what).await?;
        self.commit(db).await
    }

    /// Whether the link still counts; a hint for pages, never the judge.
    pub async fn is_reset_open(&self, user: UserId, id: &str) -> Result<bool, AccountError> {
        Ok(latest::is(self.store.read(), &reset_key(user), id).await?)
    }

    /// Sets another password with the link, once. Every session, every other link and every key of the user ends. `false` if the
    /// link counts no longer, the account is locked, or the address it went to is not theirs any more.
    pub async fn reset_password(
        &self,
        link: (UserId, &str),
        email: &Email,
        new: &str,
        letter: Option<&Mail>,
        by: &By,
    ) -> Result<bool, AccountError> {
        let (id, link) = link;
        let hash = self.hasher.hash(new).await?;
        let now = self.store.now();
        let db = self.store.begin().await?;
        if !latest::take(&db, &reset_key(id), link).await? {
            return Ok(false);
        }
        let user = users::by_email(&db, email).await?.filter(|user| user.id == id && !user.is_locked());
        let Some(user) = user else { return Ok(false) };
        if user.email.as_ref().is_some_and(|address| address.email == *email && !address.verified) {
            // Whoever answers mail to an address that nobody proved is its owner, and nobody else stays.
            users::drop_credentials(&db, id).await?;
            factors::drop_all(&db, id).await?;
            users::verify_address(&db, id, email, now).await?;
        }
        users::set_password_hash(&db, id, &hash, now).await?;
        let sessions = self.end_everything(&db, id, by).await?;
        let details = json!({ "sessions": sessions });
        self.record(&db, by, What::new(Event::PasswordReset).target(id).details(details)).await?;
        if letter.is_some() {
            self.mail(&db, letter, NOTICE_LASTS).await?;
        }
        self.commit(db).await?;
        Ok(true)
    }

    /// Whoever knows the password needs no link to another one.
    pub(super) async fn end_reset(&self, user: UserId) -> Result<(), StoreError> {
        latest::drop(self.store.write(), &reset_key(user)).await
    }
}

/// Of a user's links to another password, the newest counts.
pub(super) fn reset_key(user: UserId) -> String {
    format!("reset:{user}")
}
