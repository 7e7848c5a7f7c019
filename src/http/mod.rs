//! The web face.

pub mod client;
pub mod error;
pub mod face;
pub mod fields;
pub mod layers;
