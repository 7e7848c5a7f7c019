//! What browsers and callers see.

pub mod assets;
pub mod page;
