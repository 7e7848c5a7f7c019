//! The username: chosen once, unique without regard to case.

use crate::config::settings::UsernameRule;
use crate::domain::user::{User, Username};
use crate::store::users::{self, Naming};
use crate::store::{Store, StoreError};

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// It is theirs.
    Yes,
    /// They have chosen already.
    AlreadySet,
    /// Somebody else has it.
    Taken,
    /// It may not be a username, or only admins give them.
    NotAllowed,
}

/// Gives the user the username they wish for, as far as the rule allows. The one they were given at first does not count as chosen.
pub async fn rename(store: &Store, rule: UsernameRule, user: &User, wish: &str) -> Result<Renamed, StoreError> {
    let again = match rule {
        UsernameRule::Once => false,
        UsernameRule::Free => true,
        UsernameRule::Admin | UsernameRule::Off => return Ok(Renamed::NotAllowed),
    };
    let Some(name) = Username::new(wish) else { return Ok(Renamed::NotAllowed) };
    Ok(match users::set_username(store.write(), user.id, &name, again, store.now()).await? {
        Naming::Set => Renamed::Yes,
        Naming::AlreadySet => Renamed::AlreadySet,
        Naming::Taken => Renamed::Taken,
    })
}
