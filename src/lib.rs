//! Countersign, a federation broker: many ways to sign in, one local user, one short-lived signed token per service.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | provider | an upstream that says who somebody is: Google, GitHub, any OpenID or OAuth 2 server |
//! | identity | what a provider says: provider and subject, perhaps a verified address |
//! | user | the one local account that identities, addresses and a password belong to |
//! | method | a way to sign in: a provider, a password, a mailed link |
//! | attempt | an unfinished login; it belongs to one browser and one method |
//! | session | a finished login; it lives in the database and can be ended |
//! | service | who receives tokens |
//! | permission provider | says what a user may do in a service |
//! | extension | is told about new users, logins and logouts |
//! | login token | the `jwt` of the JSON API; only this server verifies it |
//! | service token | what a service receives and verifies offline |

mod account;
mod app;
mod cli;
mod clock;
mod config;
mod domain;
mod extension;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod jobs;
mod keys;
mod logging;
mod login;
mod mail;
mod memo;
mod net;
mod permission;
mod plugin;
mod provider;
mod rule;
mod store;

#[cfg(test)]
#[path = "../tests/bench/main.rs"]
mod bench;
#[cfg(test)]
#[path = "../tests/it/main.rs"]
mod it;

pub use cli::run;
