//! What time it is, in whole seconds: what tokens carry and what the database compares.

use time::OffsetDateTime;

/// Tells the time. Production has one clock; every test turns its own.
pub trait Clock: Send + Sync + 'static {
    /// Now, in whole seconds of UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the machine's clock")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc().replace_nanosecond(0).expect("zero is a nanosecond")
    }
}

/// A time that is kept as seconds since 1970.
pub fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
