//! One table, one file, fields only.

pub mod address;
pub mod fact;
pub mod identity;
pub mod outbox;
pub mod password;
pub mod rate_limit;
pub mod session;
pub mod signing_key;
pub mod spent;
pub mod user;
