//! One table, one file, fields only.

pub mod address;
pub mod alias;
pub mod api_key;
pub mod audit_event;
pub mod ban;
pub mod fact;
pub mod idempotency;
pub mod identity;
pub mod import;
pub mod invalidation;
pub mod invitation;
pub mod latest;
pub mod merge;
pub mod outbox;
pub mod passkey;
pub mod password;
pub mod quota;
pub mod rate_limit;
pub mod recovery_code;
pub mod service_session;
pub mod session;
pub mod shown_error;
pub mod signing_key;
pub mod spent;
pub mod totp;
pub mod user;
