//! An authenticator made by hand from the specification (Web Authentication Level 3 §6): it signs what it is told to, right or wrong.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// One key on one device. Every field may be set wrong.
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a byte")]
pub struct Authenticator {
    pub key: EcdsaKeyPair,
    pub id: Vec<u8>,
    pub user: Vec<u8>,
    pub counter: u32,
    /// By how much the counter grows with each use; 0 for a key that is on several devices.
    pub step: u32,
    pub user_present: bool,
    pub user_verified: bool,
    pub backup_eligible: bool,
    pub aaguid: [u8; 16],
    pub rp_id: String,
    /// What the browser says.
    pub origin: String,
    pub kind: Option<&'static str>,
    pub cross_origin: bool,
    pub signature: Option<Vec<u8>>,
    pub alg: i64,
}

impl Authenticator {
    /// An honest one of `https://auth.example`, with a finger on it.
    pub fn new() -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: crate::keys::random::<32>().to_vec(),
            user: Vec::new(),
            counter: 1,
            step: 1,
            user_present: true,
            user_verified: true,
            backup_eligible: false,
            aaguid: [0; 16],
            rp_id: "auth.example".into(),
            origin: "https://auth.example".into(),
            kind: None,
            cross_origin: false,
            signature: None,
            alg: -7,
        }
    }

    /// A security key without a button for fingers.
    pub fn plain_key() -> Self {
        Self { user_verified: false, ..Self::new() }
    }

    /// The answer to `navigator.credentials.create`.
    pub fn create(&mut self, options: &Value) -> Value {
        self.user = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let client_data = self.client_data("webauthn.create", options);
        let data = self.data(true);
        let mut object = vec![0xa3];
        object.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData\x59");
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let response = json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "transports": ["internal"],
        });
        self.credential(&response)
    }

    /// The answer to `navigator.credentials.get`.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter += self.step;
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(false);
        let signed = [&data[..], digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec();
        let signature = self.signature.clone().unwrap_or(signature);
        let response = json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signature": URL_SAFE_NO_PAD.encode(signature),
            "userHandle": URL_SAFE_NO_PAD.encode(&self.user),
        });
        self.credential(&response)
    }

    fn credential(&self, response: &Value) -> Value {
        let id = URL_SAFE_NO_PAD.encode(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {} })
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = options["challenge"].as_str().unwrap();
        let kind = self.kind.unwrap_or(kind);
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin })
            .to_string()
    }

    /// §6.1, with the key in it if it is new (§6.5.1).
    fn data(&self, is_new: bool) -> Vec<u8> {
        let flag = |set: bool, bit: u8| if set { 1 << bit } else { 0 };
        let flags =
            flag(self.user_present, 0) | flag(self.user_verified, 2) | flag(self.backup_eligible, 3) | flag(is_new, 6);
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        if is_new {
            data.extend(self.aaguid);
            data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend(&self.id);
            data.extend(self.cose_key());
        }
        data
    }

    /// RFC 9053 §7.1.1.
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let alg = u8::try_from(-1 - self.alg).unwrap() | 0x20;
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, alg, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend(&point[1..33]);
        key.extend([0x22, 0x58, 0x20]);
        key.extend(&point[33..65]);
        key
    }
}
