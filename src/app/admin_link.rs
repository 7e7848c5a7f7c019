//! The link that makes its holder an administrator: proof is the access to this machine, not being first.

use serde_json::json;

use super::App;
use crate::account::AccountError;
use crate::domain::audit::{By, Event, What};
use crate::domain::user::User;
use crate::login::door::{Attempt, Carrier};
use crate::store::StoreError;
use crate::store::users::NewUser;

/// The role it gives.
pub const ADMIN: &str = "admin";
/// What the attempt of an admin link is called.
const METHOD: &str = "setup";
/// Spent by the administrator who comes first by a link printed at start.
const FIRST: &str = "the first administrator";
/// For how long others who opened such a link at the same time come too late, in seconds. After that they see that there is
/// an administrator; and if that one is deleted, the next start's link works again.
const FIRST_HOLDS: i64 = 3600;

/// Who made an admin link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minted {
    /// The server, at start: void once there is an administrator.
    AtStart,
    /// `countersign admin link`: good even then, since an administrator may have lost their way in.
    ByCommand,
}

impl App {
    /// A new link, good once and for `admin.setup_link_ttl`.
    pub fn admin_link(&self, minted: Minted) -> String {
        let memory = json!({ "by_command": minted == Minted::ByCommand });
        let attempt = self.door.begin(METHOD, None, self.settings.admin.setup_link_ttl, memory);
        self.url(&format!("/setup/{}", self.door.seal(&attempt, Carrier::Mail)))
    }

    /// Writes down that such a link was shown to somebody.
    pub async fn note_admin_link(&self, by: &By) -> Result<(), AccountError> {
        let until = self.store().now() + self.settings.admin.setup_link_ttl.whole_seconds();
        self.accounts.note(by, What::new(Event::AdminLinkCreated).details(json!({ "until": until }))).await
    }

    /// `None` if the link is not ours, late, used, or void.
    pub async fn open_admin_link(&self, token: &str) -> Result<Option<Attempt>, StoreError> {
        let attempt = self.door.open(token, Carrier::Mail).filter(|attempt| attempt.method == METHOD);
        let Some(attempt) = attempt else { return Ok(None) };
        let void = self.door.is_spent(&attempt).await?
            || (!by_command(&attempt) && self.store().anybody_has_role(ADMIN).await?);
        Ok((!void).then_some(attempt))
    }

    /// Makes the administrator and spends the link, both or neither. `None` for all but the one who came first.
    pub async fn add_admin(
        &self,
        attempt: &Attempt,
        new: NewUser,
        password: &str,
        by: &By,
    ) -> Result<Option<User>, AccountError> {
        let link = (attempt.id.as_str(), attempt.expires_at);
        let first = (FIRST, self.store().now() + FIRST_HOLDS);
        let once = if by_command(attempt) { &[link][..] } else { &[link, first] };
        self.accounts.add_once(new, Some(password), once, by).await
    }
}

fn by_command(attempt: &Attempt) -> bool {
    attempt.memory["by_command"] == true
}
