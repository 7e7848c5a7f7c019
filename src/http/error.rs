//! Every failure a client can see, in one table (RFC 9457).

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::layers::RequestId;
use crate::app::Missing;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $slug:literal, $code:literal, $title:literal;)+) => {
        /// What went wrong, as far as a client may know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(clippy::enum_variant_names, reason = "a spent code is called so")]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// All of them, in the order of the table.
            #[cfg(test)]
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The last part of `type`: `next-not-allowed`.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            /// Stable, for people and manuals: `CS-H001`.
            pub fn number(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// One sentence without the case's particulars.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

codes! {
    /// The request cannot be understood.
    BadRequest = BAD_REQUEST, "bad-request", "CS-H001", "The request cannot be understood";
    /// No service lets a login end there.
    NextNotAllowed = BAD_REQUEST, "next-not-allowed", "CS-H002", "No service expects logins to end at this address";
    /// No such service, or it is switched off.
    ServiceUnknown = NOT_FOUND, "service-unknown", "CS-H003", "There is no such service";
    /// The user may not use the service.
    AccessDenied = FORBIDDEN, "access-denied", "CS-H004", "Access to this service is denied";
    /// A permission provider has no answer.
    PermissionProviderFailed = SERVICE_UNAVAILABLE, "permission-provider-failed", "CS-H005", "Permissions cannot be determined now";
    /// The unfinished login is over, used, or belongs to another browser.
    LoginStale = BAD_REQUEST, "login-stale", "CS-H007", "This login cannot be continued";
    /// The person or the provider said no.
    ProviderRefused = FORBIDDEN, "provider-refused", "CS-H008", "The provider refused the login";
    /// The provider does not answer.
    ProviderUnreachable = BAD_GATEWAY, "provider-unreachable", "CS-H009", "The provider cannot be reached";
    /// What the provider said is not to be believed.
    ProviderUntrusted = BAD_GATEWAY, "provider-untrusted", "CS-H010", "The provider's answer cannot be trusted";
    /// An admin locked the account.
    AccountLocked = FORBIDDEN, "account-locked", "CS-H011", "This account is locked";
    /// The address belongs to an account that this identity may not join.
    LinkRefused = FORBIDDEN, "link-refused", "CS-H012", "This login cannot be joined to the account";
    /// New accounts are not made this way.
    SignupClosed = FORBIDDEN, "signup-closed", "CS-H013", "There is no account for this login";
    /// The form did not come from one of our pages, or from another session's.
    Csrf = FORBIDDEN, "csrf", "CS-H014", "The form did not come from this site";
    /// Too often.
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "CS-H015", "Too many requests";
    /// Too much at once.
    Busy = SERVICE_UNAVAILABLE, "busy", "CS-H016", "The server is busy";
    /// The database does not answer.
    DatabaseUnavailable = SERVICE_UNAVAILABLE, "database-unavailable", "CS-H017", "The server cannot reach its data now";
    /// Nothing there.
    NotFound = NOT_FOUND, "not-found", "CS-H018", "There is nothing at this address";
    /// Something is there, but not for this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "CS-H019", "This address does not know the method";
    /// The body is longer than the limit.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload-too-large", "CS-H020", "The request is too large";
    /// The body is of a type nobody reads here.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "CS-H021", "The content type is not supported";
    /// The request is for another host (RFC 9110 §15.5.20).
    WrongHost = MISDIRECTED_REQUEST, "wrong-host", "CS-H022", "This server does not answer for this host";
    /// The one-time code was used, is late, or never was.
    CodeSpent = BAD_REQUEST, "code-spent", "CS-H023", "The code cannot be used";
    /// Who asks for a token could not prove to be the service.
    InvalidClient = UNAUTHORIZED, "invalid-client", "CS-H024", "The client could not be authenticated";
    /// It took too long.
    Timeout = SERVICE_UNAVAILABLE, "timeout", "CS-H025", "The request took too long";
    /// Nobody is signed in.
    LoginRequired = UNAUTHORIZED, "login-required", "CS-H026", "Nobody is signed in";
    /// The admin link was used, is late, or an administrator exists.
    LinkGone = GONE, "link-gone", "CS-H028", "This link is over";
    /// The client failed too often and is shut out for a time.
    Banned = TOO_MANY_REQUESTS, "banned", "CS-H080", "This client failed too often";
    /// The address has to be proven first.
    AddressUnverified = FORBIDDEN, "address-unverified", "CS-H040", "The address of this account has to be proven first";
    /// The account is about to be deleted.
    AccountLeaving = FORBIDDEN, "account-leaving", "CS-H041", "This account is about to be deleted";
    /// The address belongs to an account.
    AddressTaken = CONFLICT, "address-taken", "CS-H042", "The address belongs to an account";
    /// Nobody else would run the server.
    LastAdmin = CONFLICT, "last-admin", "CS-H043", "The last administrator cannot go";
    /// A mailed link was used, is late, or a newer one was sent.
    MailedLinkOver = GONE, "mailed-link-over", "CS-H044", "This link is over";
    /// There is no API key, or not one that may be used here and now; it does not say which.
    ApiKeyRefused = UNAUTHORIZED, "api-key-refused", "CS-H060", "No usable API key came with the request";
    /// The API key is good, but not for this.
    ScopeMissing = FORBIDDEN, "scope-missing", "CS-H061", "The API key is not for this";
    /// The name or the password is not right; it does not say which.
    CredentialsRefused = UNAUTHORIZED, "credentials-refused", "CS-H062", "The name or the password is not right";
    /// The password is right, and a second factor has to come with it.
    FactorNeeded = UNAUTHORIZED, "second-factor-needed", "CS-H063", "A second factor is needed";
    /// A service asks whether somebody is who they say, and they are not. The service itself is who it says.
    PersonRefused = FORBIDDEN, "person-refused", "CS-H065", "The person's name or password is not right";
    /// The same, and a second factor has to come with it.
    PersonNeedsFactor = FORBIDDEN, "person-needs-factor", "CS-H066", "The person needs a second factor";
    /// The refresh secret is wrong, late, or was used.
    RefreshRefused = UNAUTHORIZED, "refresh-refused", "CS-H064", "The key cannot be exchanged";
    /// Nothing else opens the account.
    LastWayIn = CONFLICT, "last-way-in", "CS-H050", "This is the last way into the account";
    /// What the authenticator said is not what was asked for.
    PasskeyRefused = BAD_REQUEST, "passkey-refused", "CS-H051", "The passkey was refused";
    /// The link to another password was used, is late, or a newer one was mailed.
    ResetGone = GONE, "reset-gone", "CS-H030", "This link to a new password is over";
    /// The administration is not reached from everywhere.
    NetworkRefused = FORBIDDEN, "network-refused", "CS-H070", "The administration cannot be used from this network";
    /// Whoever administrates needs a second factor.
    AdminNeedsFactor = FORBIDDEN, "admin-needs-factor", "CS-H071", "Administrators need a second factor";
    /// A guard of the administration.
    DeedRefused = FORBIDDEN, "deed-refused", "CS-H072", "This cannot be done to this account";
    /// It contradicts what is there.
    Conflict = CONFLICT, "conflict", "CS-H073", "This contradicts what is there";
    /// It is not what the caller has seen (RFC 9110 §13.1.1).
    Stale = PRECONDITION_FAILED, "stale", "CS-H074", "It has been changed meanwhile";
    /// The same key came with another request before.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency-key-reused", "CS-H075", "The idempotency key belongs to another request";
    /// The same request is being answered.
    UnderWay = CONFLICT, "under-way", "CS-H076", "The same request is under way";
    /// The service token is not ours, or stands for nothing any more.
    TokenRefused = UNAUTHORIZED, "token-refused", "CS-H110", "The token stands for nothing";
    /// A token does not fit into what its service allows, whatever is left out.
    TokenTooLarge = INTERNAL_SERVER_ERROR, "token-too-large", "CS-H111", "The token would be too large";
    /// An extension that decides has no answer.
    HookFailed = SERVICE_UNAVAILABLE, "hook-failed", "CS-H140", "This cannot be decided now";
    /// Our fault.
    Internal = INTERNAL_SERVER_ERROR, "internal", "CS-H099", "Something went wrong on our side";
}

/// A failure on its way to a client. The cause stays here.
#[derive(Clone)]
pub struct Error {
    /// Which line of the table.
    pub code: Code,
    /// The case's particulars, for the client; never taken from a cause.
    pub detail: Option<String>,
    /// Why; logged once, never sent.
    pub cause: Option<Arc<dyn StdError + Send + Sync>>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// The methods the address knows.
    pub allow: Option<HeaderValue>,
    /// What somebody lacks who may not enter a service.
    pub missing: Option<Arc<Vec<Missing>>>,
}

impl Error {
    /// A failure of which nothing more is to be said.
    pub fn new(code: Code) -> Self {
        let retry_after = matches!(
            code,
            Code::PermissionProviderFailed
                | Code::HookFailed
                | Code::Busy
                | Code::DatabaseUnavailable
                | Code::TooManyRequests
        )
        .then_some(Duration::from_secs(5));
        Self { code, detail: None, cause: None, retry_after, allow: None, missing: None }
    }

    /// The request cannot be understood, and why.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Code::BadRequest).detail(detail)
    }

    /// Somebody may not enter a service, for they lack something.
    pub fn missing(missing: Vec<Missing>) -> Self {
        let first = missing.first().map(|first| first.sentence().to_owned());
        Self { detail: first, missing: Some(Arc::new(missing)), ..Self::new(Code::AccessDenied) }
    }

    /// Our fault.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal).because(cause)
    }

    /// Too often; may come again then.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self::new(Code::TooManyRequests).retry_after(retry_after)
    }

    /// With the case's particulars, which the client sees.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With the cause, which only the log sees.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// With the time after which it may work; whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The cause and its causes, in one line; empty without one.
    pub fn causes(&self) -> String {
        let mut line = String::new();
        let mut next: Option<&(dyn StdError + 'static)> = self.cause.as_deref().map(|cause| cause as _);
        while let Some(cause) = next {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause.to_string());
            next = cause.source();
        }
        line
    }

    /// Puts what belongs to the failure, whatever its face, on an answer, and leaves the failure in the answer's extensions.
    pub(super) fn dress(self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(allow) = &self.allow {
            headers.insert(ALLOW, allow.clone());
        }
        if let Some(way) = challenge(self.code) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(way));
        }
        if matches!(self.code, Code::PayloadTooLarge | Code::Timeout) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        *response.status_mut() = self.code.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// How to authenticate instead (RFC 9110 §11.6.1); `None` where no header would help.
fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::InvalidClient | Code::CredentialsRefused | Code::FactorNeeded => Some("Basic realm=\"countersign\""),
        Code::ApiKeyRefused | Code::TokenRefused => Some("Bearer realm=\"countersign\""),
        _ => None,
    }
}

/// A failure, as `application/problem+json` (RFC 9457 §3.1).
#[derive(Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `/errors/` and the name of the failure: `/errors/next-not-allowed`.
    r#type: String,
    /// One sentence, the same for all failures of the type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The case's particulars.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The type in short: `CS-H002`.
    code: &'static str,
    /// The request, as in `X-Request-Id`: `urn:uuid:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Of `access-denied`: what is missing, each with `what`: `role` and `method` (with `one_of`), `second-factor`,
    /// `fresh-sign-in`, or `rule` (with the number of the rule).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<serde_json::Value>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem {
            r#type: format!("/errors/{}", self.code.slug()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code.number(),
            instance: RequestId::current().map(|id| format!("urn:uuid:{id}")),
            missing: self.missing.iter().flat_map(|all| all.iter().map(Missing::to_json)).collect(),
        };
        let body = serde_json::to_string(&problem).expect("a problem is plain JSON");
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.dress(response)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}, {:?}, {:?})", self.code.slug(), self.detail, self.causes())
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}
