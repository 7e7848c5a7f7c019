//! Second factors and passkeys.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use time::OffsetDateTime;

use super::entity::{passkey, recovery_code, totp};
use super::users::moment;
use super::{Store, StoreError};
use crate::domain::id::UserId;

/// What somebody has beside a first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {
    /// Whether an app makes codes for them.
    pub totp: bool,
    /// How many passkeys.
    pub passkeys: u64,
    /// How many recovery codes are left.
    pub recovery_left: u64,
}

impl Factors {
    /// Whether there is anything to ask for.
    pub fn any(&self) -> bool {
        self.totp || self.passkeys > 0
    }
}

/// A passkey as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// The credential's id in base64url.
    pub id: String,
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What the library keeps.
    pub credential: String,
    /// The model of the authenticator.
    pub aaguid: Option<String>,
    /// Whether it can be on several devices.
    pub synced: bool,
    pub created_at: OffsetDateTime,
    pub used_at: Option<OffsetDateTime>,
}

/// An app that makes codes, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    /// The seed, sealed.
    pub sealed: String,
    pub created_at: OffsetDateTime,
}

impl Store {
    /// What somebody has beside a first factor.
    pub async fn factors(&self, user: UserId) -> Result<Factors, StoreError> {
        factors(self.read(), user).await
    }

    /// The app that makes codes; `None` if there is none.
    pub async fn totp(&self, user: UserId) -> Result<Option<Totp>, StoreError> {
        let row = totp::Entity::find_by_id(user.0).filter(totp::Column::ConfirmedAt.is_not_null()).one(self.read());
        row.await?.map(|row| Ok(Totp { sealed: row.sealed, created_at: moment(row.created_at)? })).transpose()
    }

    /// Somebody's passkeys, the oldest first.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        passkeys(self.read(), user).await
    }

    /// The passkey with this id; `None` if there is none.
    pub async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        passkey::Entity::find_by_id(id.to_owned()).one(self.read()).await?.map(to_passkey).transpose()
    }

    /// The MACs of recovery codes that are not used yet.
    pub async fn recovery_macs(&self, user: UserId) -> Result<Vec<String>, StoreError> {
        let rows = recovery_code::Entity::find()
            .filter(recovery_code::Column::UserId.eq(user.0))
            .filter(recovery_code::Column::UsedAt.is_null())
            .limit(100)
            .all(self.read())
            .await?;
        Ok(rows.into_iter().map(|row| row.hash).collect())
    }
}

fn to_passkey(row: passkey::Model) -> Result<Passkey, StoreError> {
    Ok(Passkey {
        id: row.id,
        user: UserId(row.user_id),
        name: row.name,
        credential: row.credential,
        aaguid: row.aaguid,
        synced: row.synced != 0,
        created_at: moment(row.created_at)?,
        used_at: row.used_at.map(moment).transpose()?,
    })
}

/// What somebody has beside a first factor.
pub async fn factors(db: &impl ConnectionTrait, user: UserId) -> Result<Factors, StoreError> {
    let totp = totp::Entity::find_by_id(user.0).filter(totp::Column::ConfirmedAt.is_not_null()).one(db).await?;
    let passkeys = passkey::Entity::find().filter(passkey::Column::UserId.eq(user.0)).count(db).await?;
    let recovery_left = recovery_code::Entity::find()
        .filter(recovery_code::Column::UserId.eq(user.0))
        .filter(recovery_code::Column::UsedAt.is_null())
        .count(db)
        .await?;
    Ok(Factors { totp: totp.is_some(), passkeys, recovery_left })
}

/// Somebody's passkeys, the oldest first.
pub async fn passkeys(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    let rows = passkey::Entity::find()
        .filter(passkey::Column::UserId.eq(user.0))
        .order_by_asc(passkey::Column::CreatedAt)
        .order_by_asc(passkey::Column::Id)
        .limit(1000)
        .all(db)
        .await?;
    rows.into_iter().map(to_passkey).collect()
}

/// Keeps a seed that was confirmed with a code of this step; a conflict if there is one already.
pub async fn add_totp(
    db: &impl ConnectionTrait,
    user: UserId,
    sealed: String,
    step: i64,
    now: i64,
) -> Result<(), StoreError> {
    let row = totp::ActiveModel {
        user_id: Set(user.0),
        sealed: Set(sealed),
        last_step: Set(step),
        created_at: Set(now),
        confirmed_at: Set(Some(now)),
    };
    totp::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// `true` for the one who comes first with a code of this step; no earlier step counts after it (RFC 6238 §5.2).
pub async fn advance_totp(db: &impl ConnectionTrait, user: UserId, step: i64) -> Result<bool, StoreError> {
    let done = totp::Entity::update_many()
        .col_expr(totp::Column::LastStep, Expr::value(step))
        .filter(totp::Column::UserId.eq(user.0))
        .filter(totp::Column::ConfirmedAt.is_not_null())
        .filter(totp::Column::LastStep.lt(step))
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Takes the app away; `false` if there was none.
pub async fn drop_totp(db: &impl ConnectionTrait, user: UserId) -> Result<bool, StoreError> {
    Ok(totp::Entity::delete_by_id(user.0).exec(db).await?.rows_affected == 1)
}

/// Puts new recovery codes in the place of all that were.
pub async fn put_recovery(
    db: &impl ConnectionTrait,
    user: UserId,
    macs: Vec<String>,
    now: i64,
) -> Result<(), StoreError> {
    recovery_code::Entity::delete_many().filter(recovery_code::Column::UserId.eq(user.0)).exec(db).await?;
    if macs.is_empty() {
        return Ok(());
    }
    let rows = macs.into_iter().map(|mac| recovery_code::ActiveModel {
        user_id: Set(user.0),
        hash: Set(mac),
        created_at: Set(now),
        used_at: Set(None),
    });
    recovery_code::Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// `true` for the one who comes first with this code.
pub async fn use_recovery(db: &impl ConnectionTrait, user: UserId, mac: &str, now: i64) -> Result<bool, StoreError> {
    let done = recovery_code::Entity::update_many()
        .col_expr(recovery_code::Column::UsedAt, Expr::value(now))
        .filter(recovery_code::Column::UserId.eq(user.0))
        .filter(recovery_code::Column::Hash.eq(mac))
        .filter(recovery_code::Column::UsedAt.is_null())
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Keeps a new passkey; `false` if its id is known, whoever has it.
pub async fn add_passkey(db: &impl ConnectionTrait, new: Passkey) -> Result<bool, StoreError> {
    let row = passkey::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.user.0),
        name: Set(new.name),
        credential: Set(new.credential),
        aaguid: Set(new.aaguid),
        synced: Set(i64::from(new.synced)),
        created_at: Set(new.created_at.unix_timestamp()),
        used_at: Set(None),
    };
    let once = OnConflict::column(passkey::Column::Id).do_nothing().to_owned();
    Ok(passkey::Entity::insert(row).on_conflict(once).exec_without_returning(db).await? == 1)
}

/// Notes that a passkey was used, with what is kept of it from now on; `false` if it is gone or was used by somebody else meanwhile.
pub async fn use_passkey(
    db: &impl ConnectionTrait,
    before: &Passkey,
    credential: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let done = passkey::Entity::update_many()
        .col_expr(passkey::Column::Credential, Expr::value(credential))
        .col_expr(passkey::Column::UsedAt, Expr::value(now))
        .filter(passkey::Column::Id.eq(before.id.as_str()))
        .filter(passkey::Column::UserId.eq(before.user.0))
        .filter(passkey::Column::Credential.eq(before.credential.as_str()))
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Calls a passkey of theirs something else; `false` if it is not theirs.
pub async fn rename_passkey(db: &impl ConnectionTrait, user: UserId, id: &str, name: &str) -> Result<bool, StoreError> {
    let done = passkey::Entity::update_many()
        .col_expr(passkey::Column::Name, Expr::value(name))
        .filter(passkey::Column::Id.eq(id))
        .filter(passkey::Column::UserId.eq(user.0))
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Takes a passkey of theirs away; `false` if it is not theirs.
pub async fn drop_passkey(db: &impl ConnectionTrait, user: UserId, id: &str) -> Result<bool, StoreError> {
    let theirs = passkey::Entity::delete_by_id(id.to_owned()).filter(passkey::Column::UserId.eq(user.0));
    Ok(theirs.exec(db).await?.rows_affected == 1)
}

/// Takes all second factors and passkeys away.
pub async fn drop_all(db: &impl ConnectionTrait, user: UserId) -> Result<(), StoreError> {
    drop_totp(db, user).await?;
    passkey::Entity::delete_many().filter(passkey::Column::UserId.eq(user.0)).exec(db).await?;
    put_recovery(db, user, Vec::new(), 0).await
}
