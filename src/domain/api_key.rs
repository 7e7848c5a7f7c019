//! API keys, as they are written: what they are made of, and how a text is told from a key without asking anybody.
//!
//! ```text
//! key            = "cs_"  prefix secret checksum
//! refresh-secret = "csr_" prefix secret checksum
//! prefix         = 8 letters and digits; public, names the key
//! secret         = 30 letters and digits: 178 random bits
//! checksum       = 6 letters and digits: CRC-32 (ISO-HDLC) of everything before it, in base 62, highest digit first
//! ```
//!
//! Base 62 has the digits `0`–`9`, `A`–`Z`, `a`–`z` in this order: case counts. Secret scanners find keys by
//! `cs_[0-9A-Za-z]{44}` and have no false alarms if they check the checksum.

use std::fmt;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of the public part.
const PREFIX: usize = 8;
/// Characters of the secret part.
const SECRET: usize = 30;
/// Characters of the checksum: 62⁶ is more than 2³².
const CHECKSUM: usize = 6;
/// Characters that one random number becomes; what is left of its 128 bits keeps the digits even.
const CHUNK: usize = 10;
/// Random bytes that one key is made of.
pub const RANDOM: usize = 64;

/// What a text is for: one never passes for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Opens what its scopes say.
    Key,
    /// Becomes the next key, once.
    Refresh,
}

impl Tag {
    fn text(self) -> &'static str {
        match self {
            Self::Key => "cs_",
            Self::Refresh => "csr_",
        }
    }
}

/// An API key or a refresh secret whose checksum is right. Nobody has said yet that it is one of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    tag: Tag,
    text: String,
}

impl ApiKey {
    /// A new one, of bytes that nobody else knows.
    pub fn of_random(tag: Tag, random: &[u8; RANDOM]) -> Self {
        let mut text = tag.text().to_owned();
        for (chunk, length) in random.chunks_exact(16).zip([PREFIX, CHUNK, CHUNK, CHUNK]) {
            let number = u128::from_le_bytes(chunk.try_into().expect("a chunk has 16 bytes"));
            push(&mut text, number, length);
        }
        let checksum = crc32fast::hash(text.as_bytes());
        push(&mut text, checksum.into(), CHECKSUM);
        Self { tag, text }
    }

    /// `None` unless the text is a key (or refresh secret) to the last character.
    pub fn parse(tag: Tag, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(tag.text())?;
        let plain = rest.len() == PREFIX + SECRET + CHECKSUM && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain {
            return None;
        }
        let (said, checksum) = text.split_at(text.len() - CHECKSUM);
        let mut expected = String::with_capacity(CHECKSUM);
        push(&mut expected, crc32fast::hash(said.as_bytes()).into(), CHECKSUM);
        (checksum == expected).then(|| Self { tag, text: text.to_owned() })
    }

    /// Whether the text wants to be a key, right or not: it is judged as one and as nothing else.
    pub fn is_meant(text: &str) -> bool {
        [Tag::Key, Tag::Refresh].iter().any(|tag| {
            let length = tag.text().len();
            text.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(tag.text()))
        })
    }

    /// The part that may be shown: it names the key and opens nothing.
    pub fn prefix(&self) -> &str {
        let start = self.tag.text().len();
        &self.text[start..start + PREFIX]
    }

    /// All of it: for whoever is given the key, and for its hash.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}{}…)", self.tag.text(), self.prefix())
    }
}

/// The lowest `length` digits of the number, highest first.
fn push(text: &mut String, mut number: u128, length: usize) {
    let mut digits = vec![0; length];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(number % 62).expect("a digit is below 62")];
        number /= 62;
    }
    text.extend(digits.into_iter().map(char::from));
}
