//! The web face.

pub mod client;
pub mod error;
pub mod face;
pub mod fields;
pub mod layers;
pub mod origin;
pub mod server;
pub mod wire;
