//! One-time passwords of an app (RFC 6238): SHA-1, six digits, thirty seconds, one step of patience either way.

use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::keys::random;

/// Bytes of a secret: 160 bits, as long as the hash (RFC 4226 §4, R6).
const SECRET: usize = 20;
/// Seconds of a step (RFC 6238 §4.1).
const STEP: u64 = 30;
/// How many steps a clock may be off, either way (RFC 6238 §5.2).
const SKEW: u16 = 1;
/// Digits of a code.
const DIGITS: usize = 6;
/// Most characters of each half of the name that the app shows.
const LONGEST_LABEL: usize = 60;

/// What an app and we both know. It is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; SECRET]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// A new one.
    pub fn new() -> Self {
        Self(random())
    }

    /// As it was kept; `None` if it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, for a seal.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it: base 32, in groups of four.
    pub fn text(&self) -> String {
        let text = Secret::from(self.0).to_base32().to_lowercase();
        let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }

    /// What the picture says: `otpauth://totp/…` (Key Uri Format).
    pub fn url(&self, server: &str, account: &str) -> String {
        self.totp(server, account).to_url().unwrap_or_default()
    }

    /// The picture, as SVG without styles, dark on light whatever the page looks like.
    pub fn picture(&self, server: &str, account: &str) -> String {
        let Ok(code) = QrCode::new(self.url(server, account)) else { return String::new() };
        let svg = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
        svg.split_once("?>").map_or(svg.clone(), |(_, svg)| svg.to_owned())
    }

    /// The step the code is for, if that is now, the one before or the one after. The caller sees to it that none counts twice.
    pub fn step_of(&self, code: &Code, now: i64) -> Option<i64> {
        let now = u64::try_from(now).ok()?;
        let step = self.totp("", "").check(&code.0, now)?;
        i64::try_from(step).ok()
    }

    fn totp(&self, server: &str, account: &str) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(SKEW)
            .with_step_duration(STEP)
            .with_secret(Secret::from(self.0))
            .with_issuer(Some(label(server)))
            .with_account_name(label(account))
            .build_noncompliant()
    }
}

/// A name as it may stand in the label: without the colon that parts its halves.
fn label(name: &str) -> String {
    name.chars().filter(|c| *c != ':' && !c.is_control()).take(LONGEST_LABEL).collect()
}

/// Six digits somebody typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// Spaces and hyphens do not count, and digits of other scripts count as what they mean; anything else is no code.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let typed = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let digits: String = typed.map(western).collect::<Option<_>>()?;
        (digits.len() == DIGITS).then_some(Self(digits))
    }
}

/// A digit of Latin, full-width, Arabic-Indic or Devanagari writing as an ASCII digit.
fn western(digit: char) -> Option<char> {
    const ZEROS: [char; 5] = ['0', '\u{ff10}', '\u{0660}', '\u{06f0}', '\u{0966}'];
    let value =
        ZEROS.iter().find_map(|zero| u32::from(digit).checked_sub(u32::from(*zero)).filter(|value| *value < 10));
    char::from_digit(value?, 10)
}
