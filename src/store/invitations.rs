//! Invitations: a row each, found by the hash of what stands in the link.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::Serialize;
use time::OffsetDateTime;

use super::entity::invitation::{ActiveModel, Column, Entity, Model};
use super::users::moment;
use super::{Store, StoreError};
use crate::domain::email::Email;
use crate::domain::id::{InvitationId, UserId};

/// For how long an invitation that is over stays in the list, in seconds.
const REMEMBERED: i64 = 30 * 86_400;

/// Somebody may make an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invitation {
    pub id: InvitationId,
    /// Whom the letter went to; the account has this address, proven.
    pub email: Email,
    /// Beside the default ones.
    pub roles: Vec<String>,
    /// Where they go first.
    pub service: Option<String>,
    /// `None`: a command, or somebody who is gone.
    pub invited_by: Option<UserId>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub accepted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

impl Invitation {
    /// Whether it can be accepted then.
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        self.accepted_at.is_none() && self.revoked_at.is_none() && now < self.expires_at
    }
}

impl Store {
    /// The invitations, the newest first; those that are over stay for 30 days.
    pub async fn invitations(&self, after: Option<InvitationId>, limit: u64) -> Result<Vec<Invitation>, StoreError> {
        let mut which = Condition::all();
        if let Some(after) = after {
            which = which.add(Column::Id.lt(after.0));
        }
        let rows = Entity::find().filter(which).order_by_desc(Column::Id).limit(limit).all(self.read()).await?;
        rows.into_iter().map(to_invitation).collect()
    }

    /// The invitation with this token's hash, over or not.
    pub async fn invitation(&self, token_hash: &str) -> Result<Option<Invitation>, StoreError> {
        let row = Entity::find().filter(Column::TokenHash.eq(token_hash)).one(self.read()).await?;
        row.map(to_invitation).transpose()
    }

    /// Whether somebody with this address is invited now.
    pub async fn is_invited(&self, email: &Email) -> Result<bool, StoreError> {
        Ok(open_to(self.read(), email, self.now()).await?.is_some())
    }
}

/// The invitation that somebody with this address can accept now.
pub async fn open_to(db: &impl ConnectionTrait, email: &Email, now: i64) -> Result<Option<Invitation>, StoreError> {
    let row = Entity::find().filter(open(now)).filter(Column::Email.eq(email.as_str())).one(db).await?;
    row.map(to_invitation).transpose()
}

/// Writes a new one down.
pub async fn put(db: &impl ConnectionTrait, invitation: &Invitation, token_hash: &str) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(invitation.id.0),
        token_hash: Set(token_hash.to_owned()),
        email: Set(invitation.email.as_str().to_owned()),
        roles: Set(serde_json::to_string(&invitation.roles).expect("a list of strings is JSON")),
        service: Set(invitation.service.clone()),
        invited_by: Set(invitation.invited_by.map(|user| user.0)),
        created_at: Set(invitation.created_at.unix_timestamp()),
        expires_at: Set(invitation.expires_at.unix_timestamp()),
        accepted_at: Set(None),
        revoked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// `true` for the one who accepts it; the statement is the judge.
pub async fn accept(db: &impl ConnectionTrait, id: InvitationId, now: i64) -> Result<bool, StoreError> {
    end(db, id, Column::AcceptedAt, now).await
}

/// Takes it back; `false` if it was over, or never was.
pub async fn revoke(db: &impl ConnectionTrait, id: InvitationId, now: i64) -> Result<bool, StoreError> {
    end(db, id, Column::RevokedAt, now).await
}

/// Takes back all open ones to the address: a newer one was sent.
pub async fn supersede(db: &impl ConnectionTrait, email: &Email, now: i64) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(open(now))
        .filter(Column::Email.eq(email.as_str()))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets who invited, and the invitations of somebody who is erased.
pub async fn forget(db: &impl ConnectionTrait, user: UserId, addresses: &[Email]) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::InvitedBy, Expr::value(None::<uuid::Uuid>))
        .filter(Column::InvitedBy.eq(user.0))
        .exec(db)
        .await?;
    Entity::delete_many().filter(Column::Email.is_in(addresses.iter().map(Email::as_str))).exec(db).await?;
    Ok(())
}

/// Forgets those that have been over for long.
pub async fn sweep(db: &impl ConnectionTrait, now: i64) -> Result<u64, StoreError> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now - REMEMBERED)).exec(db).await?.rows_affected)
}

async fn end(db: &impl ConnectionTrait, id: InvitationId, how: Column, now: i64) -> Result<bool, StoreError> {
    let done = Entity::update_many()
        .col_expr(how, Expr::value(now))
        .filter(open(now))
        .filter(Column::Id.eq(id.0))
        .exec(db)
        .await?;
    Ok(done.rows_affected == 1)
}

fn open(now: i64) -> Condition {
    Condition::all().add(Column::AcceptedAt.is_null()).add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.gt(now))
}

fn to_invitation(row: Model) -> Result<Invitation, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(what.to_owned());
    Ok(Invitation {
        id: InvitationId(row.id),
        email: row.email.parse().map_err(|_| corrupt("an address is not one"))?,
        roles: serde_json::from_str(&row.roles).map_err(|_| corrupt("a list is not one"))?,
        service: row.service,
        invited_by: row.invited_by.map(UserId),
        created_at: moment(row.created_at)?,
        expires_at: moment(row.expires_at)?,
        accepted_at: row.accepted_at.map(moment).transpose()?,
        revoked_at: row.revoked_at.map(moment).transpose()?,
    })
}
