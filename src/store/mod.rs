//! SeaORM lives here and nowhere else.

pub mod entity;
pub mod outbox;
