//! Who administrates: the holder of an API key, from an allowed network, with a second factor where the file asks for one.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::account::administration::{ADMIN, AdminError, Caller, Office};
use crate::account::may_administer;
use crate::app::Holding;
use crate::app::resets::HandedOver;
use crate::config::settings::Admin;
use crate::domain::audit::By;
use crate::domain::scope::Scope;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::http::caller;
use crate::http::client::ClientIp;
use crate::http::error::{Code, Error, Problem};
use crate::http::site::{Running, Site};

/// Somebody who may come to the desk; what they may do there is asked by each route.
pub struct Administrator {
    /// The site they came to.
    pub site: Site,
    key: caller::Caller,
    caller: Caller,
    by: By,
}

impl FromRequestParts<Running> for Administrator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, running: &Running) -> Result<Self, Error> {
        let key = caller::Caller::from_request_parts(parts, running).await?;
        let site = running.now();
        let admin = &site.app.settings.admin;
        if !is_near(admin, parts.extensions.get::<ClientIp>().map(|ip| ip.0)) {
            return Err(Code::NetworkRefused.into());
        }
        let caller = match &key.key.holder {
            Holding::User(user) => {
                if site.app.closed(user).is_some() {
                    return Err(Code::ApiKeyRefused.into());
                }
                if admin.require_mfa && !site.app.accounts.factors(user).await?.any() {
                    return Err(Error::new(Code::AdminNeedsFactor).detail("Set one up on your account page first."));
                }
                Caller::person(user, ADMIN)
            }
            Holding::Service(_) => Caller::service(),
        };
        Ok(Self { by: key.by(), site, key, caller })
    }
}

/// How the API describes that somebody is not let to the desk.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what `Error` answers")]
pub enum NotLetIn {
    /// `api-key-refused`: there is no key, or it cannot be used here and now.
    #[response(status = 401, content_type = "application/problem+json")]
    Keyless(Problem),
    /// `scope-missing`, `network-refused`, or `admin-needs-factor`.
    #[response(status = 403, content_type = "application/problem+json")]
    Refused(Problem),
}

/// The same of a desk for one service, with what nobody does there.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "it describes what `Error` answers")]
pub enum NotForThem {
    /// `api-key-refused`: there is no key, or it cannot be used here and now.
    #[response(status = 401, content_type = "application/problem+json")]
    Keyless(Problem),
    /// `scope-missing`, `network-refused`, `admin-needs-factor`, or `deed-refused`: this is beyond the service, or the person is above the caller.
    #[response(status = 403, content_type = "application/problem+json")]
    Refused(Problem),
    /// `not-found`: there is no such service, role or user for the caller.
    #[response(status = 404, content_type = "application/problem+json")]
    NotThere(Problem),
}

/// Whether an administrator may come from this address.
pub fn is_near(admin: &Admin, ip: Option<IpAddr>) -> bool {
    let is_in = |ip| admin.allowed_networks.iter().any(|network| network.contains(&ip));
    admin.allowed_networks.is_empty() || ip.is_some_and(is_in)
}

impl Administrator {
    /// Refuses a key that is not for this.
    pub fn may(&self, scope: &Scope) -> Result<(), Error> {
        self.key.require(scope)
    }

    /// Who is here for this one service, and nothing else.
    ///
    /// # Errors
    /// `scope-missing` for a key that administers no service; `not-found` for another service than its own, and for none.
    pub fn steward(&self, id: &str) -> Result<Steward<'_>, Error> {
        let scope = Scope::Administer(id.to_owned());
        if !self.key.key.scopes.iter().any(|scope| matches!(scope, Scope::Administer(_))) {
            return Err(self.may(&scope).err().unwrap_or_else(|| Code::ScopeMissing.into()));
        }
        let unknown = || Error::new(Code::NotFound).detail("There is no such service.");
        let settings = &self.site.app.settings;
        let service = settings.service(id).ok_or_else(unknown)?;
        let may = self.key.key.has(&scope) && may_administer(&settings.services, id, &self.caller.roles);
        if !may {
            return Err(unknown());
        }
        Ok(Steward { admin: self, service, caller: self.caller.clone().only(service) })
    }

    /// Where changes are made.
    pub fn office(&self) -> Office<'_> {
        Office::new(&self.site.app.accounts, &self.site.app.settings, &self.caller, &self.by)
    }

    /// Mails a link to another password.
    pub async fn reset(&self, user: &User) -> Result<(), Error> {
        Ok(self.site.app.reset_for(&self.office(), user, HandedOver::ByMail).await.map(|_| ())?)
    }

    /// Who did it.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// Whether nothing is above them.
    pub fn is_admin(&self) -> bool {
        self.caller.is_admin
    }

    /// What they may give to others, unless nothing is above them.
    pub fn roles(&self) -> &[String] {
        &self.caller.roles
    }

    /// The key they came with.
    pub fn key_id(&self) -> String {
        self.key.key.id.to_string()
    }

    /// The user with this id, address, username, or id from elsewhere.
    pub async fn find(&self, who: &str) -> Result<User, Error> {
        Ok(self.office().find(who).await?)
    }
}

/// Somebody at the desk for one service.
pub struct Steward<'a> {
    pub admin: &'a Administrator,
    pub service: &'a Service,
    caller: Caller,
}

impl Steward<'_> {
    /// Where changes are made, of this service only.
    pub fn office(&self) -> Office<'_> {
        let app = &self.admin.site.app;
        Office::new(&app.accounts, &app.settings, &self.caller, &self.admin.by)
    }

    /// Refuses a role that is not the service's, as if there were none.
    pub fn role<'r>(&self, role: &'r str) -> Result<&'r str, Error> {
        let is_its = self.service.roles.iter().any(|own| own == role);
        is_its.then_some(role).ok_or_else(|| Error::new(Code::NotFound).detail("The service has no such role."))
    }
}

impl From<AdminError> for Error {
    fn from(error: AdminError) -> Self {
        let detail = format!("{error}.");
        let code = match error {
            AdminError::NotFound => return Self::new(Code::NotFound).detail("There is no such user."),
            AdminError::Account(error) => return error.into(),
            AdminError::Refused(_) => Code::DeedRefused,
            AdminError::Stale => Code::Stale,
            AdminError::RoleUnknown | AdminError::TooMuch | AdminError::SameAccount => Code::BadRequest,
            AdminError::UsernameTaken
            | AdminError::NoAddress
            | AdminError::NoPasswords
            | AdminError::NoLetters
            | AdminError::LastWayIn
            | AdminError::NothingToUndo => Code::Conflict,
        };
        Self::new(code).detail(detail)
    }
}
