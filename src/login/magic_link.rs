//! A link sent by mail, and a code beside it for the browser that asked.

use serde::{Deserialize, Serialize};
use time::Duration;

use super::door::{Attempt, Carrier, Door, Next};
use crate::domain::email::Email;
use crate::keys::{Master, random};

/// The method's name.
pub const METHOD: &str = "magic-link";

/// What a mailed login remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Where the mail went, or would have gone.
    pub email: Email,
    /// MAC of the typed code; empty where no code is offered.
    pub code_mac: String,
    /// The browser that asked: `Firefox on Linux`.
    pub browser: String,
    /// When, in seconds since 1970.
    pub asked_at: i64,
}

/// A mailed login that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    pub attempt: Attempt,
    /// What stands in the link.
    pub token: String,
    /// What stands beside it; empty where no code is offered.
    pub code: String,
}

/// A wish for a link.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// Whose.
    pub email: &'a Email,
    /// The browser that asks: `Firefox on Linux`.
    pub browser: String,
    /// Where the login ends.
    pub next: Option<Next>,
    /// For how long the link is good.
    pub lasts: Duration,
    /// How long the code is; 0 for none.
    pub digits: u32,
}

/// Begins a login by mail.
pub fn begin(door: &Door, master: &Master, wish: Wish<'_>) -> Begun {
    let Wish { email, browser, next, lasts, digits } = wish;
    let code = if digits == 0 { String::new() } else { random_digits(digits) };
    let mut attempt = door.begin(METHOD, next, lasts, serde_json::Value::Null);
    let code_mac = if code.is_empty() { String::new() } else { mac(master, &attempt, &code) };
    let asked_at = attempt.expires_at - lasts.whole_seconds();
    let memory = Memory { email: email.clone(), code_mac, browser, asked_at };
    attempt.memory = serde_json::to_value(memory).expect("plain JSON");
    let token = door.seal(&attempt, Carrier::Mail);
    Begun { attempt, token, code }
}

/// What the login remembers; `None` if it is not a mailed one.
pub fn memory(attempt: &Attempt) -> Option<Memory> {
    (attempt.method == METHOD).then(|| serde_json::from_value(attempt.memory.clone()).ok())?
}

/// Whether this is the code that was mailed.
pub fn is_code(master: &Master, attempt: &Attempt, memory: &Memory, typed: &str) -> bool {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    !memory.code_mac.is_empty() && master.verify_mac("mailed code", &[&attempt.id, &digits], &memory.code_mac)
}

fn mac(master: &Master, attempt: &Attempt, code: &str) -> String {
    master.mac("mailed code", &[&attempt.id, code])
}

/// Evenly distributed decimal digits: 64 random bits leave a bias below 10⁻⁹ for ten digits.
fn random_digits(digits: u32) -> String {
    let number = u64::from_le_bytes(random::<8>()) % 10_u64.pow(digits);
    let width = digits as usize;
    format!("{number:0width$}")
}
