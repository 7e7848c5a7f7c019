//! The master key and everything that hangs on it: what is sealed, what is authenticated, what is drawn at random.

use std::fmt;

use aws_lc_rs::{aead, constant_time, digest, hkdf, hmac, rand};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, general_purpose};

use super::KeyError;

/// Bytes of a master key.
const MASTER: usize = 32;
/// Bytes that tell which master key sealed a value.
const ID: usize = 4;
/// Random bytes of every sealed value; its key is made from them, so no count of values wears the master key out.
const SALT: usize = 24;

/// How people write the master key: base64, with or without the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key that all others come from, and earlier ones that may still open what they sealed.
#[derive(Clone)]
pub struct Master {
    now: Root,
    earlier: Vec<Root>,
}

#[derive(Clone)]
struct Root {
    id: [u8; ID],
    prk: hkdf::Prk,
    mac: hmac::Key,
}

impl Master {
    /// A new one, as it is written to a file: 32 random bytes in base64.
    pub fn generate() -> String {
        general_purpose::STANDARD.encode(random::<MASTER>())
    }

    /// From 32 bytes in base64; spaces and line ends around them do not count.
    pub fn new(text: &str, earlier: &[&str]) -> Result<Self, KeyError> {
        let now = Root::parse(text)?;
        let earlier = earlier.iter().map(|text| Root::parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { now, earlier })
    }

    /// Hides bytes in text. Only the same purpose and row open it: a value moved to another row stays shut.
    pub fn seal(&self, purpose: &str, row: &str, plain: &[u8]) -> String {
        let salt = random::<SALT>();
        let (key, nonce) = self.now.message_key(purpose, &salt);
        let aad = aead::Aad::from(framed(&[purpose, row]));
        let mut body = plain.to_vec();
        key.seal_in_place_append_tag(nonce, aad, &mut body).expect("a message shorter than 64 GiB can be sealed");
        URL_SAFE_NO_PAD.encode([&self.now.id[..], &salt, &body].concat())
    }

    /// The bytes; `None` if the text was sealed for something else, by an unknown master key, or was changed.
    pub fn open(&self, purpose: &str, row: &str, text: &str) -> Option<Vec<u8>> {
        let raw = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, rest) = raw.split_at_checked(ID)?;
        let (salt, body) = rest.split_at_checked(SALT)?;
        let root = self.roots().find(|root| root.id == id)?;
        let (key, nonce) = root.message_key(purpose, salt);
        let mut body = body.to_vec();
        let plain = key.open_in_place(nonce, aead::Aad::from(framed(&[purpose, row])), &mut body).ok()?.len();
        body.truncate(plain);
        Some(body)
    }

    /// Whether the text was sealed by an earlier master key.
    pub fn is_outdated(&self, text: &str) -> bool {
        URL_SAFE_NO_PAD.decode(text).is_ok_and(|raw| !raw.starts_with(&self.now.id))
    }

    /// Proves later that the parts came from us: HMAC-SHA256 in base64url. Where one part ends counts.
    pub fn mac(&self, purpose: &str, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.now.mac, &mac_input(purpose, parts)))
    }

    /// Whether [`Master::mac`] made it for the same purpose and parts, now or with an earlier master key.
    pub fn verify_mac(&self, purpose: &str, parts: &[&str], mac: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(mac) else { return false };
        let input = mac_input(purpose, parts);
        self.roots().any(|root| hmac::verify(&root.mac, &input, &tag).is_ok())
    }

    /// Tells master keys apart without giving them away; kept in the database.
    pub fn check_value(&self) -> String {
        self.now.check_value()
    }

    /// Whether the check value is that of this or an earlier master key.
    pub fn recognises(&self, check_value: &str) -> bool {
        self.roots().any(|root| is_equal(root.check_value().as_bytes(), check_value.as_bytes()))
    }

    /// A key for one use: the present one first, then the earlier ones.
    pub(crate) fn sub_keys(&self, purpose: &str) -> Vec<[u8; 32]> {
        self.roots().map(|root| root.sub_key(&[b"key", purpose.as_bytes()])).collect()
    }

    fn roots(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.now).chain(&self.earlier)
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(…)")
    }
}

impl Root {
    fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = LENIENT.decode(text.trim()).map_err(|_| KeyError::Master("it is not base64"))?;
        if bytes.len() != MASTER {
            return Err(KeyError::Master("it is not 32 bytes long"));
        }
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(KeyError::Master("all its bytes are the same"));
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign").extract(&bytes);
        let mut root = Self { id: [0; ID], mac: hmac::Key::new(hmac::HMAC_SHA256, &[0]), prk };
        root.mac = hmac::Key::new(hmac::HMAC_SHA256, &root.sub_key::<32>(&[b"mac"]));
        root.id = root.sub_key(&[b"id"]);
        Ok(root)
    }

    fn check_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.sub_key::<16>(&[b"check"]))
    }

    fn message_key(&self, purpose: &str, salt: &[u8]) -> (aead::LessSafeKey, aead::Nonce) {
        let made: [u8; 32 + aead::NONCE_LEN] = self.sub_key(&[b"seal", salt, purpose.as_bytes()]);
        let (key, nonce) = made.split_at(32);
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, key).expect("32 bytes are an AES-256 key");
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).expect("12 bytes are a nonce");
        (aead::LessSafeKey::new(key), nonce)
    }

    /// HKDF-Expand (RFC 5869 §2.3); only the last part of `info` may vary in length.
    fn sub_key<const N: usize>(&self, info: &[&[u8]]) -> [u8; N] {
        let mut key = [0; N];
        self.prk.expand(info, Length(N)).and_then(|made| made.fill(&mut key)).expect("shorter than 255 hashes");
        key
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn mac_input(purpose: &str, parts: &[&str]) -> Vec<u8> {
    let mut all = vec![purpose];
    all.extend(parts);
    framed(&all)
}

/// Each part with its length before it, so that `ab`, `c` is not `a`, `bc`.
fn framed(parts: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        out.extend((part.len() as u64).to_be_bytes());
        out.extend(part.as_bytes());
    }
    out
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 256 random bits in base64url: a secret nobody guesses.
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// SHA-1 in upper-case hexadecimal, for those who still ask for it; no proof of anything.
pub fn sha1_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()).to_ascii_uppercase()
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a string succeeds");
        out
    })
}

/// Whether they are equal, in a time that does not depend on where they differ.
pub fn is_equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}
