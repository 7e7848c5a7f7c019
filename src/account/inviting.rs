//! Invitations: an address may have an account, with these roles, whoever else may not.

use time::{Duration, OffsetDateTime};

use super::asking::Tries;
use super::signing_up::SignUp;
use super::{AccountError, Accounts, Way};
use crate::domain::audit::{Actor, By, Event, What};
use crate::domain::email::Email;
use crate::domain::id::InvitationId;
use crate::domain::user::User;
use crate::keys::sha256_hex;
use crate::mail::Mail;
use crate::store::invitations::{self, Invitation};
use crate::store::users::{self, NewUser};

/// The method of accounts that were made by an invitation.
pub const METHOD: &str = "invitation";

/// Whom to invite.
#[derive(Debug, Clone)]
pub struct Invite {
    pub email: Email,
    /// Beside the default ones.
    pub roles: Vec<String>,
    /// Where they go first.
    pub service: Option<String>,
    pub lasts: Duration,
}

/// What became of an invitation that somebody accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// A new account.
    Made(Box<User>),
    /// The address has an account by now.
    Known,
    /// It was accepted, taken back or too late.
    Over,
}

impl Accounts {
    /// Invites; an earlier invitation of the same address is over then. `token` is what stands in the link of the letter.
    ///
    /// # Errors
    /// [`AccountError::AddressTaken`] if the address has an account.
    pub async fn invite(
        &self,
        by: &By,
        invite: Invite,
        token: &str,
        letter: Option<&Mail>,
    ) -> Result<Invitation, AccountError> {
        let Invite { email, roles, service, lasts } = invite;
        let now = self.at();
        let invited_by = if let Actor::User(user) = by.actor { Some(user) } else { None };
        let invitation = Invitation {
            id: InvitationId::new(),
            email,
            roles,
            service,
            invited_by,
            created_at: now,
            expires_at: now + lasts,
            accepted_at: None,
            revoked_at: None,
        };
        let db = self.store.begin().await?;
        if users::by_email(&db, &invitation.email).await?.is_some() {
            return Err(AccountError::AddressTaken);
        }
        invitations::supersede(&db, &invitation.email, now.unix_timestamp()).await?;
        invitations::put(&db, &invitation, &hash(token)).await?;
        if letter.is_some() {
            self.mail(&db, letter, lasts).await?;
        }
        self.record(&db, by, about(Event::UserInvited, &invitation)).await?;
        self.commit(db).await?;
        Ok(invitation)
    }

    /// Invitations, the newest first, behind `after`.
    pub async fn invitations(&self, after: Option<InvitationId>, limit: u64) -> Result<Vec<Invitation>, AccountError> {
        Ok(self.store.invitations(after, limit).await?)
    }

    /// Takes an invitation back; `false` if it was over, or never was.
    pub async fn revoke_invitation(&self, by: &By, id: InvitationId) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let revoked = invitations::revoke(&db, id, self.store.now()).await?;
        if revoked {
            let what = What::new(Event::InvitationRevoked).details(serde_json::json!({ "invitation": id }));
            self.record(&db, by, what).await?;
        }
        self.commit(db).await?;
        Ok(revoked)
    }

    /// The invitation behind a link; `None` if it is over.
    pub async fn invitation(&self, token: &str) -> Result<Option<Invitation>, AccountError> {
        let found = self.store.invitation(&hash(token)).await?;
        Ok(found.filter(|invitation| invitation.is_open(self.at())))
    }

    /// Makes the account of somebody who holds the link, once: holding it proves the address.
    pub async fn accept_invitation(&self, by: &By, token: &str, new: SignUp) -> Result<Accepted, AccountError> {
        let Some(invitation) = self.invitation(token).await? else { return Ok(Accepted::Over) };
        let new = SignUp { email: invitation.email.clone(), ..new };
        let way = Way { method: METHOD, service: invitation.service.as_deref(), by };
        let mut tries = Tries::default();
        loop {
            // A conflict: somebody made an account with the address at the same time, or accepted the same invitation.
            match self.try_accept(by, &invitation, &new, tries.passed.as_ref()).await {
                Err(error) => self.again(&mut tries, error, way).await?,
                done => return done,
            }
        }
    }

    async fn try_accept(
        &self,
        by: &By,
        invitation: &Invitation,
        new: &SignUp,
        passed: Option<&NewUser>,
    ) -> Result<Accepted, AccountError> {
        let db = self.store.begin().await?;
        if !invitations::accept(&db, invitation.id, self.store.now()).await? {
            return Ok(Accepted::Over);
        }
        if users::by_email(&db, &new.email).await?.is_some() {
            return Ok(Accepted::Known);
        }
        let user = self.make_newcomer(&db, new, &invitation.roles, passed).await?;
        self.created(&db, &user, METHOD, invitation.service.as_deref(), by).await?;
        self.commit(db).await?;
        Ok(Accepted::Made(Box::new(user)))
    }
}

/// What the database keeps of a link: enough to recognise it.
fn hash(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

fn about(event: Event, invitation: &Invitation) -> What {
    let Invitation { id, email, roles, expires_at, .. } = invitation;
    let until = OffsetDateTime::unix_timestamp(*expires_at);
    let details = serde_json::json!({ "invitation": id, "address": email.masked(), "roles": roles, "until": until });
    What::new(event).service(invitation.service.as_deref()).details(details)
}
