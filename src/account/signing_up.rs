//! Self sign-up: nothing is written down before the address is proven, so nobody can prepare an account for somebody else.

use serde::{Deserialize, Serialize};
use time::Duration;

use super::asking::Tries;
use super::{AccountError, Accounts, Way};
use crate::config::settings::{Disposable, Signup};
use crate::domain::audit::By;
use crate::domain::disposable::is_disposable;
use crate::domain::email::Email;
use crate::domain::lookalike::{Deceptive, check_domain};
use crate::domain::user::{User, Username};
use crate::mail::Mail;
use crate::store::users::{self, NewUser};
use crate::store::{Tx, spent};

/// The method of accounts that were made by signing up here.
pub const METHOD: &str = "signup";

/// What somebody said who signs up; sealed into the link that goes to their address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUp {
    pub email: Email,
    pub name: Option<String>,
    /// The hash of the password they chose; `None`: they will sign in another way.
    pub password: Option<String>,
    /// The terms they accepted, and when.
    pub terms: Option<String>,
    /// The browser that asked: `Firefox on Linux`.
    pub browser: String,
    /// In seconds since 1970.
    pub asked_at: i64,
}

/// What became of a sign-up whose address is proven.
#[derive(Debug, Clone, PartialEq)]
pub enum SignedUp {
    /// A new account.
    Made(Box<User>),
    /// The address has an account by now.
    Known,
    /// The link was used before.
    Over,
}

/// Why an address may not have a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    /// The file refuses its domain.
    #[error("Addresses of this domain cannot have an account here.")]
    Domain,
    /// Throw-away mail.
    #[error("This is an address of a service for throw-away mail. Use one that you will still have tomorrow.")]
    Disposable,
    /// A domain that imitates another.
    #[error(transparent)]
    Deceptive(#[from] Deceptive),
}

impl Accounts {
    /// Whether people may make accounts of their own here, with any address.
    pub fn is_open(&self) -> bool {
        self.login.signup == Signup::Open
    }

    /// Whether somebody who signs up by themselves may do so with this address. It says nothing about accounts.
    pub fn welcomes(&self, email: &Email) -> Result<(), Unwelcome> {
        self.may_hold(email)?;
        if self.login.disposable_domains == Disposable::Refuse && is_disposable(email.domain()) {
            return Err(Unwelcome::Disposable);
        }
        Ok(())
    }

    /// Whether an account may have this address beside the one it has.
    pub fn may_hold(&self, email: &Email) -> Result<(), Unwelcome> {
        self.may_have_account(Some(email)).map_err(|_| Unwelcome::Domain)?;
        Ok(check_domain(email.domain())?)
    }

    /// Mails the link, or tells the owner of a known address that somebody tried; the work is the same.
    pub async fn ask_to_sign_up(
        &self,
        email: &Email,
        link: &Mail,
        known: &Mail,
        lasts: Duration,
    ) -> Result<(), AccountError> {
        let is_known = self.store.user_by_email(email).await?.is_some();
        let db = self.store.begin().await?;
        self.mail(&db, Some(if is_known { known } else { link }), lasts).await?;
        self.commit(db).await
    }

    /// Whether this is the password that was chosen when signing up.
    pub async fn is_password_of(&self, sign_up: &SignUp, password: &str) -> Result<bool, AccountError> {
        let checked = self.hasher.check(password, sign_up.password.as_deref()).await?;
        Ok(checked != super::password::Checked::Wrong)
    }

    /// The address is proven: makes the account and spends the link (`id`, and the second until which it is kept), both or neither.
    pub async fn sign_up(&self, by: &By, link: (&str, i64), sign_up: &SignUp) -> Result<SignedUp, AccountError> {
        let mut tries = Tries::default();
        loop {
            match self.try_sign_up(by, link, sign_up, tries.passed.as_ref()).await {
                Err(error) => self.again(&mut tries, error, Way { method: METHOD, service: None, by }).await?,
                done => return done,
            }
        }
    }

    async fn try_sign_up(
        &self,
        by: &By,
        link: (&str, i64),
        sign_up: &SignUp,
        passed: Option<&NewUser>,
    ) -> Result<SignedUp, AccountError> {
        let db = self.store.begin().await?;
        if !spent::spend(&db, link.0, link.1).await? {
            return Ok(SignedUp::Over);
        }
        if users::by_email(&db, &sign_up.email).await?.is_some() {
            return Ok(SignedUp::Known);
        }
        let user = self.make_newcomer(&db, sign_up, &[], passed).await?;
        self.created(&db, &user, METHOD, None, by).await?;
        self.commit(db).await?;
        Ok(SignedUp::Made(Box::new(user)))
    }

    /// A new user with a proven address.
    pub(super) async fn make_newcomer(
        &self,
        db: &Tx,
        new: &SignUp,
        roles: &[String],
        passed: Option<&NewUser>,
    ) -> Result<User, AccountError> {
        let now = self.store.now();
        let row = NewUser {
            username: Username::suggested(new.email.local_part()),
            name: new.name.clone(),
            email: Some((new.email.clone(), true)),
            roles: self.login.default_roles.iter().chain(roles).cloned().collect(),
            ..NewUser::default()
        };
        let user = self.make_user(db, row, passed).await?;
        if let Some(hash) = &new.password {
            users::set_password_hash(db, user.id, hash, now).await?;
        }
        if let Some(terms) = &new.terms {
            users::accept_terms(db, user.id, terms).await?;
        }
        Ok(user)
    }
}
