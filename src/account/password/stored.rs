//! Stored hashes, our own and those that other programs made: recognised, bounded in what a check may cost, and checked.

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordVerifier as _};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A check takes at most this much memory, in KiB, as much as the file may ask of our own: a planted hash fills no machine.
const MOST_MEMORY_KIB: u64 = 1024 * 1024;
/// Memory times passes of argon2 and scrypt, in KiB: a few seconds of work.
const MOST_WORK_KIB: u64 = 4 * 1024 * 1024;
/// About a second of bcrypt: 2¹⁴ rounds.
const MOST_BCRYPT: u32 = 14;
/// About a second of PBKDF2.
const MOST_ROUNDS: u32 = 2_000_000;
/// Lanes of argon2.
const MOST_LANES: u32 = 16;
/// Bytes of a derived key: a shorter one is no proof.
const KEY: std::ops::RangeInclusive<usize> = 16..=128;
/// Bytes of a salt.
const SALT: std::ops::RangeInclusive<usize> = 4..=128;
/// Longest text that is looked at.
const LONGEST: usize = 512;

/// A hash that a password can be checked against.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// argon2i, argon2d or argon2id, as a PHC string.
    Argon2(Box<PasswordHash>),
    /// `$2a$`, `$2b$` or `$2y$`. It knows 72 bytes of a password at most; what is longer was cut off by whoever made it.
    Bcrypt(String),
    /// PBKDF2 with HMAC (RFC 8018 §5.2), as passlib, PHC or Django write it.
    Pbkdf2(Pbkdf2),
    /// scrypt (RFC 7914), as passlib, PHC, MCF or Django write it.
    Scrypt(Scrypt),
}

/// What PBKDF2 hashes with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// What PBKDF2 derived.
#[derive(Debug, Clone, PartialEq)]
pub struct Pbkdf2 {
    hash: Hash,
    rounds: NonZeroU32,
    salt: Vec<u8>,
    key: Vec<u8>,
}

/// What scrypt derived.
#[derive(Debug, Clone, PartialEq)]
pub struct Scrypt {
    params: scrypt::Params,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Stored {
    /// `None` if it is no hash of a kind known here, or its check would cost more than about a second; `own`: what our own hashes cost.
    pub fn read(text: &str, own: &Params) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let parts: Vec<&str> = text.split('$').collect();
        match parts[..] {
            ["", "argon2i" | "argon2d" | "argon2id", ..] => argon2(text, own),
            ["", "2a" | "2b" | "2y", cost, _] => bcrypt(text, cost),
            ["", name, rounds, salt, key] if name.starts_with("pbkdf2") => {
                let rounds = rounds.split(',').next()?;
                pbkdf2(name, rounds.trim_start_matches("i="), decoded(salt)?, key)
            }
            [name, rounds, salt, key] if name.starts_with("pbkdf2_") => {
                pbkdf2(&name.replace('_', "-"), rounds, salt.into(), key)
            }
            ["", "scrypt", costs, salt, key] => {
                let [log_n, r, p] = costs.split(',').collect::<Vec<_>>().try_into().ok()?;
                let costs = [log_n.strip_prefix("ln=")?, r.strip_prefix("r=")?, p.strip_prefix("p=")?];
                scrypt(costs, decoded(salt)?, decoded(key)?)
            }
            ["scrypt", n, salt, r, p, key] => {
                let n = n.parse::<u64>().ok().filter(|n| n.is_power_of_two())?;
                scrypt([&n.ilog2().to_string(), r, p], salt.into(), decoded(key)?)
            }
            ["", "7", costs, key] => mcf_scrypt(costs, key),
            _ => None,
        }
    }

    /// Whether the password is the one; as much work as the hash asks for.
    pub fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default().verify_password(password, hash.as_ref()).is_ok(),
            Self::Bcrypt(text) => bcrypt::verify(password, text).unwrap_or(false),
            Self::Pbkdf2(Pbkdf2 { hash, rounds, salt, key }) => {
                let algorithm = match hash {
                    Hash::Sha1 => PBKDF2_HMAC_SHA1,
                    Hash::Sha256 => PBKDF2_HMAC_SHA256,
                    Hash::Sha512 => PBKDF2_HMAC_SHA512,
                };
                pbkdf2::verify(algorithm, *rounds, salt, password, key).is_ok()
            }
            Self::Scrypt(Scrypt { params, salt, key }) => {
                let mut derived = vec![0; key.len()];
                scrypt::scrypt(password, salt, params, &mut derived).is_ok()
                    && verify_slices_are_equal(&derived, key).is_ok()
            }
        }
    }

    /// Whether it is argon2id, at least as strong as `want`.
    pub fn is_as_strong(&self, want: &Params) -> bool {
        let Self::Argon2(hash) = self else { return false };
        let Ok(have) = Params::try_from(hash.as_ref()) else { return false };
        hash.algorithm.as_str() == "argon2id"
            && hash.version == Some(0x13)
            && have.m_cost() >= want.m_cost()
            && have.t_cost() >= want.t_cost()
            && have.p_cost() == want.p_cost()
    }
}

fn argon2(text: &str, own: &Params) -> Option<Stored> {
    let hash = PasswordHash::new(text).ok()?;
    let have = Params::try_from(&hash).ok()?;
    let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
    let fits = u64::from(have.m_cost()) <= MOST_MEMORY_KIB.max(own.m_cost().into())
        && work(&have) <= MOST_WORK_KIB.max(work(own))
        && have.p_cost() <= MOST_LANES;
    fits.then_some(Stored::Argon2(Box::new(hash)))
}

fn bcrypt(text: &str, cost: &str) -> Option<Stored> {
    let parts = text.parse::<bcrypt::HashParts>().ok()?;
    let is_plain = cost.len() == 2 && (4..=MOST_BCRYPT).contains(&parts.get_cost());
    is_plain.then(|| Stored::Bcrypt(text.to_owned()))
}

fn pbkdf2(name: &str, rounds: &str, salt: Vec<u8>, key: &str) -> Option<Stored> {
    let hash = match name {
        "pbkdf2" | "pbkdf2-sha1" => Hash::Sha1,
        "pbkdf2-sha256" => Hash::Sha256,
        "pbkdf2-sha512" => Hash::Sha512,
        _ => return None,
    };
    let rounds = rounds.parse::<NonZeroU32>().ok().filter(|rounds| rounds.get() <= MOST_ROUNDS)?;
    let key = decoded(key)?;
    let fits = KEY.contains(&key.len()) && SALT.contains(&salt.len());
    fits.then_some(Stored::Pbkdf2(Pbkdf2 { hash, rounds, salt, key }))
}

/// `costs`: log₂ of N, r and p.
fn scrypt(costs: [&str; 3], salt: Vec<u8>, key: Vec<u8>) -> Option<Stored> {
    let [log_n, r, p] = costs;
    let (log_n, r, p): (u8, u32, u32) = (log_n.parse().ok()?, r.parse().ok()?, p.parse().ok()?);
    let memory = 1_u64.checked_shl(log_n.into())?.checked_mul(u64::from(r))?.checked_mul(128)? / 1024;
    let fits = (1..=20).contains(&log_n)
        && (1..=32).contains(&r)
        && p <= MOST_LANES
        && memory <= MOST_MEMORY_KIB
        && memory * u64::from(p) <= MOST_WORK_KIB
        && KEY.contains(&key.len())
        && SALT.contains(&salt.len());
    let params = scrypt::Params::new(log_n, r, p).ok()?;
    fits.then_some(Stored::Scrypt(Scrypt { params, salt, key }))
}

/// `$7$`: one character for log₂ of N, five each for r and p, then the salt as it stands (crypt(5)).
fn mcf_scrypt(costs: &str, key: &str) -> Option<Stored> {
    let digits = crypt_values(costs.get(..11)?)?;
    let number =
        |digits: &[u32]| digits.iter().rev().fold(0, |all: u64, digit| all * 64 + u64::from(*digit)).to_string();
    let key = crypt_values(key)?;
    let key = key.chunks(4).flat_map(|chunk| {
        let word = chunk.iter().rev().fold(0, |all, value| all << 6 | value);
        word.to_le_bytes().into_iter().take(chunk.len() * 6 / 8)
    });
    let key = key.collect();
    scrypt([&digits[0].to_string(), &number(&digits[1..6]), &number(&digits[6..])], costs[11..].into(), key)
}

/// Base64 without regard to padding; passlib writes `.` for `+`.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, lenient).decode(text.replace('.', "+")).ok()
}

/// The digits of crypt(3), which counts its bits from the low end.
fn crypt_values(text: &str) -> Option<Vec<u32>> {
    const DIGITS: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    text.chars().map(|c| DIGITS.find(c).and_then(|at| u32::try_from(at).ok())).collect()
}
