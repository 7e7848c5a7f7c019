//! Wrong passwords: written down, and a rest for the account that grows, ends by itself and touches nothing but passwords.

use serde_json::json;
use time::Duration;

use super::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::pause::{self, Pause};
use crate::domain::user::User;
use crate::mail::Mail;
use crate::store::limits;

/// A letter that comes later than this tells nothing.
const LETTER_LASTS: Duration = Duration::hours(4);

/// A sign-in with a wrong password.
#[derive(Debug, Clone)]
pub struct Failed<'a> {
    /// Whose; `None` where the name is nobody's.
    pub user: Option<&'a User>,
    /// Where failures of the account are counted.
    pub failures: String,
    /// Where its rest is kept.
    pub rest: String,
    /// How many failures are nobody's fault.
    pub free: u32,
    /// `false` for clients that the file exempts.
    pub counts: bool,
}

impl Accounts {
    /// Writes it down and lets the account rest. `letter` is asked for where a lock begins, once for each. The work is the same
    /// whether or not there is such an account.
    pub async fn failed(
        &self,
        failed: Failed<'_>,
        by: &By,
        letter: impl FnOnce(Pause) -> Option<Mail>,
    ) -> Result<(), AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        self.record(&db, by, about(failed.user, Event::UserLoginFailed)).await?;
        if failed.counts {
            let count = limits::strike(&db, &failed.failures, pause::FADE, now).await?;
            if let Some(pause) = pause::after(count, failed.free) {
                let until = now + pause.lasts.whole_seconds();
                let is_begun = limits::block(&db, &failed.rest, until, now).await?;
                if pause.is_lock && is_begun {
                    let details = json!({ "failures": count, "seconds": pause.lasts.whole_seconds() });
                    self.record(&db, by, about(failed.user, Event::SecurityBruteForce).details(details)).await?;
                    self.mail(&db, letter(pause).as_ref(), LETTER_LASTS).await?;
                }
            }
        }
        self.commit(db).await
    }
}

fn about(user: Option<&User>, event: Event) -> What {
    let mut what = What::new(event).provider("password");
    what.target = user.map(|user| user.id);
    what
}
