//! One key pair: made, opened once, and then signing.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use aws_lc_rs::{error::Unspecified, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::sealed::sha256;
use super::{Algorithm, KeyError};

/// Bytes of an RSA modulus: 2048 bits.
const RSA_MODULUS: usize = 256;

/// Bytes of a signature (RFC 7518 §3.3, §3.4, RFC 8032 §5.1.6).
pub(super) fn signature_len(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::ES256 | Algorithm::EdDSA => 64,
        Algorithm::RS256 => RSA_MODULUS,
    }
}

/// A key pair that is ready to sign.
pub(super) struct Pair {
    private: Private,
    /// Public members only (RFC 7517 §4).
    pub jwk: Value,
    /// `SubjectPublicKeyInfo` (RFC 7468 §13).
    pub pem: String,
    /// The JWK thumbprint (RFC 7638).
    pub kid: String,
}

enum Private {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A new private key as PKCS #8. RSA takes a good part of a second: not on a thread that serves.
pub fn generate(algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
    let made = || -> Result<Vec<u8>, Unspecified> {
        Ok(match algorithm {
            Algorithm::ES256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?.as_ref().to_vec()
            }
            Algorithm::EdDSA => Ed25519KeyPair::generate()?.to_pkcs8()?.as_ref().to_vec(),
            Algorithm::RS256 => RsaKeyPair::generate(rsa::KeySize::Rsa2048)?.as_der()?.as_ref().to_vec(),
        })
    };
    made().map_err(|_| KeyError::Generate(algorithm))
}

impl Pair {
    /// Parses the private key and signs once with it, so that a broken one is found now and not at a sign-in.
    pub fn open(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let rejected = |_| KeyError::Unusable(algorithm, "its private part is not a key of this kind");
        let private = match algorithm {
            Algorithm::ES256 => {
                Private::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(rejected)?)
            }
            Algorithm::EdDSA => Private::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(rejected)?),
            Algorithm::RS256 => Private::Rs256(RsaKeyPair::from_pkcs8(pkcs8).map_err(rejected)?),
        };
        if matches!(&private, Private::Rs256(pair) if pair.public_modulus_len() != RSA_MODULUS) {
            return Err(KeyError::Unusable(algorithm, "it has not 2048 bits"));
        }
        let (thumb, spki) =
            private.public().map_err(|_| KeyError::Unusable(algorithm, "its public part is missing"))?;
        let kid = URL_SAFE_NO_PAD.encode(sha256(thumb.to_string().as_bytes()));
        let pair = Self { jwk: jwk(&thumb, algorithm, &kid), pem: pem(&spki), kid, private };
        pair.prove().map_err(|_| KeyError::Unusable(algorithm, "what it signs does not verify"))?;
        Ok(pair)
    }

    /// The signature in the form of RFC 7518 §3 and RFC 8037 §3.1.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        Ok(match &self.private {
            Private::Es256(pair) => pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec(),
            Private::EdDsa(pair) => pair.try_sign(message)?.as_ref().to_vec(),
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                signature
            }
        })
    }

    /// Whether the signature is this key's.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        match &self.private {
            Private::Es256(pair) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()).verify(message, signature)
            }
            Private::EdDsa(pair) => UnparsedPublicKey::new(&ED25519, pair.public_key()).verify(message, signature),
            Private::Rs256(pair) => {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()).verify(message, signature)
            }
        }
    }

    fn prove(&self) -> Result<(), Unspecified> {
        const MESSAGE: &[u8] = b"countersign self-test";
        let signature = self.sign(MESSAGE)?;
        self.verify(MESSAGE, &signature)
    }
}

impl Private {
    /// The members of the thumbprint, in its order (RFC 7638 §3.2, RFC 8037 §2), and the `SubjectPublicKeyInfo`.
    fn public(&self) -> Result<(Value, Vec<u8>), Unspecified> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(match self {
            Self::Es256(pair) => {
                let [0x04, point @ ..] = pair.public_key().as_ref() else { return Err(Unspecified) };
                let (x, y) = point.split_at_checked(32).ok_or(Unspecified)?;
                let spki = pair.public_key().as_der()?.as_ref().to_vec();
                (json!({ "crv": "P-256", "kty": "EC", "x": text(x), "y": text(y) }), spki)
            }
            Self::EdDsa(pair) => {
                let spki = pair.public_key().as_der()?.as_ref().to_vec();
                (json!({ "crv": "Ed25519", "kty": "OKP", "x": text(pair.public_key().as_ref()) }), spki)
            }
            Self::Rs256(pair) => {
                let key = pair.public_key();
                let (e, n) = (key.exponent(), key.modulus());
                let spki = key.as_der()?.as_ref().to_vec();
                let members = json!({
                    "e": text(e.big_endian_without_leading_zero()),
                    "kty": "RSA",
                    "n": text(n.big_endian_without_leading_zero()),
                });
                (members, spki)
            }
        })
    }
}

fn jwk(members: &Value, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = json!({ "kid": kid, "alg": algorithm.name(), "use": "sig" });
    if let (Value::Object(jwk), Value::Object(members)) = (&mut jwk, members) {
        jwk.extend(members.clone());
    }
    jwk
}

fn pem(spki: &[u8]) -> String {
    let body = STANDARD.encode(spki);
    let mut out = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in body.as_bytes().chunks(64) {
        out.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        out.push('\n');
    }
    out.push_str("-----END PUBLIC KEY-----\n");
    out
}
