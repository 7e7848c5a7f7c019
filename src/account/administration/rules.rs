//! Who may do what to whom: facts in, verdict out.

use crate::domain::id::UserId;
use crate::domain::user::User;

/// Who administrates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person, where it is one.
    pub user: Option<UserId>,
    /// Whether nothing is above them.
    pub is_admin: bool,
    /// What they may give to others, unless they are an admin: what they have.
    pub roles: Vec<String>,
}

impl Caller {
    /// Somebody at the machine's command line.
    pub fn command() -> Self {
        Self { user: None, is_admin: true, roles: Vec::new() }
    }

    /// A person, as they are now.
    pub fn person(user: &User, admin_role: &str) -> Self {
        let is_admin = user.roles.iter().any(|role| role == admin_role);
        Self { user: Some(user.id), is_admin, roles: user.roles.clone() }
    }

    /// A service: it may not touch admins, and has no roles to give.
    pub fn service() -> Self {
        Self { user: None, is_admin: false, roles: Vec::new() }
    }
}

/// What is done to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed<'a> {
    /// Name, username, picture, attributes, whether the address is proven, unlinking.
    Edit,
    Grant(&'a str),
    Revoke(&'a str),
    Lock,
    Unlock,
    /// Password or second factors.
    Reset,
    EndSessions,
    Export,
    Delete,
    /// The account goes on in another one.
    MergeAway,
    /// Another account goes on in this one.
    MergeInto,
}

/// Why it is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody does this to themselves.
    #[error("nobody can do this to their own account")]
    Oneself,
    /// Only an admin touches admins.
    #[error("only an administrator may change an administrator's account")]
    AboveCaller,
    /// Nobody gives or takes what they do not have.
    #[error("the caller does not have the role and may not give or take it")]
    RoleBeyondCaller,
    /// A merge hands everything that opens an account to another.
    #[error("only an administrator merges accounts")]
    MergeBeyondCaller,
    /// Somebody has to be left.
    #[error("this is the last administrator who can sign in")]
    LastAdmin,
}

/// Judges all but `LastAdmin`, which only the database knows.
pub fn judge(caller: &Caller, target: &User, deed: Deed<'_>, admin_role: &str) -> Result<(), Refused> {
    let is_oneself = caller.user == Some(target.id);
    let on_oneself = match deed {
        Deed::Lock | Deed::Delete | Deed::MergeAway => true,
        Deed::Revoke(role) => role == admin_role,
        _ => false,
    };
    if is_oneself && on_oneself {
        return Err(Refused::Oneself);
    }
    if caller.is_admin {
        return Ok(());
    }
    if has(target, admin_role) {
        return Err(Refused::AboveCaller);
    }
    match deed {
        Deed::MergeAway | Deed::MergeInto => Err(Refused::MergeBeyondCaller),
        Deed::Grant(role) | Deed::Revoke(role) if role == admin_role || !caller.roles.iter().any(|own| own == role) => {
            Err(Refused::RoleBeyondCaller)
        }
        _ => Ok(()),
    }
}

/// Whether another admin has to be left after it.
pub fn needs_another_admin(target: &User, deed: Deed<'_>, admin_role: &str) -> bool {
    let takes = match deed {
        Deed::Lock | Deed::Delete | Deed::MergeAway => true,
        Deed::Revoke(role) => role == admin_role,
        _ => false,
    };
    takes && has(target, admin_role) && !target.is_locked()
}

fn has(user: &User, role: &str) -> bool {
    user.roles.iter().any(|own| own == role)
}
