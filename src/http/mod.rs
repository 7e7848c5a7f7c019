//! The web face.

pub mod assets;
pub mod auth;
pub mod browser;
pub mod client;
pub mod dev;
pub mod error;
pub mod face;
pub mod federated;
pub mod fields;
pub mod finish;
pub mod account;
pub mod layers;
pub mod limit;
pub mod login;
pub mod magic_link;
pub mod page;
pub mod origin;
pub mod server;
pub mod setup;
pub mod site;
pub mod well_known;
pub mod wire;
