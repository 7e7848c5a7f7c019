//! What every test plays on.

pub mod clock;
