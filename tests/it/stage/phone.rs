//! An authenticator app made by hand from RFC 4226 and RFC 6238, and the codes a person has written down.

use std::fmt::Write as _;

use aws_lc_rs::hmac;

/// An app that knows one seed.
pub struct Phone {
    seed: Vec<u8>,
}

impl Phone {
    /// The seed as a page shows it: base 32, in groups.
    pub fn typed(key: &str) -> Self {
        let mut bits = String::new();
        for letter in key.chars().filter(|c| !c.is_whitespace()) {
            let value = "abcdefghijklmnopqrstuvwxyz234567".find(letter.to_ascii_lowercase()).unwrap();
            write!(bits, "{value:05b}").unwrap();
        }
        let bytes = bits.as_bytes().chunks_exact(8);
        Self { seed: bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()).collect() }
    }

    /// The seed, in bytes.
    pub fn seed(&self) -> &[u8] {
        &self.seed
    }

    /// What it shows at this time, in seconds since 1970.
    pub fn code(&self, at: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.seed);
        let tag = hmac::sign(&key, &u64::try_from(at / 30).unwrap().to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

/// The text of the element with this id.
pub fn text_of<'a>(page: &'a str, id: &str) -> &'a str {
    let at = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} on {page}"));
    let rest = &page[at..];
    let start = rest.find('>').unwrap() + 1;
    &rest[start..start + rest[start..].find("</").unwrap()]
}

/// The recovery codes on the page.
pub fn recovery_codes(page: &str) -> Vec<String> {
    let Some((_, list)) = page.split_once("id=\"recovery-codes\"") else { return Vec::new() };
    let list = list.split_once("</ul>").unwrap().0;
    list.split("<code>").skip(1).map(|rest| rest.split_once("</code>").unwrap().0.to_owned()).collect()
}
