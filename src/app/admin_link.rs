//! The link that makes its holder an administrator: proof is the access to this machine, not being first.

use serde_json::json;

use super::App;
use crate::login::door::{Attempt, Carrier};
use crate::store::{StoreError, spent};

/// The role it gives.
pub const ADMIN: &str = "admin";
/// What the attempt of an admin link is called.
const METHOD: &str = "setup";
/// Spent by the first administrator who comes by a link printed at start.
const FIRST: &str = "the first administrator";
/// A hundred years, in seconds: the first administrator is first for good.
const FOR_GOOD: i64 = 100 * 365 * 86_400;

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
        let attempt = self.door.begin(METHOD, None, self.settings.admin_setup_link_ttl, memory);
        self.url(&format!("/setup/{}", self.door.seal(&attempt, Carrier::Mail)))
    }

    /// `None` if the link is not ours, late, used, or void.
    pub async fn open_admin_link(&self, token: &str) -> Result<Option<Attempt>, StoreError> {
        let attempt = self.door.open(token, Carrier::Mail).filter(|attempt| attempt.method == METHOD);
        let Some(attempt) = attempt else { return Ok(None) };
        let void = self.door.is_spent(&attempt).await?
            || (!by_command(&attempt) && self.store().anybody_has_role(ADMIN).await?);
        Ok((!void).then_some(attempt))
    }

    /// `true` for the one who came first.
    pub async fn spend_admin_link(&self, attempt: &Attempt) -> Result<bool, StoreError> {
        let is_first =
            by_command(attempt) || spent::spend(self.store().write(), FIRST, self.store().now() + FOR_GOOD).await?;
        Ok(is_first && self.door.spend(attempt).await?)
    }
}

fn by_command(attempt: &Attempt) -> bool {
    attempt.memory["by_command"] == true
}
