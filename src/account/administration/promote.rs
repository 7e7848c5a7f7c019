//! Addresses of the file whose owners administrate the server, whatever the database says.

use serde_json::json;

use super::ADMIN;
use crate::account::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::email::Email;
use crate::domain::role::Origin;
use crate::domain::user::User;
use crate::store::{changes, roles, users};

/// Whether the user is to be an administrator and is not: their main address is one of these, and proven.
pub fn is_due(user: &User, emails: &[Email]) -> bool {
    let address = user.email.as_ref().filter(|address| address.verified);
    !user.is_locked()
        && address.is_some_and(|address| emails.contains(&address.email))
        && !user.roles.iter().any(|role| role == ADMIN)
}

impl Accounts {
    /// Gives the role of administrators to whoever the file says, before anything is decided on their sign-in; the user as they are
    /// then.
    pub async fn promoted(&self, user: &User, emails: &[Email], by: &By) -> Result<Option<User>, AccountError> {
        if !is_due(user, emails) {
            return Ok(None);
        }
        let db = self.store.begin().await?;
        let Some(user) = changes::hold(&db, user.id).await?.filter(|user| is_due(user, emails)) else {
            return Ok(None);
        };
        let mut all = user.roles;
        all.push(ADMIN.to_owned());
        changes::set_roles(&db, user.id, &all, self.store.now()).await?;
        roles::note(&db, user.id, &[ADMIN.to_owned()], Origin::Config, self.store.now()).await?;
        let details = json!({ "role": ADMIN, "because": "admin.emails" });
        self.record(&db, by, What::new(Event::RoleGranted).target(user.id).details(details)).await?;
        let user = users::by_id(&db, user.id).await?;
        self.commit(db).await?;
        Ok(user)
    }
}
