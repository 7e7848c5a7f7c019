//! Recovery codes: written down once, good once each, for the day the phone is gone.

use crate::keys::random;

/// Letters and digits that are not taken for one another: 32, so that each is five bits.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Characters of a code: 50 bits, guessed against a limit and kept as a MAC.
const LENGTH: usize = 10;

/// A code as it was made or typed, in its normal form.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// A new one.
    pub fn new() -> Self {
        let bytes = random::<LENGTH>();
        Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
    }

    /// `None` if it cannot be one. Case, spaces and hyphens do not count, and an `o` is a `0`.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let plain = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let normal: String = plain.map(|c| c.to_ascii_lowercase()).map(|c| if c == 'o' { '0' } else { c }).collect();
        let known = normal.bytes().all(|byte| ALPHABET.contains(&byte));
        (normal.len() == LENGTH && known).then_some(Self(normal))
    }

    /// As people see it: `k7m2p-9xq4d`.
    pub fn text(&self) -> String {
        let (first, second) = self.0.split_at(LENGTH / 2);
        format!("{first}-{second}")
    }

    /// The normal form, for a MAC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
