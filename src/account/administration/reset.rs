//! Helps somebody who has lost a way in: a link to another password, or no second factors any more.

use serde_json::json;
use time::Duration;

use super::{AdminError, Deed, Office};
use crate::account::credentials::reset_key;
use crate::account::{AccountError, Doors, ResetLink};
use crate::config::settings::MailTransport;
use crate::domain::audit::{Event, What};
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::mail::Mail;
use crate::store::{StoreError, Tx, latest};

impl Office<'_> {
    /// Remembers the link as the one that sets another password, and mails it, unless there is no letter: then whoever asked hands
    /// it over. The password stays as it is until the link is used.
    pub async fn reset(&self, id: UserId, link: &ResetLink, letter: Option<&Mail>) -> Result<(), AdminError> {
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::Reset).await?;
        if user.is_locked() {
            return Err(AccountError::Locked.into());
        }
        latest::put(&db, &reset_key(id), &link.id, link.expires_at).await?;
        if letter.is_some() {
            let lasts = Duration::seconds(link.expires_at - self.accounts.store.now());
            self.accounts.mail(&db, letter, lasts).await?;
        }
        let details = json!({ "mailed": letter.is_some() });
        self.accounts.record(&db, self.by, What::new(Event::PasswordResetAsked).target(id).details(details)).await?;
        self.keep(db).await
    }

    /// Takes all second factors and passkeys from somebody who has lost them; `false` if there were none. They are told by mail.
    /// The last administrator keeps a way in.
    pub async fn reset_factors(&self, id: UserId) -> Result<bool, AdminError> {
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::Reset).await?;
        let factors = self.accounts.factors(&user).await?;
        if factors.passkeys > 0 && self.is_last_admin(&db, &user).await? {
            let mut ways = self.accounts.ways_in(&db, &user, &self.doors()).await?;
            ways.passkeys.clear();
            if !ways.any() {
                return Err(AdminError::LastWayIn);
            }
        }
        db.rollback().await.map_err(StoreError::from)?;
        if self.is_rehearsal {
            return Ok(factors.any() || factors.recovery_left > 0);
        }
        Ok(self.accounts.reset_factors(&user, self.by).await?)
    }

    /// Whether nobody else would run the server.
    pub(super) async fn is_last_admin(&self, db: &Tx, user: &User) -> Result<bool, StoreError> {
        self.accounts.is_last_admin(db, user).await
    }

    /// What the file opens.
    pub(super) fn doors(&self) -> Doors {
        let login = &self.settings.login;
        Doors {
            providers: self.settings.providers.iter().map(|section| section.id().to_owned()).collect(),
            password: login.password.enabled,
            mail: login.magic_link.enabled && !matches!(self.settings.mail.transport, MailTransport::None),
            passkeys: login.passkey.enabled,
        }
    }
}
