//! Ways to prove who you are, and the door they all pass.

pub mod door;
pub mod federated;
pub mod magic_link;

pub use door::{Attempt, Door, Next};
