//! Login tokens of an older server during a cut-over: two routes take them, until a day that the file says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

use super::App;
use crate::config::settings::LegacyTokens;
use crate::keys::old::OldKey;
use crate::store::StoreError;
use crate::store::live::Live;

/// How often the number of accepted tokens is said.
const SAID_EVERY: u64 = 100;

/// Believes tokens of an older server for a time.
#[derive(Debug)]
pub struct OldTokens {
    key: OldKey,
    until: OffsetDateTime,
    accepted: AtomicU64,
}

impl OldTokens {
    /// As the file says.
    pub fn new(settings: &LegacyTokens) -> Self {
        let key = OldKey::new(settings.kind, settings.secret.reveal());
        Self { key, until: settings.until, accepted: AtomicU64::new(0) }
    }

    #[cfg(test)]
    /// How many were accepted since the file was read.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl App {
    /// The live session behind a login token, or somebody who comes with a token of an older server; and for how many seconds the
    /// token lives. Only for `/auth/check` and `/auth/authorize`.
    pub async fn session_or_old_token(&self, token: &str) -> Result<Option<(Arc<Live>, i64)>, StoreError> {
        match self.session_of_token(token).await? {
            Some(found) => Ok(Some(found)),
            None => self.by_old_token(token).await,
        }
    }

    /// Whoever the old token names, unless they are locked or leaving, or are to prove more than it does.
    async fn by_old_token(&self, token: &str) -> Result<Option<(Arc<Live>, i64)>, StoreError> {
        let now = self.now();
        let Some(old) = self.old_tokens.as_ref().filter(|old| now < old.until) else { return Ok(None) };
        let Ok(claims) = old.key.verify(token, now) else { return Ok(None) };
        let Some(user) = self.store().user_by_alias(&claims.old_id).await? else { return Ok(None) };
        if user.is_locked() || self.closed(&user).is_some() || self.accounts.demands_factor(&user) {
            return Ok(None);
        }
        // Whoever has set up a second factor here is asked for it.
        if self.accounts.factors(&user).await?.any() {
            return Ok(None);
        }
        let accepted = old.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if accepted % SAID_EVERY == 1 {
            tracing::info!(tokens.accepted = accepted, "login tokens of the older server are still in use");
        }
        let ends = OffsetDateTime::from_unix_timestamp(claims.exp).unwrap_or(now).min(old.until);
        let live = Live::of_old_token(user, ends);
        Ok(Some((Arc::new(live), (ends - now).whole_seconds())))
    }
}
