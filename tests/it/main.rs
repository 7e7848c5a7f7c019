//! What the house does, seen from outside its parts: one binary, real parts, a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod auth_api;
mod config;
mod counters;
mod extension;
mod keys;
mod logging;
mod mail;
mod net;
mod pages;
mod permission;
mod provider;
mod schema;
mod server;
mod sessions;
mod stage;
