//! How long an account rests after wrong passwords in a row: longer each time, never for good.

use time::Duration;

/// The first rest.
const FIRST: Duration = Duration::seconds(30);
/// The longest. Guessing on and on is six tries a day then, and the owner waits no longer than this.
const LONGEST: Duration = Duration::hours(4);
/// From this on it is a lock, of which the owner is told.
const LOCK: Duration = Duration::minutes(15);
/// One failure is forgotten in each of these.
pub const FADE: Duration = Duration::hours(1);

/// A rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// How long.
    pub lasts: Duration,
    /// Whether the owner is told.
    pub is_lock: bool,
}

/// The rest after so many failures, of which the first `free` are nobody's fault.
pub fn after(failures: u32, free: u32) -> Option<Pause> {
    let over = failures.checked_sub(free.max(1))?;
    let lasts = (FIRST * 2_i32.pow(over.min(16))).min(LONGEST);
    Some(Pause { lasts, is_lock: lasts >= LOCK })
}
