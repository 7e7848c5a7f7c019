//! Users, their addresses, identities and password hashes.

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use time::OffsetDateTime;

use super::entity::{address, alias, identity, password, user};
use super::{Store, StoreError, people, roles};
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::role::Origin;
use crate::domain::user::{Address, User, Username};
use crate::domain::username::key_of;
use crate::keys::random;

/// Ids in one question.
const AT_ONCE: usize = 500;
/// How often a name is looked for that nobody takes meanwhile.
const NAMING_ROUNDS: usize = 16;
/// How many holders of a role are kept to know that one is left.
const KEPT: u64 = 5;
/// Up to this number, names are numbered in order.
const SMALL_NUMBERS: u32 = 30;

/// What a new user begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    pub username: Option<Username>,
    pub name: Option<String>,
    pub avatar_url: Option<String>,
    pub email: Option<(Email, bool)>,
    pub roles: Vec<String>,
    pub groups: Vec<String>,
    pub locked: bool,
    /// Where the roles come from.
    pub given: Origin,
}

/// One linked identity, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "it is when it was linked")]
pub struct Linked {
    pub subject: Subject,
    pub linked_at: OffsetDateTime,
    pub used_at: OffsetDateTime,
}

impl Store {
    /// `None` if there is no such user.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        by(self.read(), Condition::all().add(user::Column::Id.eq(id.0))).await
    }

    /// Those of these that there are, in no order.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let which = user::Column::Id.is_in(some.iter().map(|id| id.0));
            found.extend(with_address().filter(which).all(self.read()).await?);
        }
        found.into_iter().map(|(user, address)| to_user(user, address)).collect()
    }

    /// `None` if nobody has the name; case does not matter.
    pub async fn user_by_username(&self, username: &str) -> Result<Option<User>, StoreError> {
        by(self.read(), Condition::all().add(user::Column::UsernameKey.eq(key_of(username)))).await
    }

    /// `None` if nobody has the address, be it their main one or another.
    pub async fn user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        by_email(self.read(), email).await
    }

    /// Whether any user has the role and is not locked.
    pub async fn anybody_has_role(&self, role: &str) -> Result<bool, StoreError> {
        Ok(!people::keep_holders(self.read(), role, 1).await?.is_empty())
    }

    /// The identities a user can sign in with.
    pub async fn identities(&self, user: UserId) -> Result<Vec<Linked>, StoreError> {
        identities(self.read(), user).await
    }

    /// Whether the user chose their username; the one given at first does not count.
    pub async fn has_chosen_username(&self, id: UserId) -> Result<bool, StoreError> {
        let row = user::Entity::find_by_id(id.0).one(self.read()).await?;
        Ok(row.is_some_and(|row| row.username_chosen_at.is_some()))
    }

    /// When the password was set, in seconds since 1970; `None` if there is none.
    pub async fn password_set_at(&self, user: UserId) -> Result<Option<i64>, StoreError> {
        Ok(password::Entity::find_by_id(user.0).one(self.read()).await?.map(|row| row.changed_at))
    }

    /// Users whose account is to go by now, at most `limit`.
    pub async fn users_to_delete(&self, limit: u64) -> Result<Vec<UserId>, StoreError> {
        let ids: Vec<uuid::Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::DeletesAt.lte(self.now()))
            .limit(limit)
            .into_tuple()
            .all(self.read())
            .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// The stored hash of a user's password (a PHC string); `None` if there is no password.
    pub async fn password_hash(&self, user: UserId) -> Result<Option<String>, StoreError> {
        Ok(password::Entity::find_by_id(user.0).one(self.read()).await?.map(|row| row.hash))
    }
}

/// The identities a user can sign in with.
pub async fn identities(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<Linked>, StoreError> {
    let rows = identity::Entity::find()
        .filter(identity::Column::UserId.eq(user.0))
        .order_by_asc(identity::Column::LinkedAt)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Linked {
                subject: Subject { provider: row.provider, realm: row.realm, subject: row.subject },
                linked_at: moment(row.linked_at)?,
                used_at: moment(row.used_at)?,
            })
        })
        .collect()
}

/// Whether there is a password.
pub async fn has_password(db: &impl ConnectionTrait, user: UserId) -> Result<bool, StoreError> {
    Ok(password::Entity::find_by_id(user.0).one(db).await?.is_some())
}

/// Takes an identity of theirs away; `false` if it is not theirs.
pub async fn unlink(db: &impl ConnectionTrait, user: UserId, subject: &Subject) -> Result<bool, StoreError> {
    let key = (subject.provider.clone(), subject.realm.clone(), subject.subject.clone());
    let theirs = identity::Entity::delete_by_id(key).filter(identity::Column::UserId.eq(user.0));
    Ok(theirs.exec(db).await?.rows_affected == 1)
}

/// The user an identity belongs to.
pub async fn by_identity(db: &impl ConnectionTrait, subject: &Subject) -> Result<Option<User>, StoreError> {
    let key = (subject.provider.clone(), subject.realm.clone(), subject.subject.clone());
    match identity::Entity::find_by_id(key).one(db).await? {
        Some(row) => by_id(db, UserId(row.user_id)).await,
        None => Ok(None),
    }
}

/// The user with this id.
pub async fn by_id(db: &impl ConnectionTrait, id: UserId) -> Result<Option<User>, StoreError> {
    by(db, Condition::all().add(user::Column::Id.eq(id.0))).await
}

/// The user with this address, main or not, verified or not.
pub async fn by_email(db: &impl ConnectionTrait, email: &Email) -> Result<Option<User>, StoreError> {
    let whose = address::Entity::find()
        .select_only()
        .column(address::Column::UserId)
        .filter(address::Column::Email.eq(email.as_str()))
        .into_query();
    by(db, Condition::all().add(user::Column::Id.in_subquery(whose))).await
}

/// Makes a user. A username that is taken gets a number behind it; an address that is taken is a conflict.
pub async fn create(db: &impl ConnectionTrait, new: NewUser, now: i64) -> Result<User, StoreError> {
    let id = UserId::new();
    let mut row = user::ActiveModel {
        id: Set(id.0),
        username_key: Set(None),
        username_skeleton: Set(None),
        username: Set(None),
        username_chosen_at: Set(None),
        name: Set(new.name),
        name_chosen_at: Set(None),
        avatar_url: Set(new.avatar_url),
        roles: Set(list(&new.roles)),
        groups: Set(list(&new.groups)),
        locked_at: Set(new.locked.then_some(now)),
        created_at: Set(now),
        updated_at: Set(now),
        version: Set(1),
        extra: Set(None),
        deletes_at: Set(None),
        terms_accepted: Set(None),
        signed_in_at: Set(None),
        merged_into: Set(None),
    };
    // Somebody else may take the name in between: then the next one, and in the end none.
    for _ in 0..NAMING_ROUNDS {
        let Some(wish) = &new.username else { break };
        let name = free_username(db, wish).await?;
        row.username_key = Set(Some(name.key()));
        row.username_skeleton = Set(Some(name.skeleton()));
        row.username = Set(Some(name.as_str().to_owned()));
        if insert(db, row.clone()).await? {
            break;
        }
        row.username_key = Set(None);
        row.username_skeleton = Set(None);
        row.username = Set(None);
    }
    if row.username_key == Set(None) {
        insert(db, row).await?;
    }
    roles::note(db, id, &new.roles, new.given, now).await?;
    if let Some((email, verified)) = new.email {
        put_address(db, id, &email, verified, now).await?;
    }
    by_id(db, id).await?.ok_or_else(|| StoreError::Corrupt("a user that was just made is not there".into()))
}

/// Gives the user the address; their first one is the main one.
pub async fn put_address(
    db: &impl ConnectionTrait,
    id: UserId,
    email: &Email,
    verified: bool,
    now: i64,
) -> Result<(), StoreError> {
    let has_main = address::Entity::find()
        .filter(address::Column::UserId.eq(id.0))
        .filter(address::Column::Main.eq(1))
        .one(db)
        .await?
        .is_some();
    let row = address::ActiveModel {
        email: Set(email.as_str().to_owned()),
        user_id: Set(id.0),
        verified_at: Set(verified.then_some(now)),
        created_at: Set(now),
        main: Set(i64::from(!has_main)),
    };
    address::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Notes that the address is proven.
pub async fn verify_address(db: &impl ConnectionTrait, id: UserId, email: &Email, now: i64) -> Result<(), StoreError> {
    address::Entity::update_many()
        .col_expr(address::Column::VerifiedAt, Expr::value(now))
        .filter(address::Column::Email.eq(email.as_str()))
        .filter(address::Column::UserId.eq(id.0))
        .exec(db)
        .await?;
    changed(db, id, now).await
}

/// Links an identity to a user; a conflict if it belongs to somebody.
pub async fn link(db: &impl ConnectionTrait, id: UserId, subject: &Subject, now: i64) -> Result<(), StoreError> {
    let row = identity::ActiveModel {
        provider: Set(subject.provider.clone()),
        realm: Set(subject.realm.clone()),
        subject: Set(subject.subject.clone()),
        user_id: Set(id.0),
        linked_at: Set(now),
        used_at: Set(now),
    };
    identity::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Notes that an identity was used.
pub async fn used(db: &impl ConnectionTrait, subject: &Subject, now: i64) -> Result<(), StoreError> {
    identity::Entity::update_many()
        .col_expr(identity::Column::UsedAt, Expr::value(now))
        .filter(identity::Column::Provider.eq(&subject.provider))
        .filter(identity::Column::Realm.eq(&subject.realm))
        .filter(identity::Column::Subject.eq(&subject.subject))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes every way to sign in from an account that never verified its address.
pub async fn drop_credentials(db: &impl ConnectionTrait, id: UserId) -> Result<(), StoreError> {
    identity::Entity::delete_many().filter(identity::Column::UserId.eq(id.0)).exec(db).await?;
    password::Entity::delete_many().filter(password::Column::UserId.eq(id.0)).exec(db).await?;
    Ok(())
}

/// What an upstream says about somebody now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: Option<String>,
    pub avatar_url: Option<String>,
    pub groups: Vec<String>,
}

/// Refreshes name, picture and groups; `None` keeps what is there. The version grows only if something changed that permissions may depend on.
pub async fn refresh(db: &impl ConnectionTrait, user: &User, profile: &Profile, now: i64) -> Result<(), StoreError> {
    let name = profile.name.clone().or_else(|| user.name.clone());
    let avatar_url = profile.avatar_url.clone().or_else(|| user.avatar_url.clone());
    if name == user.name && avatar_url == user.avatar_url && profile.groups == user.groups {
        return Ok(());
    }
    let grows = i64::from(profile.groups != user.groups);
    let has_chosen = Expr::col(user::Column::NameChosenAt).is_not_null();
    let unless_chosen = CaseStatement::new().case(has_chosen, Expr::col(user::Column::Name)).finally(Expr::value(name));
    user::Entity::update_many()
        .col_expr(user::Column::Name, unless_chosen.into())
        .col_expr(user::Column::AvatarUrl, Expr::value(avatar_url))
        .col_expr(user::Column::Groups, Expr::value(list(&profile.groups)))
        .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(grows))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(user.id.0))
        .exec(db)
        .await?;
    Ok(())
}

/// What became of a wish for a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// It is theirs.
    Set,
    /// They have one already.
    AlreadySet,
    /// Somebody else has it, or one that looks the same.
    Taken,
}

/// Sets the username its owner chose. Unless `again`, only where they have not chosen yet: the statement decides, so that one of many
/// parallel wishes wins.
pub async fn set_username(
    db: &impl ConnectionTrait,
    id: UserId,
    name: &Username,
    again: bool,
    now: i64,
) -> Result<Naming, StoreError> {
    let mut update = user::Entity::update_many()
        .col_expr(user::Column::Username, Expr::value(name.as_str()))
        .col_expr(user::Column::UsernameKey, Expr::value(name.key()))
        .col_expr(user::Column::UsernameSkeleton, Expr::value(name.skeleton()))
        .col_expr(user::Column::UsernameChosenAt, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.0));
    if !again {
        update = update.filter(user::Column::UsernameChosenAt.is_null());
    }
    match update.exec(db).await.map_err(StoreError::from) {
        Ok(done) if done.rows_affected == 1 => Ok(Naming::Set),
        Ok(_) => Ok(Naming::AlreadySet),
        Err(error) if error.is_conflict() => Ok(Naming::Taken),
        Err(error) => Err(error),
    }
}

/// Locks or unlocks; `false` if it was so already, or there is no such user.
pub async fn set_locked(db: &impl ConnectionTrait, id: UserId, locked: bool, now: i64) -> Result<bool, StoreError> {
    let was = if locked { user::Column::LockedAt.is_null() } else { user::Column::LockedAt.is_not_null() };
    let done = user::Entity::update_many()
        .col_expr(user::Column::LockedAt, Expr::value(locked.then_some(now)))
        .filter(user::Column::Id.eq(id.0))
        .filter(was)
        .exec(db)
        .await?;
    changed(db, id, now).await?;
    Ok(done.rows_affected == 1)
}

/// Forgets the names a user had elsewhere.
pub async fn drop_aliases(db: &impl ConnectionTrait, id: UserId) -> Result<(), StoreError> {
    alias::Entity::delete_many().filter(alias::Column::UserId.eq(id.0)).exec(db).await?;
    Ok(())
}

/// Deletes the user and everything that is theirs; `false` if there is none.
pub async fn delete(db: &impl ConnectionTrait, id: UserId) -> Result<bool, StoreError> {
    Ok(user::Entity::delete_by_id(id.0).exec(db).await?.rows_affected == 1)
}

/// Sets the password's hash.
pub async fn set_password_hash(db: &impl ConnectionTrait, id: UserId, hash: &str, now: i64) -> Result<(), StoreError> {
    let row = password::ActiveModel { user_id: Set(id.0), hash: Set(hash.to_owned()), changed_at: Set(now) };
    password::Entity::insert(row)
        .on_conflict(
            OnConflict::column(password::Column::UserId)
                .update_columns([password::Column::Hash, password::Column::ChangedAt])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// When the account goes, or `None` for never; `false` if it was so already. In seconds since 1970.
pub async fn set_deletes_at(
    db: &impl ConnectionTrait,
    id: UserId,
    at: Option<i64>,
    now: i64,
) -> Result<bool, StoreError> {
    let other = if at.is_some() { user::Column::DeletesAt.is_null() } else { user::Column::DeletesAt.is_not_null() };
    let done = user::Entity::update_many()
        .col_expr(user::Column::DeletesAt, Expr::value(at))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.0))
        .filter(other)
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Notes which terms the user accepted, and when.
pub async fn accept_terms(db: &impl ConnectionTrait, id: UserId, terms: &str) -> Result<(), StoreError> {
    user::Entity::update_many()
        .col_expr(user::Column::TermsAccepted, Expr::value(terms))
        .filter(user::Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(())
}

/// Puts a stronger hash of the same password in the place of a weaker one. Whoever sets another password meanwhile wins.
pub async fn renew_password_hash(
    db: &impl ConnectionTrait,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<(), StoreError> {
    password::Entity::update_many()
        .col_expr(password::Column::Hash, Expr::value(new))
        .filter(password::Column::UserId.eq(id.0))
        .filter(password::Column::Hash.eq(old))
        .exec(db)
        .await?;
    Ok(())
}

/// Sets what to call the user.
pub async fn set_name(db: &impl ConnectionTrait, id: UserId, name: Option<&str>, now: i64) -> Result<(), StoreError> {
    user::Entity::update_many()
        .col_expr(user::Column::Name, Expr::value(name))
        .col_expr(user::Column::NameChosenAt, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(())
}

/// Some of those who have the role and are not locked, in one order; on PostgreSQL their rows stay as they are until the transaction
/// ends.
pub async fn with_role(db: &impl ConnectionTrait, role: &str) -> Result<Vec<UserId>, StoreError> {
    Ok(people::keep_holders(db, role, KEPT).await?.into_iter().map(UserId).collect())
}

/// Notes that something changed that tokens may depend on.
pub async fn changed(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<(), StoreError> {
    user::Entity::update_many()
        .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(1))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(())
}

/// `false` if the row's username was taken a moment ago.
async fn insert(db: &impl ConnectionTrait, row: user::ActiveModel) -> Result<bool, StoreError> {
    // By its key, or by what it looks like.
    let unless_taken = OnConflict::new().do_nothing().to_owned();
    Ok(user::Entity::insert(row).on_conflict(unless_taken).exec_without_returning(db).await? == 1)
}

/// The wished name, or the first free one with a small number behind it, or one with a large random number: one question,
/// whatever is taken.
async fn free_username(db: &impl ConnectionTrait, wish: &Username) -> Result<Username, StoreError> {
    let candidates: Vec<_> =
        std::iter::once(wish.clone()).chain((2..=SMALL_NUMBERS).map(|n| wish.numbered(n))).collect();
    let taken: Vec<(Option<String>, Option<String>)> = user::Entity::find()
        .select_only()
        .columns([user::Column::UsernameKey, user::Column::UsernameSkeleton])
        .filter(
            Condition::any()
                .add(user::Column::UsernameKey.is_in(candidates.iter().map(Username::key)))
                .add(user::Column::UsernameSkeleton.is_in(candidates.iter().map(Username::skeleton))),
        )
        .into_tuple()
        .all(db)
        .await?;
    let is_taken = |name: &Username| {
        let (key, skeleton) = (Some(name.key()), Some(name.skeleton()));
        taken.iter().any(|(theirs, looks)| *theirs == key || *looks == skeleton)
    };
    let free = candidates.into_iter().find(|name| !is_taken(name));
    Ok(free.unwrap_or_else(|| wish.numbered(u32::from_le_bytes(random::<4>()) % 1_000_000 + SMALL_NUMBERS)))
}

fn with_address() -> sea_orm::SelectTwo<user::Entity, address::Entity> {
    user::Entity::find().find_also_related(address::Entity)
}

async fn by(db: &impl ConnectionTrait, which: Condition) -> Result<Option<User>, StoreError> {
    let row = with_address().filter(which).one(db).await?;
    row.map(|(user, address)| to_user(user, address)).transpose()
}

/// The one place where rows become a user.
pub fn to_user(row: user::Model, address: Option<address::Model>) -> Result<User, StoreError> {
    let email = address
        .map(|row| {
            let email = row.email.parse().map_err(|_| StoreError::Corrupt("an address is not one".into()))?;
            Ok::<_, StoreError>(Address { email, verified: row.verified_at.is_some() })
        })
        .transpose()?;
    Ok(User {
        id: UserId(row.id),
        username: row.username,
        name: row.name,
        avatar_url: row.avatar_url,
        email,
        roles: from_list(&row.roles)?,
        groups: from_list(&row.groups)?,
        locked_at: row.locked_at.map(moment).transpose()?,
        created_at: moment(row.created_at)?,
        deletes_at: row.deletes_at.map(moment).transpose()?,
        version: row.version,
    })
}

pub(super) fn moment(seconds: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError::Corrupt("a time is out of range".into()))
}

pub(super) fn list(words: &[String]) -> String {
    let mut words = words.to_vec();
    words.sort();
    words.dedup();
    serde_json::to_string(&words).expect("a list of strings is JSON")
}

pub(super) fn from_list(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a list is not one".into()))
}
