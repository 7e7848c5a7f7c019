//! The sections as the file writes them: types, defaults and ranges. The JSON Schema is made from these.

mod account;
mod claim;
mod people;
mod server;
mod service;

use time::Duration;

use super::{Rate, Span};

pub use account::{Admin, Api, Audit, AuditSink, Ban, LegacyTokens, Mfa, Passkey, Privacy};
pub use claim::ExtraClaim;
pub use people::{Login, MagicLink, Mail, Password, Session, Transport};
pub use server::{Database, Keys, Mode, Observability, RateLimit, Retire, Secrets, Server, Synchronous};
pub use service::{Role, Service, Theme};

const fn seconds(n: i64) -> Span {
    Span(Duration::seconds(n))
}

const fn minutes(n: i64) -> Span {
    Span(Duration::minutes(n))
}

const fn hours(n: i64) -> Span {
    Span(Duration::hours(n))
}

const fn days(n: i64) -> Span {
    Span(Duration::days(n))
}

const fn rate(limit: u32, per: Span, burst: u32) -> Rate {
    Rate { limit, per, burst }
}
