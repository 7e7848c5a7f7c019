//! Which second factors a user has.

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::entity::{passkey, recovery_code, totp};
use super::{Store, StoreError};
use crate::domain::id::UserId;

/// The second factors of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {
    /// Whether codes of an app are set up and confirmed.
    pub totp: bool,
    /// How many passkeys there are.
    pub passkeys: u64,
    /// How many recovery codes are left.
    pub recovery_left: u64,
}

impl Factors {
    /// Whether there is any but recovery codes.
    pub fn any(&self) -> bool {
        self.totp || self.passkeys > 0
    }
}

impl Store {
    /// Which second factors the user has.
    pub async fn factors(&self, user: UserId) -> Result<Factors, StoreError> {
        let totp = totp::Entity::find_by_id(user.0).one(self.read()).await?;
        let passkeys = passkey::Entity::find().filter(passkey::Column::UserId.eq(user.0)).count(self.read()).await?;
        let recovery_left = recovery_code::Entity::find()
            .filter(recovery_code::Column::UserId.eq(user.0))
            .filter(recovery_code::Column::UsedAt.is_null())
            .count(self.read())
            .await?;
        Ok(Factors { totp: totp.is_some_and(|row| row.confirmed_at.is_some()), passkeys, recovery_left })
    }
}
