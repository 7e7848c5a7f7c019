//! Two accounts of one person become one, and can be parted again for a time.

use serde::Serialize;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{AdminError, Deed, Office};
use crate::domain::audit::{Event, What};
use crate::domain::id::UserId;
use crate::store::merges::{self, Merge, Moved};

/// How long a merge can be undone.
pub const UNDO: Duration = Duration::days(14);
/// What the memory of a merge is sealed for.
const SEALED_FOR: &str = "merge";

/// What a merge would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Preview {
    /// The one who goes.
    #[schema(value_type = String)]
    pub gone: UserId,
    /// The one who stays.
    #[schema(value_type = String)]
    pub into: UserId,
    /// Addresses that move; the main address of the one who stays is kept.
    pub addresses: Vec<String>,
    /// Providers of the identities that move.
    pub identities: Vec<String>,
    /// How many passkeys move.
    pub passkeys: usize,
    /// How many API keys move.
    pub api_keys: usize,
    /// Groups that are added.
    pub groups: Vec<String>,
    /// What both have, and which of the two stays.
    pub conflicts: Vec<String>,
}

/// A merge that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Until then it can be undone.
    pub undo_until: OffsetDateTime,
}

impl Office<'_> {
    /// What would move, and what both have.
    pub async fn preview_merge(&self, gone: UserId, into: UserId) -> Result<Preview, AdminError> {
        if gone == into {
            return Err(AdminError::SameAccount);
        }
        let store = &self.accounts.store;
        let goes = store.user(gone).await?.ok_or(AdminError::NotFound)?;
        let stays = store.user(into).await?.ok_or(AdminError::NotFound)?;
        let moved = merges::look(store.read(), gone, into).await?;
        let mut conflicts = Vec::new();
        let both = |what: &str, one: Option<&str>, other: Option<&str>| match (one, other) {
            (Some(one), Some(other)) if one != other => Some(format!("{what}: `{other}` stays, `{one}` goes")),
            (Some(one), None) => Some(format!("{what}: `{one}` goes")),
            _ => None,
        };
        conflicts.extend(both("username", goes.username.as_deref(), stays.username.as_deref()));
        conflicts.extend(both("name", goes.name.as_deref(), stays.name.as_deref()));
        let lost = goes.roles.iter().filter(|role| !stays.roles.contains(role));
        conflicts.extend(lost.map(|role| format!("role `{role}`: it goes; grant it to whoever stays")));
        if store.password_hash(gone).await?.is_some() {
            conflicts.push("password: that of whoever stays counts, and no other".to_owned());
        }
        Ok(Preview {
            gone,
            into,
            addresses: moved.addresses.into_iter().map(|(email, ..)| email).collect(),
            identities: moved.identities.into_iter().map(|subject| subject.provider).collect(),
            passkeys: moved.passkeys.len(),
            api_keys: moved.api_keys.len(),
            groups: moved.groups,
            conflicts,
        })
    }

    /// Merges: identities, addresses, passkeys, API keys, groups and other names move; roles, password and second factors do not.
    /// Every session of the one who goes ends.
    pub async fn merge(&self, gone: UserId, into: UserId) -> Result<Merged, AdminError> {
        if gone == into {
            return Err(AdminError::SameAccount);
        }
        let now = self.accounts.store.now();
        let db = self.accounts.store.begin().await?;
        // Always in the same order, so that two who merge crosswise wait for each other instead of for ever.
        let goes_first = gone.0 < into.0;
        if goes_first {
            self.guarded(&db, gone, Deed::MergeAway).await?;
        }
        self.guarded(&db, into, Deed::MergeInto).await?;
        if !goes_first {
            self.guarded(&db, gone, Deed::MergeAway).await?;
        }
        let moved = merges::look(&db, gone, into).await?;
        merges::carry_out(&db, gone, into, &moved, now).await?;
        self.accounts.settle_roles(&db, into, self.by).await?;
        let id = Uuid::now_v7();
        let plain = serde_json::to_vec(&moved).expect("what moved is plain JSON");
        let sealed = self.accounts.sealer.seal(SEALED_FOR, &id.to_string(), &plain);
        let undo_until = now + UNDO.whole_seconds();
        merges::put(&db, &Merge { id, gone, into, sealed, created_at: now, undo_until }).await?;
        let what = What::new(Event::UserMerged).target(into).details(json!({ "gone": gone }));
        self.accounts.record(&db, self.by, what).await?;
        self.keep(db).await?;
        Ok(Merged { undo_until: crate::clock::moment(undo_until) })
    }

    /// Parts them again: what moved and is still there goes back. Returns the one who had stayed.
    pub async fn undo_merge(&self, gone: UserId) -> Result<UserId, AdminError> {
        let now = self.accounts.store.now();
        let db = self.accounts.store.begin().await?;
        let merge = merges::of_gone(&db, gone, now).await?.ok_or(AdminError::NothingToUndo)?;
        self.guarded(&db, merge.into, Deed::MergeInto).await?;
        let plain = self.accounts.sealer.open(SEALED_FOR, &merge.id.to_string(), &merge.sealed);
        let moved: Option<Moved> = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        let moved = moved.ok_or(AdminError::NothingToUndo)?;
        merges::take_back(&db, &merge, &moved, now).await?;
        for user in [merge.into, gone] {
            self.accounts.settle_roles(&db, user, self.by).await?;
        }
        let what = What::new(Event::UserUnmerged).target(merge.into).details(json!({ "gone": gone }));
        self.accounts.record(&db, self.by, what).await?;
        self.keep(db).await?;
        Ok(merge.into)
    }
}
