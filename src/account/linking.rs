//! Carries out what the linking rule decided, in one transaction.

use super::asking::Tries;
use super::{AccountError, Accounts, Way};
use crate::account::password::Checked;
use crate::config::Refresh;
use crate::config::settings::Signup;
use crate::domain::audit::{By, Event, What};
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::id::UserId;
use crate::domain::identity::{Identity, Subject};
use crate::domain::linking::{Facts, LinkPolicy, Verdict, decide};
use crate::domain::role::Origin;
use crate::domain::user::{User, Username};
use crate::store::invitations::{self, Invitation};
use crate::store::users::{self, NewUser, Profile};
use crate::store::{StoreError, Tx, addresses, changes, factors};

/// Somebody with a proven identity, and what the provider's own section says about newcomers.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub identity: &'a Identity,
    /// `None`: as the file says for everybody.
    pub link: Option<LinkPolicy>,
    /// `None`: as the file says for everybody.
    pub signup: Option<bool>,
    /// When the provider is listened to.
    pub refresh: Refresh,
    pub way: Way<'a>,
}

/// What an arrival comes to.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one for each sign-in")]
pub enum Outcome {
    /// They are in.
    In(User),
    /// The address belongs to this user, who has to sign in first; then the identity is linked.
    Ask(UserId),
}

/// The user's groups, those of the provider being these.
fn groups_with(user: &User, provider: &str, groups: &[String]) -> Vec<String> {
    let of_this_provider = format!("{provider}:");
    let others = user.groups.iter().filter(|group| !group.starts_with(&of_this_provider));
    let mut all: Vec<String> = others.chain(groups).cloned().collect();
    all.sort();
    all.dedup();
    all
}

/// Who has the address. One that somebody only noted beside their main one, and never proved, is nobody's: it goes.
async fn holder(db: &Tx, email: &Email) -> Result<Option<User>, StoreError> {
    let Some(user) = users::by_email(db, email).await? else { return Ok(None) };
    let is_stray = user.email.as_ref().is_some_and(|main| main.email != *email)
        && !addresses::is_verified(db, email).await?
        && addresses::remove(db, user.id, email).await?;
    Ok((!is_stray).then_some(user))
}

/// Whether the address that the provider vouches for is proven here, and whether it is invited while nobody has it.
async fn address_facts(db: &Tx, identity: &Identity, is_free: bool, now: i64) -> Result<(bool, bool), StoreError> {
    let Some(email) = identity.email.as_ref().map(VerifiedEmail::address) else { return Ok((false, false)) };
    let is_invited = is_free && invitations::open_to(db, email, now).await?.is_some();
    Ok((addresses::is_verified(db, email).await?, is_invited))
}

/// How often two arrivals of the same person may collide before it is a failure.
pub(super) const TRIES: usize = 3;

/// What is written down of somebody who proved who they are and does not come in; `None` where it is no refusal of theirs, or
/// is written down where it is found.
fn reason(error: &AccountError) -> Option<&'static str> {
    match error {
        AccountError::Locked => Some("locked"),
        AccountError::SignupClosed => Some("signup-closed"),
        AccountError::AddressRefused => Some("address-refused"),
        _ => None,
    }
}

impl Accounts {
    /// Signs in, makes, links or asks, as the rule says.
    pub async fn arrive(&self, arrival: Arrival<'_>) -> Result<Outcome, AccountError> {
        let mut tries = Tries::default();
        loop {
            let error = match self.try_arrive(arrival, tries.passed.as_ref()).await {
                Err(error) => self.again(&mut tries, error, arrival.way).await.err(),
                arrived => return arrived,
            };
            if let Some(error) = error {
                if let Some(reason) = reason(&error) {
                    let known = users::by_identity(self.store.read(), &arrival.identity.subject).await?;
                    let user = known.map(|user| user.id);
                    self.login_failed(user, arrival.way.method, reason, arrival.way.by).await?;
                }
                return Err(error);
            }
        }
    }

    async fn try_arrive(&self, arrival: Arrival<'_>, passed: Option<&NewUser>) -> Result<Outcome, AccountError> {
        let Arrival { identity, link, signup, refresh, way } = arrival;
        let now = self.store.now();
        let db = self.store.begin().await?;
        // In this order: who is made between the two questions is found by the second, and is not asked to prove to be themselves.
        let holder = match identity.email.as_ref().map(VerifiedEmail::address) {
            Some(email) => holder(&db, email).await?,
            None => None,
        };
        let known = users::by_identity(&db, &identity.subject).await?;
        let (verified, is_invited) = address_facts(&db, identity, holder.is_none(), now).await?;
        let verdict = decide(&Facts {
            linked_to: known.as_ref().map(|user| user.id),
            address_of: holder.as_ref().map(|user| (user.id, verified)),
            policy: link.unwrap_or(self.login.account_linking),
            signup: is_invited || signup.unwrap_or(matches!(self.login.signup, Signup::Open | Signup::Providers)),
        });
        match verdict {
            Verdict::Ask(id) => return Ok(Outcome::Ask(id)),
            Verdict::RefuseLink => {
                self.link_refused(db, way, &identity.subject).await?;
                return Err(AccountError::LinkRefused);
            }
            Verdict::RefuseSignup => return Err(AccountError::SignupClosed),
            accepted => self.carry_out(&db, &accepted, (identity, passed), way).await?,
        }
        let user = users::by_identity(&db, &identity.subject).await?;
        let user = user.ok_or_else(|| StoreError::Corrupt("an identity without a user".into()))?;
        if user.is_locked() {
            return Err(AccountError::Locked);
        }
        users::used(&db, &identity.subject, now).await?;
        self.keep_grant(&db, identity).await?;
        if refresh != Refresh::Never || known.is_none() {
            self.bring_up_to_date(&db, user.id, identity).await?;
            self.hear(&db, &user, identity, way.by).await?;
        }
        let user = users::by_id(&db, user.id).await?.unwrap_or(user);
        self.commit(db).await?;
        Ok(Outcome::In(user))
    }

    /// Links or makes, as the rule decided in somebody's favour.
    async fn carry_out(
        &self,
        db: &Tx,
        verdict: &Verdict,
        (identity, passed): (&Identity, Option<&NewUser>),
        way: Way<'_>,
    ) -> Result<(), AccountError> {
        let now = self.store.now();
        match verdict {
            Verdict::Link(id) => {
                users::link(db, *id, &identity.subject, now).await?;
                self.linked(db, *id, &identity.subject, way.by).await?;
            }
            Verdict::TakeOver(id) => {
                self.take_over(db, *id, identity.email.as_ref(), way.by).await?;
                users::link(db, *id, &identity.subject, now).await?;
                self.linked(db, *id, &identity.subject, way.by).await?;
            }
            Verdict::Create => {
                let user = self.make(db, identity, passed).await?;
                users::link(db, user.id, &identity.subject, now).await?;
                self.created(db, &user, way.method, way.service, way.by).await?;
            }
            Verdict::SignIn(_) | Verdict::Ask(_) | Verdict::RefuseLink | Verdict::RefuseSignup => {}
        }
        Ok(())
    }

    /// Links an identity to a user who has just signed in another way, as they were asked to. `false` if it belongs to somebody by now.
    pub async fn link_after_proof(&self, user: &User, identity: &Identity, by: &By) -> Result<bool, AccountError> {
        let now = self.store.now();
        let db = self.store.begin().await?;
        match users::link(&db, user.id, &identity.subject, now).await {
            Err(error) if error.is_conflict() => return Ok(false),
            other => other?,
        }
        self.keep_grant(&db, identity).await?;
        self.bring_up_to_date(&db, user.id, identity).await?;
        self.hear(&db, user, identity, by).await?;
        self.linked(&db, user.id, &identity.subject, by).await?;
        self.commit(db).await?;
        Ok(true)
    }

    async fn linked(&self, db: &Tx, user: UserId, subject: &Subject, by: &By) -> Result<(), StoreError> {
        let what = What::new(Event::IdentityLinked).target(user).provider(&subject.provider);
        self.record(db, by, what).await
    }

    async fn link_refused(&self, db: Tx, way: Way<'_>, subject: &Subject) -> Result<(), AccountError> {
        self.record(&db, way.by, What::new(Event::IdentityLinkRefused).provider(&subject.provider)).await?;
        self.commit(db).await
    }

    /// Signs in whoever answered mail to the address.
    pub async fn arrive_by_mail(&self, email: &Email, way: Way<'_>) -> Result<User, AccountError> {
        let mut tries = Tries::default();
        loop {
            let error = match self.try_arrive_by_mail(email, way, tries.passed.as_ref()).await {
                Err(error) => self.again(&mut tries, error, way).await.err(),
                arrived => return arrived,
            };
            if let Some(error) = error {
                if let Some(reason) = reason(&error) {
                    let user = self.store.user_by_email(email).await?.map(|user| user.id);
                    self.login_failed(user, way.method, reason, way.by).await?;
                }
                return Err(error);
            }
        }
    }

    async fn try_arrive_by_mail(
        &self,
        email: &Email,
        way: Way<'_>,
        passed: Option<&NewUser>,
    ) -> Result<User, AccountError> {
        let now = self.store.now();
        let proof = VerifiedEmail::proven_by_mail(email.clone());
        let db = self.store.begin().await?;
        let user = match holder(&db, email).await? {
            Some(user) if user.is_locked() => return Err(AccountError::Locked),
            Some(user) if addresses::is_verified(&db, email).await? => user,
            Some(user) => {
                self.take_over(&db, user.id, Some(&proof), way.by).await?;
                users::by_id(&db, user.id).await?.unwrap_or(user)
            }
            None => {
                let invitation = invitations::open_to(&db, email, now).await?;
                if invitation.is_none() {
                    self.may_come_by_mail(email)?;
                }
                let new = NewUser {
                    username: Username::suggested(email.local_part()),
                    email: Some((email.clone(), true)),
                    given: if invitation.is_some() { Origin::Invitation } else { Origin::Default },
                    roles: self.roles_of(&db, invitation).await?,
                    ..NewUser::default()
                };
                let user = self.make_user(&db, new, passed).await?;
                self.created(&db, &user, way.method, way.service, way.by).await?;
                user
            }
        };
        self.commit(db).await?;
        Ok(user)
    }

    /// Whether a mailed link to the address could sign anybody in.
    pub async fn is_reachable_by_mail(&self, email: &Email) -> Result<bool, AccountError> {
        Ok(match self.store.user_by_email(email).await? {
            Some(user) => !user.is_locked(),
            None => self.may_come_by_mail(email).is_ok() || self.store.is_invited(email).await?,
        })
    }

    /// Who has this address or username.
    pub async fn called(&self, name: &str) -> Result<Option<User>, AccountError> {
        Ok(match name.parse::<Email>() {
            Ok(email) => self.store.user_by_email(&email).await?,
            Err(_) => self.store.user_by_username(name).await?,
        })
    }

    /// Signs in with a password. `None` for everything that is not right: no such account, no password, a wrong one, a locked account. The work done is the same.
    pub async fn arrive_by_password(&self, user: Option<User>, password: &str) -> Result<Option<User>, AccountError> {
        let stored = match &user {
            Some(user) => self.store.password_hash(user.id).await?,
            None => None,
        };
        let checked = self.hasher.check(password, stored.as_deref()).await?;
        let (Some(user), false) = (user, checked == Checked::Wrong) else { return Ok(None) };
        if user.is_locked() {
            return Ok(None);
        }
        if let Checked::Outdated(hash) = checked {
            let stored = stored.unwrap_or_default();
            users::renew_password_hash(self.store.write(), user.id, &stored, &hash).await?;
        }
        self.end_reset(user.id).await?;
        Ok(Some(user))
    }

    /// The owner of the address has come: whatever somebody else may have prepared under it is gone.
    pub(super) async fn take_over(
        &self,
        db: &Tx,
        id: UserId,
        email: Option<&VerifiedEmail>,
        by: &By,
    ) -> Result<(), StoreError> {
        users::drop_credentials(db, id).await?;
        factors::drop_all(db, id).await?;
        addresses::drop_others(db, id).await?;
        users::drop_aliases(db, id).await?;
        self.settle_roles_of_another(db, id, by).await?;
        self.end_everything(db, id, by).await?;
        if let Some(email) = email {
            users::verify_address(db, id, email.address(), self.store.now()).await?;
        }
        Ok(())
    }

    async fn make(&self, db: &Tx, identity: &Identity, passed: Option<&NewUser>) -> Result<User, AccountError> {
        let email = identity.email.as_ref().map(VerifiedEmail::address);
        let invitation = match email {
            Some(email) => invitations::open_to(db, email, self.store.now()).await?,
            None => None,
        };
        if invitation.is_none() {
            self.may_have_account(email)?;
        }
        let given = if invitation.is_some() { Origin::Invitation } else { Origin::Default };
        let wish = identity.username.as_deref().or_else(|| email.map(Email::local_part));
        let new = NewUser {
            username: wish.and_then(Username::suggested),
            name: identity.name.clone(),
            avatar_url: identity.avatar_url.as_ref().map(ToString::to_string),
            email: email.map(|email| (email.clone(), true)),
            roles: self.roles_of(db, invitation).await?,
            groups: identity.groups.clone(),
            locked: false,
            given,
        };
        self.make_user(db, new, passed).await
    }

    /// Name, picture, groups, and a first address, as the upstream has them now.
    pub(super) async fn bring_up_to_date(&self, db: &Tx, id: UserId, identity: &Identity) -> Result<(), StoreError> {
        let now = self.store.now();
        let Some(user) = changes::hold(db, id).await? else { return Ok(()) };
        let profile = Profile {
            name: identity.name.clone(),
            avatar_url: identity.avatar_url.as_ref().map(ToString::to_string),
            groups: groups_with(&user, &identity.subject.provider, &identity.groups),
        };
        users::refresh(db, &user, &profile, now).await?;
        let first = user.email.is_none().then_some(identity.email.as_ref()).flatten();
        if let Some(email) = first
            && users::by_email(db, email.address()).await?.is_none()
        {
            users::put_address(db, user.id, email.address(), true, now).await?;
            users::changed(db, user.id, now).await?;
        }
        Ok(())
    }

    /// Takes the groups that come from the provider.
    pub(super) async fn drop_groups(&self, db: &Tx, id: UserId, provider: &str) -> Result<(), StoreError> {
        let Some(user) = changes::hold(db, id).await? else { return Ok(()) };
        let profile = Profile { name: None, avatar_url: None, groups: groups_with(&user, provider, &[]) };
        users::refresh(db, &user, &profile, self.store.now()).await
    }

    /// The default roles and those of the invitation, which is accepted with this.
    async fn roles_of(&self, db: &Tx, invitation: Option<Invitation>) -> Result<Vec<String>, StoreError> {
        let mut roles = self.login.default_roles.clone();
        if let Some(invitation) = invitation
            && invitations::accept(db, invitation.id, self.store.now()).await?
        {
            roles.extend(invitation.roles);
        }
        Ok(roles)
    }

    /// Whether a mailed link alone makes an account for the address. Where terms are to be accepted, the page for it has the box.
    fn may_come_by_mail(&self, email: &Email) -> Result<(), AccountError> {
        if self.login.signup != Signup::Open || self.login.terms_url.is_some() {
            return Err(AccountError::SignupClosed);
        }
        self.welcomes(email).map_err(|_| AccountError::AddressRefused)
    }

    pub(super) fn may_have_account(&self, email: Option<&Email>) -> Result<(), AccountError> {
        let listed = |list: &[String]| email.is_some_and(|email| list.iter().any(|domain| domain == email.domain()));
        let allowed = &self.login.allowed_email_domains;
        if listed(&self.login.blocked_email_domains) || (!allowed.is_empty() && !listed(allowed)) {
            return Err(AccountError::AddressRefused);
        }
        Ok(())
    }
}
