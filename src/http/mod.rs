//! The web face.

pub mod assets;
pub mod client;
pub mod error;
pub mod face;
pub mod fields;
pub mod layers;
pub mod page;
