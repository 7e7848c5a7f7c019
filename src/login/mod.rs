//! Ways to prove who you are, and the door they all pass.

pub mod door;
pub mod federated;
pub mod magic_link;
pub mod passkey;

pub use door::{Attempt, Door, Next};
