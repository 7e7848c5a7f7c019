//! What the house does, seen from outside its parts: one binary, real parts, a clock that is turned by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod cli;
mod config;
mod extension;
mod keys;
mod logging;
mod mail;
mod net;
mod pages;
mod permission;
mod provider;
mod server;
mod stage;
