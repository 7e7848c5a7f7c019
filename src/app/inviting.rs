//! The invitation with its link, and letters about accounts that come and go.

use time::Duration;

use super::App;
use crate::account::inviting::Invite;
use crate::account::{AccountError, Accounts};
use crate::domain::audit::By;
use crate::domain::user::User;
use crate::keys::random_token;
use crate::mail::Mail;
use crate::mail::notice::Letter;
use crate::store::invitations::Invitation;

/// An invitation, and the link that accepts it: it is shown once, since nobody can make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    pub invitation: Invitation,
    pub link: String,
}

impl App {
    /// For how long a letter that tells something is tried.
    pub fn letters_last(&self) -> Duration {
        self.settings.mail.retry_for.max(Duration::HOUR)
    }

    /// Invites: makes the link, and mails it.
    pub async fn invite(&self, by: &By, invite: Invite) -> Result<Invited, AccountError> {
        self.invite_with(&self.accounts, by, invite).await
    }

    /// As [`App::invite`], with these accounts, which may only rehearse it.
    pub async fn invite_with(&self, accounts: &Accounts, by: &By, invite: Invite) -> Result<Invited, AccountError> {
        let token = random_token();
        let link = self.url(&format!("/invite/{token}"));
        let mail = self.letter(&invite.email, &self.invitation_letter(&invite, &link));
        let invitation = accounts.invite(by, invite, &token, Some(&mail)).await?;
        Ok(Invited { invitation, link })
    }

    fn invitation_letter(&self, invite: &Invite, link: &str) -> Letter {
        let name = &self.settings.theme.name;
        let service = invite.service.as_deref().and_then(|id| self.service(id)).map(|service| service.name.clone());
        let what = service.map_or_else(
            || format!("You are invited to make an account at {name}."),
            |service| format!("You are invited to use {service}, with an account at {name}."),
        );
        let days = invite.lasts.whole_days().max(1);
        Letter {
            subject: format!("You are invited to {name}"),
            lines: vec![what],
            button: Some(("Accept the invitation".into(), link.to_owned())),
            small: vec![
                format!("The link works once, for {days} day{}.", if days == 1 { "" } else { "s" }),
                "If you did not expect this, ignore it: nothing happens unless you accept.".into(),
            ],
        }
    }

    /// Erases accounts whose time of grace is over, and says goodbye; returns how many.
    pub async fn erase_due(&self) -> Result<usize, AccountError> {
        self.accounts.erase_due(|user| self.farewell(user), self.letters_last()).await
    }

    /// The last letter to somebody; `None` if there is nowhere to write to.
    pub fn farewell(&self, user: &User) -> Option<Mail> {
        let name = &self.settings.theme.name;
        let address = user.email.as_ref().filter(|address| address.verified)?;
        let letter = Letter {
            subject: format!("Your account at {name} is deleted"),
            lines: vec![format!(
                "Your account at {name} and everything that belonged to it are deleted, as you asked."
            )],
            ..Letter::default()
        };
        Some(self.letter(&address.email, &letter))
    }
}
