//! Edits, roles, locks, proven addresses.

use serde_json::{Map, Value, json};

use super::{AdminError, Deed, Office};
use crate::domain::audit::{Event, What};
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::merge_patch;
use crate::domain::role::{Origin, RoleOrigin};
use crate::domain::user::{User, Username};
use crate::extension::EventKind;
use crate::store::{StoreError, Tx, changes, roles, users};

/// Most bytes of a user's attributes.
const MOST: usize = 16 * 1024;

/// What becomes different. The outer `None` leaves as it is, the inner one takes away.
#[expect(clippy::option_option, reason = "what is not said is not what is taken away")]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub name: Option<Option<String>>,
    pub username: Option<Option<Username>>,
    pub avatar_url: Option<Option<String>>,
    /// Merged into the attributes; null takes one away (RFC 7396).
    pub extra: Option<Map<String, Value>>,
    /// Whether the address counts as proven.
    pub verified: Option<bool>,
}

impl Change {
    fn fields(&self) -> Vec<&'static str> {
        let Self { name, username, avatar_url, extra, verified } = self;
        let all = [
            ("name", name.is_some()),
            ("username", username.is_some()),
            ("avatar_url", avatar_url.is_some()),
            ("extra", extra.is_some()),
            ("email_verified", verified.is_some()),
        ];
        all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }
}

impl Office<'_> {
    /// Changes what is asked for; with `version`, only if the user still has it.
    pub async fn edit(&self, id: UserId, change: Change, version: Option<i64>) -> Result<User, AdminError> {
        let now = self.accounts.store.now();
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::Edit).await?;
        if version.is_some_and(|version| version != user.version) {
            return Err(AdminError::Stale);
        }
        let fields = change.fields();
        if fields.is_empty() {
            return Ok(user);
        }
        let extra = match change.extra {
            Some(patch) => Some(merged(changes::extra(&db, id).await?, &patch)?),
            None => None,
        };
        if let Some(verified) = change.verified {
            let address = user.email.as_ref().ok_or(AdminError::NoAddress)?;
            changes::set_verified(&db, id, &address.email, verified, now).await?;
        }
        let edit = changes::Edit { name: change.name, username: change.username, avatar_url: change.avatar_url, extra };
        match changes::edit(&db, id, &edit, now).await {
            Err(error) if error.is_conflict() => return Err(AdminError::UsernameTaken),
            other => other?,
        }
        let what = What::new(Event::UserUpdated).target(id).details(json!({ "fields": fields }));
        self.accounts.record(&db, self.by, what).await?;
        let user = self.after(&db, id).await?;
        if change.verified == Some(false) {
            self.keeps_a_way_in(&db, &user).await?;
        }
        self.keep(db).await?;
        Ok(user)
    }

    /// The last administrator is not left without a way in.
    async fn keeps_a_way_in(&self, db: &Tx, user: &User) -> Result<(), AdminError> {
        let is_out =
            self.is_last_admin(db, user).await? && !self.accounts.ways_in(db, user, &self.doors()).await?.any();
        if is_out { Err(AdminError::LastWayIn) } else { Ok(()) }
    }

    /// Gives a role; `false` if they have it by hand already.
    pub async fn grant(&self, id: UserId, role: &str) -> Result<bool, AdminError> {
        if !self.roles.iter().any(|known| known == role) && role != self.admin_role {
            return Err(AdminError::RoleUnknown);
        }
        self.set_role(id, role, Deed::Grant(role)).await
    }

    /// Takes a role; `false` if they do not have it. A role that left the file can still be taken.
    pub async fn revoke(&self, id: UserId, role: &str) -> Result<bool, AdminError> {
        self.set_role(id, role, Deed::Revoke(role)).await
    }

    async fn set_role(&self, id: UserId, role: &str, deed: Deed<'_>) -> Result<bool, AdminError> {
        let gives = matches!(deed, Deed::Grant(_));
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, deed).await?;
        let now = self.accounts.store.now();
        let has = user.roles.iter().any(|own| own == role);
        if !gives && !has {
            return Ok(false);
        }
        let mut all = user.roles;
        if gives {
            let stays = has && is_by_hand(&roles::origins(&db, id).await?, role);
            // Also where a rule gives it already: from now on it stays without the rule.
            roles::note(&db, id, &[role.to_owned()], Origin::Admin, now).await?;
            if stays {
                self.keep(db).await?;
                return Ok(false);
            }
            all.push(role.to_owned());
        } else {
            all.retain(|own| own != role);
            roles::forget(&db, id, role).await?;
        }
        changes::set_roles(&db, id, &all, now).await?;
        let event = if gives { Event::RoleGranted } else { Event::RoleRevoked };
        let service = self.caller.only.as_ref().map(|only| only.service.as_str());
        let what = What::new(event).target(id).service(service).details(json!({ "role": role }));
        self.accounts.record(&db, self.by, what).await?;
        self.keep(db).await?;
        Ok(true)
    }

    /// Locks somebody out; every session ends, the roles stay for the day they come back. `false` if they were locked.
    pub async fn lock(&self, id: UserId) -> Result<bool, AdminError> {
        self.set_locked(id, true, Deed::Lock).await
    }

    /// Lets somebody in again, as they were. `false` if they were not locked.
    pub async fn unlock(&self, id: UserId) -> Result<bool, AdminError> {
        self.set_locked(id, false, Deed::Unlock).await
    }

    async fn set_locked(&self, id: UserId, locked: bool, deed: Deed<'_>) -> Result<bool, AdminError> {
        let now = self.accounts.store.now();
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, deed).await?;
        if user.is_locked() == locked {
            return Ok(false);
        }
        users::set_locked(&db, id, locked, now).await?;
        if locked && self.accounts.end_everything(&db, id, self.by).await? > 0 {
            self.accounts.tell(&db, EventKind::UserLogout, &user, "lock", None).await?;
        }
        let event = if locked { Event::UserLocked } else { Event::UserUnlocked };
        self.accounts.record(&db, self.by, What::new(event).target(id)).await?;
        self.keep(db).await?;
        Ok(true)
    }

    /// Notes that the address is the user's; `false` if it was known.
    pub async fn verify(&self, id: UserId) -> Result<bool, AdminError> {
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::Edit).await?;
        let address = user.email.ok_or(AdminError::NoAddress)?;
        if address.verified {
            return Ok(false);
        }
        changes::set_verified(&db, id, &address.email, true, self.accounts.store.now()).await?;
        self.accounts.record(&db, self.by, What::new(Event::AddressVerified).target(id)).await?;
        self.keep(db).await?;
        Ok(true)
    }

    /// Takes an identity from a user; `false` if it is not theirs. The last way to sign in stays.
    pub async fn unlink(&self, id: UserId, subject: &Subject) -> Result<bool, AdminError> {
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::Edit).await?;
        if !changes::unlink(&db, id, subject).await? {
            return Ok(false);
        }
        if !self.accounts.ways_in(&db, &user, &self.doors()).await?.any() {
            return Err(AdminError::LastWayIn);
        }
        let what = What::new(Event::IdentityUnlinked).target(id).provider(&subject.provider);
        self.accounts.record(&db, self.by, what).await?;
        self.accounts.unlinked(&db, id, &subject.provider, self.by).await?;
        self.keep(db).await?;
        Ok(true)
    }

    /// Deletes a user and everything that is theirs, at once and for good.
    pub async fn erase(&self, id: UserId) -> Result<(), AdminError> {
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, Deed::Delete).await?;
        self.accounts.erase_in(&db, self.by, &user, None).await?;
        self.keep(db).await
    }

    /// The user, if the deed is allowed; the deed itself is a transaction of its own.
    async fn looked_at(&self, id: UserId, deed: Deed<'_>) -> Result<User, AdminError> {
        let db = self.accounts.store.begin().await?;
        let user = self.guarded(&db, id, deed).await?;
        db.rollback().await.map_err(StoreError::from)?;
        Ok(user)
    }

    /// Everything that is kept of a user; that it was handed out is written down.
    pub async fn export(&self, id: UserId) -> Result<Value, AdminError> {
        let user = self.looked_at(id, Deed::Export).await?;
        if self.is_rehearsal {
            return Ok(self.accounts.export(&user).await?);
        }
        Ok(self.accounts.export_for(self.by, &user).await?)
    }
}

/// Whether somebody who has the role was given it by hand: a role without a reason was, before reasons were kept.
fn is_by_hand(origins: &[RoleOrigin], role: &str) -> bool {
    let mut reasons = origins.iter().filter(|origin| origin.role == role).peekable();
    reasons.peek().is_none() || reasons.any(|origin| origin.kind == Origin::Admin)
}

/// The attributes after the patch, as JSON; `None` if none are left.
fn merged(mut all: Map<String, Value>, patch: &Map<String, Value>) -> Result<Option<String>, AdminError> {
    merge_patch::merge(&mut all, patch);
    let text = Value::Object(all).to_string();
    match text.as_str() {
        "{}" => Ok(None),
        _ if text.len() > MOST => Err(AdminError::TooMuch),
        _ => Ok(Some(text)),
    }
}
