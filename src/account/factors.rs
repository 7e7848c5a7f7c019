//! Second factors: set up, checked, taken away.

use serde_json::json;
use time::Duration;

use super::recovery::RecoveryCode;
use super::totp::{Code, Seed};
use super::{AccountError, Accounts};
use crate::config::{Rate, Span};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::UserId;
use crate::domain::proof::Amr;
use crate::domain::user::User;
use crate::store::limits::{self, Pass};
use crate::store::{StoreError, Tx, factors};

/// What seeds are sealed for; the row is the user's.
const SEALED_FOR: &str = "totp";
/// What MACs of recovery codes are for.
const RECOVERY: &str = "recovery code";
/// How many wrong answers a user has: five in five minutes, then one every five minutes, then one an hour, then one a
/// day. Each kind of answer has its own count, so that who guesses one does not shut the owner out of the other.
const LIMITS: [Rate; 3] = [
    Rate { limit: 1, per: Span(Duration::minutes(5)), burst: 5 },
    Rate { limit: 1, per: Span(Duration::HOUR), burst: 12 },
    Rate { limit: 1, per: Span(Duration::DAY), burst: 30 },
];

/// What an answer to the second question is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// This was proven by it.
    Right(Amr),
    /// It is wrong, late, or was used before.
    Wrong,
    /// Nothing was looked at: there were too many wrong ones.
    Wait(Duration),
}

/// What came of setting up an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolled {
    /// The code was not one of the app's.
    Wrong,
    /// There is an app already.
    Taken,
    /// It counts from now on. New recovery codes come with it, if there were none.
    Done(Vec<String>),
}

impl Accounts {
    /// Checks a typed answer, six digits of the app or a recovery code, against what the user has. A right one counts once,
    /// in all processes; wrong ones are counted for the user, wherever they come from.
    pub async fn check_second(&self, user: &User, typed: &str, by: &By) -> Result<Second, AccountError> {
        let code = RecoveryCode::parse(typed);
        let what = if code.is_some() { "recovery" } else { "otp" };
        if let Some(wait) = self.count_try(what, user.id).await? {
            return Ok(Second::Wait(wait));
        }
        let proven = match (code, Code::parse(typed)) {
            (Some(code), _) => self.use_recovery(user, &code, by).await?.then_some(Amr::Recovery),
            (None, Some(code)) => self.use_totp(user.id, &code).await?.then_some(Amr::Otp),
            (None, None) => None,
        };
        if let Some(amr) = proven {
            self.forgive_try(what, user.id).await?;
            return Ok(Second::Right(amr));
        }
        self.login_failed(Some(user.id), what, "wrong second factor", by).await?;
        Ok(Second::Wrong)
    }

    /// Sets up an app that showed this code for the seed.
    pub async fn enrol_totp(&self, user: &User, seed: &Seed, typed: &str, by: &By) -> Result<Enrolled, AccountError> {
        let now = self.store.now();
        let Some(step) = Code::parse(typed).and_then(|code| seed.step_of(&code, now)) else {
            return Ok(Enrolled::Wrong);
        };
        let sealed = self.sealer.seal(SEALED_FOR, &user.id.to_string(), seed.as_bytes());
        let db = self.store.begin().await?;
        match factors::add_totp(&db, user.id, sealed, step, now).await {
            Err(error) if error.is_conflict() => return Ok(Enrolled::Taken),
            other => other?,
        }
        let codes = self.first_recovery(&db, user.id, by).await?;
        self.record(&db, by, What::new(Event::TotpAdded).target(user.id)).await?;
        let line = "An authenticator app was set up for your account. Signing in asks for its codes from now on.";
        self.write_to(&db, user, "An authenticator app was added", line).await?;
        self.commit(db).await?;
        Ok(Enrolled::Done(codes))
    }

    /// Takes the app away; `false` if there was none.
    pub async fn remove_totp(&self, user: &User, by: &By) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        if !factors::drop_totp(&db, user.id).await? {
            return Ok(false);
        }
        self.record(&db, by, What::new(Event::TotpRemoved).target(user.id)).await?;
        self.drop_idle_recovery(&db, user.id).await?;
        let line =
            "The authenticator app was removed from your account. Signing in does not ask for its codes any more.";
        self.write_to(&db, user, "Your authenticator app was removed", line).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// New recovery codes in the place of the old ones, which are worth nothing from here on.
    pub async fn renew_recovery(&self, user: &User, by: &By) -> Result<Vec<String>, AccountError> {
        let db = self.store.begin().await?;
        let codes = self.put_recovery(&db, user.id, by).await?;
        let line = "New recovery codes were made for your account. The old ones do not work any more.";
        self.write_to(&db, user, "You have new recovery codes", line).await?;
        self.commit(db).await?;
        Ok(codes)
    }

    /// Takes all second factors, passkeys and recovery codes away, for somebody who has lost them. `false` if there were none.
    pub async fn reset_factors(&self, user: &User, by: &By) -> Result<bool, AccountError> {
        let db = self.store.begin().await?;
        let had = factors::factors(&db, user.id).await?;
        if !had.any() && had.recovery_left == 0 {
            return Ok(false);
        }
        factors::drop_all(&db, user.id).await?;
        let details = json!({ "totp": had.totp, "passkeys": had.passkeys, "recovery_codes": had.recovery_left });
        self.record(&db, by, What::new(Event::FactorsReset).target(user.id).details(details)).await?;
        let line = "An administrator removed the authenticator app, passkeys and recovery codes of your account. \
                    You set up new ones when you sign in.";
        self.write_to(&db, user, "Your second factors were reset", line).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// Recovery codes for somebody who just got their first factor; none if they have some, or the file wants none.
    pub(super) async fn first_recovery(&self, db: &Tx, user: UserId, by: &By) -> Result<Vec<String>, StoreError> {
        if factors::factors(db, user).await?.recovery_left > 0 {
            return Ok(Vec::new());
        }
        self.put_recovery(db, user, by).await
    }

    /// Recovery codes stand in for a factor: where none is left, they go.
    pub(super) async fn drop_idle_recovery(&self, db: &Tx, user: UserId) -> Result<(), StoreError> {
        if factors::factors(db, user).await?.any() {
            return Ok(());
        }
        factors::put_recovery(db, user, Vec::new(), self.store.now()).await
    }

    /// Tells the owner what changed, in the transaction of the change.
    pub(super) async fn write_to(&self, db: &Tx, user: &User, subject: &str, line: &str) -> Result<(), StoreError> {
        match self.voice.changed(user, subject, line) {
            Some(mail) => self.mail(db, Some(&mail), self.voice.lasts).await,
            None => Ok(()),
        }
    }

    async fn put_recovery(&self, db: &Tx, user: UserId, by: &By) -> Result<Vec<String>, StoreError> {
        let codes: Vec<_> = (0..self.login.mfa.recovery_codes).map(|_| RecoveryCode::new()).collect();
        let row = user.to_string();
        let macs = codes.iter().map(|code| self.sealer.mac(RECOVERY, &[&row, code.as_str()])).collect();
        factors::put_recovery(db, user, macs, self.store.now()).await?;
        if !codes.is_empty() {
            let made = What::new(Event::RecoveryCodesMade).target(user).details(json!({ "codes": codes.len() }));
            self.record(db, by, made).await?;
        }
        Ok(codes.iter().map(RecoveryCode::text).collect())
    }

    async fn use_totp(&self, user: UserId, code: &Code) -> Result<bool, AccountError> {
        let Some(kept) = self.store.totp(user).await? else { return Ok(false) };
        let opened = self.sealer.open(SEALED_FOR, &user.to_string(), &kept.sealed);
        let Some(seed) = opened.and_then(|bytes| Seed::from_bytes(&bytes)) else {
            tracing::error!(user.id = %user, "the seed of an authenticator app does not open: the row was changed, or the master key is another");
            return Ok(false);
        };
        let Some(step) = seed.step_of(code, self.store.now()) else { return Ok(false) };
        Ok(factors::advance_totp(self.store.write(), user, step).await?)
    }

    async fn use_recovery(&self, user: &User, code: &RecoveryCode, by: &By) -> Result<bool, AccountError> {
        let row = user.id.to_string();
        let macs = self.store.recovery_macs(user.id).await?;
        let Some(mac) = macs.iter().find(|mac| self.sealer.verify_mac(RECOVERY, &[&row, code.as_str()], mac)) else {
            return Ok(false);
        };
        let db = self.store.begin().await?;
        if !factors::use_recovery(&db, user.id, mac, self.store.now()).await? {
            return Ok(false);
        }
        let left = factors::factors(&db, user.id).await?.recovery_left;
        let what = What::new(Event::RecoveryUsed).target(user.id).details(json!({ "left": left }));
        self.record(&db, by, what).await?;
        let line = format!("A recovery code was used to sign in to your account. You have {left} left.");
        self.write_to(&db, user, "A recovery code was used", &line).await?;
        self.commit(db).await?;
        Ok(true)
    }

    /// How long to wait, if there were too many tries; else this one is counted.
    async fn count_try(&self, what: &str, user: UserId) -> Result<Option<Duration>, StoreError> {
        for (level, rate) in LIMITS.into_iter().enumerate() {
            let key = format!("second:{what}:{level}:{user}");
            if let Pass::Wait(wait) = limits::count(self.store.write(), &key, rate, self.store.now()).await? {
                return Ok(Some(wait));
            }
        }
        Ok(None)
    }

    async fn forgive_try(&self, what: &str, user: UserId) -> Result<(), StoreError> {
        for (level, rate) in LIMITS.into_iter().enumerate() {
            limits::forgive(self.store.write(), &format!("second:{what}:{level}:{user}"), rate).await?;
        }
        Ok(())
    }
}
