//! What every test plays on.

pub mod clock;
pub mod internet;
pub mod upstream;
