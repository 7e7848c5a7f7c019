//! Roles that come and go by themselves: what a provider says is held against the rules of the file.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::administration::ADMIN;
use super::{AccountError, Accounts};
use crate::config::{Refresh, RoleRules};
use crate::domain::audit::{By, Event, What};
use crate::domain::email::VerifiedEmail;
use crate::domain::id::UserId;
use crate::domain::identity::{Identity, Subject};
use crate::domain::role::{Change, Held, settle};
use crate::domain::user::User;
use crate::rule::{Facts, Person};
use crate::store::roles::{self, Said};
use crate::store::{StoreError, Tx, changes, users};

/// What the words of providers are sealed for.
const SEALED_FOR: &str = "identity-facts";
/// Most bytes of claims that are kept of one identity.
const MOST_CLAIMS: usize = 16 << 10;
/// How many users are looked at together.
const PAGE: u64 = 200;
/// What was said longer ago is looked at again, where the provider's section says `daily`: a day, in seconds.
const DAY: i64 = 86_400;
/// How long what was said counts there, in seconds: 30 days.
const LASTS: i64 = 30 * DAY;

/// What a provider said last, as far as rules ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub email: Option<String>,
    pub groups: Vec<String>,
    pub claims: Map<String, Value>,
}

impl Kept {
    fn of(identity: &Identity, claims: &Map<String, Value>, rules: &RoleRules) -> Self {
        Self {
            email: identity.email.as_ref().map(VerifiedEmail::address).map(ToString::to_string),
            groups: identity.groups.clone(),
            claims: rules.wanted().of(claims, MOST_CLAIMS),
        }
    }

    fn held(&self, provider: &str, rules: &RoleRules) -> Vec<Held> {
        let Self { email, groups, claims } = self;
        let facts = Facts::of(&Person { claims, email: email.as_deref(), groups, provider });
        let holding = rules.iter().filter(|(_, rule)| rule.grants(&facts));
        let held = |(role, rule): (&str, &crate::rule::Rule)| Held {
            role: role.to_owned(),
            provider: provider.to_owned(),
            rule: rule.text().to_owned(),
        };
        holding.map(held).collect()
    }
}

impl Accounts {
    /// Takes down what a provider says of an identity, as far as rules ask for it, and gives and takes roles accordingly.
    pub(super) async fn hear(&self, db: &Tx, user: &User, identity: &Identity, by: &By) -> Result<(), StoreError> {
        let Some(claims) = identity.claims.as_ref().filter(|_| self.rules.keeps()) else { return Ok(()) };
        let kept = Kept::of(identity, claims, &self.rules);
        let sealed = self.seal_to(&identity.subject, SEALED_FOR, &kept);
        let now = self.store.now();
        roles::keep(db, &identity.subject, &sealed, &self.rules.fingerprint(), now).await?;
        self.settle_roles(db, user.id, by).await
    }

    /// What a provider said last of a user; `None` if nothing was kept.
    pub async fn said_by(&self, user: UserId, provider: &str) -> Result<Option<Kept>, StoreError> {
        let said = self.store.said_by(user, provider).await?;
        Ok(said.and_then(|said| self.opened(&said)))
    }

    /// What each of their providers said last of a user, with the provider's id; only what was kept.
    pub async fn all_said(&self, user: UserId) -> Result<Vec<(String, Kept)>, StoreError> {
        let said = roles::said_of(self.store.read(), &[user]).await?;
        Ok(said.iter().filter_map(|said| Some((said.subject.provider.clone(), self.opened(said)?))).collect())
    }

    fn opened(&self, said: &Said) -> Option<Kept> {
        self.open_of(&said.subject, SEALED_FOR, &said.sealed)
    }

    /// A value, sealed to one identity and one purpose.
    pub(super) fn seal_to(&self, subject: &Subject, purpose: &str, value: &impl Serialize) -> String {
        let plain = serde_json::to_vec(value).expect("plain JSON");
        self.sealer.seal(purpose, &row_of(subject), &plain)
    }

    /// What was sealed to this identity and purpose; `None` for anything else.
    pub(super) fn open_of<T: DeserializeOwned>(&self, subject: &Subject, purpose: &str, sealed: &str) -> Option<T> {
        let plain = self.sealer.open(purpose, &row_of(subject), sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// Gives the user the roles whose rules hold of what their providers said last, and takes those whose rules no longer do.
    ///
    /// The last administrator stays one, whatever the rules say, until there is another.
    pub(super) async fn settle_roles(&self, db: &Tx, id: UserId, by: &By) -> Result<(), StoreError> {
        let Some((user, mut change)) = self.to_settle(db, id).await? else { return Ok(()) };
        let taken = change.taken.iter().find(|one| one.role == ADMIN).cloned();
        if let Some(Held { role, provider, rule }) = taken
            && self.is_last_admin(db, &user).await?
        {
            change.keep(&role);
            let what = What::new(Event::RoleKept).target(id).provider(&provider);
            self.record(db, by, what.details(json!({ "role": role, "rule": rule }))).await?;
        }
        self.carry_out_change(db, id, &change, by).await
    }

    /// The same where the account becomes somebody else's: they are no administrator by what was said of another, even if
    /// nobody else is.
    pub(super) async fn settle_roles_of_another(&self, db: &Tx, id: UserId, by: &By) -> Result<(), StoreError> {
        match self.to_settle(db, id).await? {
            Some((_, change)) => self.carry_out_change(db, id, &change, by).await,
            None => Ok(()),
        }
    }

    async fn to_settle(&self, db: &Tx, id: UserId) -> Result<Option<(User, Change)>, StoreError> {
        let Some(user) = changes::hold(db, id).await? else { return Ok(None) };
        let said = roles::said_of(db, &[id]).await?;
        let origins = roles::origins(db, id).await?;
        let change = settle(&user.roles, &origins, &self.held(said.iter()));
        Ok(change.map(|change| (user, change)))
    }

    /// Whether nobody else would run the server.
    pub(super) async fn is_last_admin(&self, db: &Tx, user: &User) -> Result<bool, StoreError> {
        if user.is_locked() || !user.roles.iter().any(|role| role == ADMIN) {
            return Ok(false);
        }
        Ok(users::with_role(db, ADMIN).await?.iter().all(|admin| *admin == user.id))
    }

    /// Whether what was said counts: the provider is there, and it is not too long ago for it.
    fn counts(&self, said: &Said) -> bool {
        match self.rules.heard(&said.subject.provider) {
            None => false,
            Some(Refresh::Daily) => said.at >= self.store.now() - LASTS,
            Some(Refresh::Login | Refresh::Never) => true,
        }
    }

    fn held<'a>(&self, said: impl Iterator<Item = &'a Said>) -> Vec<Held> {
        let held = said
            .filter(|said| self.counts(said))
            .filter_map(|said| Some(self.opened(said)?.held(&said.subject.provider, &self.rules)));
        held.flatten().collect()
    }

    async fn carry_out_change(&self, db: &Tx, id: UserId, change: &Change, by: &By) -> Result<(), StoreError> {
        roles::carry_out(db, id, change, self.store.now()).await?;
        let told = [(Event::RoleAssigned, &change.given), (Event::RoleUnassigned, &change.taken)];
        for (event, all) in told {
            for Held { role, provider, rule } in all {
                let what = What::new(event).target(id).provider(provider);
                self.record(db, by, what.details(json!({ "role": role, "rule": rule }))).await?;
            }
        }
        Ok(())
    }

    /// Holds what was said of people against the rules as they are now, where that was not done yet, or is asked for every day by
    /// these providers; returns how many were looked at. One page of users costs a few questions, and each user whose roles
    /// change a transaction.
    pub async fn judge_due(&self, daily: &[String]) -> Result<usize, AccountError> {
        let (rules, mut after, mut seen) = (self.rules.fingerprint(), None, 0);
        loop {
            let before = (self.store.now() - DAY, daily);
            let page = self.store.users_to_judge(&rules, before, after, PAGE).await?;
            let Some(last) = page.last().copied() else { return Ok(seen) };
            self.judge(&page, &rules).await?;
            seen += page.len();
            after = Some(last);
        }
    }

    async fn judge(&self, page: &[UserId], rules: &str) -> Result<(), AccountError> {
        let mut by_user: BTreeMap<UserId, Vec<Said>> = page.iter().map(|id| (*id, Vec::new())).collect();
        for said in roles::said_of(self.store.read(), page).await? {
            by_user.entry(said.user).or_default().push(said);
        }
        let known = roles::known(self.store.read(), page).await?;
        for (id, (theirs, origins)) in &known {
            let said = by_user.get(id).map(Vec::as_slice).unwrap_or_default();
            if settle(theirs, origins, &self.held(said.iter())).is_some() {
                let db = self.store.begin().await?;
                self.settle_roles(&db, *id, &By::system()).await?;
                self.commit(db).await?;
            }
        }
        let db = self.store.begin().await?;
        if self.rules.keeps() {
            roles::judged(&db, page, rules, self.store.now()).await?;
        } else {
            roles::drop_said(&db, page).await?;
        }
        self.commit(db).await
    }
}

fn row_of(subject: &Subject) -> String {
    json!([subject.provider, subject.realm, subject.subject]).to_string()
}
