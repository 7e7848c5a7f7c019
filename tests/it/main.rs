//! What the house does, seen from outside its parts: one binary, real parts, a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::items_after_statements, clippy::too_many_lines, reason = "a test is one story, told in order")]

mod activity;
mod admin_api;
mod admin_pages;
mod administration;
mod api_keys;
mod audit;
mod auth_api;
mod bans;
mod chain;
mod cli;
mod config;
mod counters;
mod delegated;
mod domain;
mod doors;
mod explain_api;
mod extension;
mod fresh;
mod fuzzed;
mod import;
mod keys;
mod layers;
mod limits;
mod linking;
mod logging;
mod login;
mod mail;
mod memo;
mod net;
mod old_tokens;
mod openapi;
mod pages;
mod passwords;
mod people;
pub mod permission;
mod provider;
mod rules;
mod schema;
mod server;
mod service_sessions;
mod sessions;
mod shadow_api;
mod stage;
mod staying;

/// Whether to write what the tests expect, for a person to read, instead of comparing with it.
#[expect(clippy::disallowed_methods, reason = "this is a switch of the tests, not configuration")]
fn rewrite() -> bool {
    std::env::var("UPDATE_GOLDEN").is_ok()
}
