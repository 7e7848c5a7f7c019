//! Who may do what to whom: facts in, verdict out.

use crate::domain::id::UserId;
use crate::domain::service::Service;
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
    /// The one service they are here for. Then they do nothing that is not about it, whoever else they are.
    pub only: Option<Only>,
}

/// One service, for those who administer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    /// Its id.
    pub service: String,
    /// Its own roles.
    pub roles: Vec<String>,
}

impl Caller {
    /// Somebody at the machine's command line.
    pub fn command() -> Self {
        Self { user: None, is_admin: true, roles: Vec::new(), only: None }
    }

    /// A person, as they are now.
    pub fn person(user: &User, admin_role: &str) -> Self {
        let is_admin = user.roles.iter().any(|role| role == admin_role);
        Self { user: Some(user.id), is_admin, roles: user.roles.clone(), only: None }
    }

    /// A service: it may not touch admins, and has no roles to give.
    pub fn service() -> Self {
        Self { user: None, is_admin: false, roles: Vec::new(), only: None }
    }

    /// The same caller, here for this service and nothing else.
    #[must_use]
    pub fn only(self, service: &Service) -> Self {
        let only = Only { service: service.id.clone(), roles: service.roles.clone() };
        Self { only: Some(only), ..self }
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
    /// Ends the sessions that this service keeps for them.
    EndKept(&'a str),
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
    /// Who is here for one service does nothing else.
    #[error("this is beyond the service that the caller administers")]
    BeyondService,
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
    let is_about = |only: &Only| match deed {
        Deed::Grant(role) | Deed::Revoke(role) => role != admin_role && only.roles.iter().any(|own| own == role),
        Deed::EndKept(service) => only.service == service,
        _ => false,
    };
    if caller.only.as_ref().is_some_and(|only| !is_about(only)) {
        return Err(Refused::BeyondService);
    }
    if caller.is_admin {
        return Ok(());
    }
    if has(target, admin_role) {
        return Err(Refused::AboveCaller);
    }
    if caller.only.is_some() {
        return Ok(());
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
