//! What the house does, seen from outside its parts: one binary, real parts, a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod auth_api;
mod config;
mod domain;
mod extension;
mod keys;
mod linking;
mod logging;
mod login;
mod mail;
mod net;
mod pages;
mod passwords;
mod permission;
mod provider;
mod server;
mod stage;
