//! Clients that fail too often are shut out, and let in again.

use std::net::IpAddr;

use serde_json::json;

use super::{AccountError, Accounts};
use crate::config::settings::Ban;
use crate::config::{Rate, Span};
use crate::domain::audit::{By, Event, What};
use crate::store::bans;
use crate::store::limits::{self, Pass};

impl Accounts {
    /// Counts a failure of the client; the one that is one too many shuts it out. `true` if this was that one.
    pub async fn count_failure(&self, client: IpAddr, rule: Ban, by: &By) -> Result<bool, AccountError> {
        let now = self.store.now();
        let Ban { after, per, lasts } = rule;
        if after > 1 {
            let rate = Rate { limit: after, per: Span(per), burst: after - 1 };
            if limits::count(self.store.write(), &format!("ban:{client}"), rate, now).await? == Pass::Free {
                return Ok(false);
            }
        }
        let until = now + lasts.whole_seconds();
        let db = self.store.begin().await?;
        let is_new = bans::put(&db, client, until, now).await?;
        if is_new {
            let why = json!({ "after": after, "per": per.whole_seconds(), "until": until });
            self.record(&db, by, What::new(Event::SecurityBan).details(why)).await?;
        }
        self.commit(db).await?;
        Ok(is_new)
    }

    /// Lets a client in again; `false` if it was not shut out.
    pub async fn lift_ban(&self, client: IpAddr, by: &By) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let lifted = bans::lift(&db, client, self.store.now()).await?;
        if lifted {
            limits::forget(&db, &format!("ban:{client}")).await?;
            // In the column that is forgotten after `privacy.ip_retention`.
            let by = By { ip: Some(client), ..by.clone() };
            self.record(&db, &by, What::new(Event::SecurityBanLifted)).await?;
        }
        self.commit(db).await?;
        Ok(lifted)
    }
}
