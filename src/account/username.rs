//! The name and the username that somebody gives themselves.

use serde_json::json;

use super::{AccountError, Accounts};
use crate::config::settings::UsernameRule;
use crate::domain::audit::{By, Event, What};
use crate::domain::user::{User, Username};
use crate::domain::username::Unusable;
use crate::store::users::{self, Naming};

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// It is theirs.
    Yes,
    /// They have chosen already.
    AlreadySet,
    /// Somebody else has it.
    Taken,
    /// Somebody else has one that looks the same.
    LooksTaken,
    /// It may not be a username.
    Unusable(Unusable),
    /// Only admins give usernames here, or nobody.
    NotAllowed,
}

impl Renamed {
    /// Why it is not theirs, for people; `None` if it is.
    pub fn why_not(self) -> Option<String> {
        Some(match self {
            Self::Yes => return None,
            Self::AlreadySet => "You have chosen your username already; it stays as it is.".into(),
            Self::Taken => "Somebody else has this username. Choose another one.".into(),
            Self::LooksTaken => "This looks like the username of somebody else. Choose another one.".into(),
            Self::Unusable(why) => why.to_string(),
            Self::NotAllowed => "Usernames are given by the administrator here.".into(),
        })
    }
}

impl Accounts {
    /// Gives the user the username they wish for, as far as the file allows. The one they were given at first does not count as
    /// chosen.
    pub async fn rename(&self, by: &By, user: &User, wish: &str) -> Result<Renamed, AccountError> {
        let again = match self.login.username {
            UsernameRule::Once => false,
            UsernameRule::Free => true,
            UsernameRule::Admin | UsernameRule::Off => return Ok(Renamed::NotAllowed),
        };
        let name = match Username::parse(wish, &self.login.username_scripts) {
            Ok(name) => name,
            Err(why) => return Ok(Renamed::Unusable(why)),
        };
        let naming = self.try_rename(by, user, &name, again).await?;
        Ok(match naming {
            Naming::Set => Renamed::Yes,
            Naming::AlreadySet => Renamed::AlreadySet,
            Naming::Taken if self.store.user_by_username(name.as_str()).await?.is_some() => Renamed::Taken,
            Naming::Taken => Renamed::LooksTaken,
        })
    }

    async fn try_rename(&self, by: &By, user: &User, name: &Username, again: bool) -> Result<Naming, AccountError> {
        let db = self.store.begin().await?;
        let naming = users::set_username(&db, user.id, name, again, self.store.now()).await?;
        if naming == Naming::Set {
            let details = json!({ "username": "changed" });
            self.record(&db, by, What::new(Event::UserUpdated).target(user.id).details(details)).await?;
            self.commit(db).await?;
        }
        Ok(naming)
    }

    /// Whether the user may choose a username now.
    pub async fn may_rename(&self, user: &User) -> Result<bool, AccountError> {
        Ok(match self.login.username {
            UsernameRule::Free => true,
            UsernameRule::Once => !self.store.has_chosen_username(user.id).await?,
            UsernameRule::Admin | UsernameRule::Off => false,
        })
    }

    /// Sets what to call the user; `None`: nothing.
    pub async fn set_name(&self, by: &By, user: &User, name: Option<&str>) -> Result<(), AccountError> {
        if user.name.as_deref() == name {
            return Ok(());
        }
        let db = self.store.begin().await?;
        users::set_name(&db, user.id, name, self.store.now()).await?;
        self.record(&db, by, What::new(Event::UserUpdated).target(user.id).details(json!({ "name": "changed" })))
            .await?;
        self.commit(db).await
    }
}
