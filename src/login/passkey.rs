//! A passkey: a key on somebody's device that signs a challenge of ours (Web Authentication Level 3).
//!
//! The library checks what an authenticator says; whose key it is, whether the challenge was used, and what a key
//! without user verification is good for is decided by the caller.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::Duration;
use url::Url;
use uuid::Uuid;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AuthenticationState, COSEAlgorithm, Credential, PublicKeyCredential, RegisterPublicKeyCredential,
    RegistrationState, UserVerificationPolicy,
};

use crate::config::settings::{Passkey as Settings, UserVerification};
use crate::domain::id::UserId;

/// The method's name, also of an attempt that signs in with nothing else.
pub const METHOD: &str = "passkey";
/// The name of an attempt that adds a second factor to a proof.
pub const SECOND: &str = "passkey-second";
/// The name of an attempt that registers a passkey.
pub const NEW: &str = "passkey-new";
/// For how long a challenge may be answered.
pub const PATIENCE: Duration = Duration::minutes(5);

/// The longest credential id, in bytes (WebAuthn §5.8.3).
const LONGEST_ID: usize = 1023;
/// Where the model of an authenticator stands in its data, in bytes (WebAuthn §6.1).
const AAGUID: std::ops::Range<usize> = 37..53;

/// What passkeys of this server are checked by.
#[derive(Debug)]
pub struct Passkeys {
    core: WebauthnCore,
    policy: UserVerificationPolicy,
}

/// What a challenge was for, in the words of the attempt that carries it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Memory {
    /// Whose; `None` where the passkey itself says who it is.
    pub user: Option<UserId>,
    /// What the library has to know again.
    pub state: Value,
}

/// Somebody who gets a passkey.
#[derive(Debug, Clone)]
pub struct Person<'a> {
    pub id: UserId,
    /// What tells their accounts apart: the address or the username.
    pub account: &'a str,
    /// What to call them.
    pub name: &'a str,
    /// Ids of passkeys they have.
    pub has: Vec<String>,
}

/// A challenge: what the browser is given, and what is kept until it answers.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` (WebAuthn §5.1).
    pub options: Value,
    pub state: Value,
}

/// A passkey that was made just now.
#[derive(Debug, Clone)]
pub struct Made {
    /// The credential's id in base64url.
    pub id: String,
    /// All that is kept of it.
    pub credential: String,
    /// The model of the authenticator; `None` if it does not say.
    pub aaguid: Option<Uuid>,
    /// Whether it can be on several devices.
    pub synced: bool,
    /// Whether the authenticator checked who uses it.
    pub user_verified: bool,
}

/// A passkey that was used just now.
#[derive(Debug, Clone)]
pub struct Used {
    /// All that is kept of it from now on.
    pub credential: String,
    /// Whether the authenticator checked who uses it.
    pub user_verified: bool,
}

/// An answer to a challenge, before anything of it is believed.
#[derive(Debug)]
pub struct Answer {
    raw: PublicKeyCredential,
    /// The credential's id in base64url.
    pub id: String,
    /// Who it says it belongs to.
    pub user: Option<UserId>,
}

/// Why a passkey is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// What the browser sent is not what was asked for.
    #[error("a passkey was refused: {0}")]
    Refused(String),
    /// It counted backwards: there is a copy of it (WebAuthn §6.1.1).
    #[error("a passkey counted backwards")]
    Cloned,
}

impl Passkeys {
    /// For this issuer. Neither the host of a request nor anything else a client says has a part in it.
    pub fn new(settings: &Settings, issuer: &Url) -> Self {
        let mut origins = vec![issuer.clone()];
        origins.extend(settings.extra_origins.iter().cloned());
        let patience = PATIENCE.try_into().unwrap_or_default();
        let core = WebauthnCore::new_unsafe_experts_only(
            &settings.rp_name,
            &settings.rp_id,
            origins,
            patience,
            Some(false),
            Some(false),
        );
        let policy = match settings.user_verification {
            UserVerification::Required => UserVerificationPolicy::Required,
            UserVerification::Preferred => UserVerificationPolicy::Preferred,
            UserVerification::Discouraged => UserVerificationPolicy::Discouraged_DO_NOT_USE,
        };
        Self { core, policy }
    }

    /// Asks for a new passkey. One that can be found without a name is preferred: autofill needs it.
    pub fn register(&self, person: &Person<'_>) -> Result<Challenge, PasskeyError> {
        let builder = self
            .core
            .new_challenge_register_builder(person.id.0.as_bytes(), person.account, person.name)?
            .credential_algorithms(COSEAlgorithm::secure_algs())
            .user_verification_policy(self.policy);
        let (options, state) = self.core.generate_challenge_register(builder)?;
        let mut options = json(&options)["publicKey"].take();
        options["authenticatorSelection"]["residentKey"] = "preferred".into();
        options["authenticatorSelection"]["requireResidentKey"] = false.into();
        options["excludeCredentials"] = descriptors(&person.has);
        Ok(Challenge { options, state: json(&state) })
    }

    /// What came of it.
    pub fn registered(&self, state: &Value, answer: &Value) -> Result<Made, PasskeyError> {
        let state: RegistrationState = read(state)?;
        let answer: RegisterPublicKeyCredential = read(answer)?;
        if answer.raw_id.is_empty() || answer.raw_id.len() > LONGEST_ID || answer.type_ != "public-key" {
            return Err(PasskeyError::Refused("its id has no length an id can have".into()));
        }
        same_page(&answer.response.client_data_json)?;
        let credential = self.core.register_credential(&answer, &state, None)?;
        if credential.cred_id.as_slice() != answer.raw_id.as_slice() {
            return Err(PasskeyError::Refused("it has two ids".into()));
        }
        Ok(Made {
            id: URL_SAFE_NO_PAD.encode(&credential.cred_id),
            aaguid: aaguid(&answer.response.attestation_object),
            synced: credential.backup_eligible,
            user_verified: credential.user_verified,
            credential: json(&credential).to_string(),
        })
    }

    /// Asks for a passkey that proves everything by itself: its authenticator has to check who uses it.
    pub fn ask_alone(&self) -> Result<Challenge, PasskeyError> {
        self.ask(UserVerificationPolicy::Required, &[])
    }

    /// Asks for one of these passkeys, beside another proof.
    pub fn ask_beside(&self, ids: &[String]) -> Result<Challenge, PasskeyError> {
        self.ask(self.policy, ids)
    }

    fn ask(&self, policy: UserVerificationPolicy, ids: &[String]) -> Result<Challenge, PasskeyError> {
        // Which keys may answer is looked up when one has: a list of them would not fit into a cookie.
        let builder = self.core.new_challenge_authenticate_builder(Vec::new(), Some(policy))?;
        let (options, state) = self.core.generate_challenge_authenticate(builder)?;
        let mut options = json(&options)["publicKey"].take();
        options["allowCredentials"] = descriptors(ids);
        Ok(Challenge { options, state: json(&state) })
    }

    /// Whether the answer is right for the challenge and this credential, as it was kept.
    pub fn check(&self, state: &Value, answer: &Answer, kept: &str) -> Result<Used, PasskeyError> {
        let state: AuthenticationState = read(state)?;
        let mut credential: Credential = serde_json::from_str(kept)
            .map_err(|_| PasskeyError::Refused("what is kept of it cannot be read".into()))?;
        same_page(&answer.raw.response.client_data_json)?;
        let result = self.core.authenticate_single_credential(&answer.raw, &state, &credential)?;
        credential.counter = result.counter();
        credential.backup_state = result.backup_state();
        Ok(Used { credential: json(&credential).to_string(), user_verified: result.user_verified() })
    }
}

impl Answer {
    /// Reads what the browser sent.
    pub fn read(sent: &Value) -> Result<Self, PasskeyError> {
        let raw: PublicKeyCredential = read(sent)?;
        if raw.raw_id.is_empty() || raw.raw_id.len() > LONGEST_ID || raw.type_ != "public-key" {
            return Err(PasskeyError::Refused("its id has no length an id can have".into()));
        }
        let handle = raw.response.user_handle.as_deref().filter(|handle| !handle.is_empty());
        let user = match handle {
            Some(handle) => {
                let id = Uuid::from_slice(handle).map_err(|_| PasskeyError::Refused("it names nobody of ours".into()));
                Some(UserId(id?))
            }
            None => None,
        };
        Ok(Self { id: URL_SAFE_NO_PAD.encode(&raw.raw_id), user, raw })
    }
}

/// Refuses what was signed inside a page of somebody else (WebAuthn §13.4.2).
fn same_page(client_data: &[u8]) -> Result<(), PasskeyError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame {
        #[serde(default)]
        cross_origin: bool,
        top_origin: Option<String>,
    }
    let frame: Frame =
        serde_json::from_slice(client_data).map_err(|_| PasskeyError::Refused("its client data is no JSON".into()))?;
    if frame.cross_origin || frame.top_origin.is_some() {
        return Err(PasskeyError::Refused("it was used inside a page of another site".into()));
    }
    Ok(())
}

/// The model of the authenticator, from the byte string `authData` of an attestation object (WebAuthn §6.5).
fn aaguid(attestation: &[u8]) -> Option<Uuid> {
    const NAME: &[u8] = b"\x68authData";
    let at = attestation.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    // A byte string of CBOR with its length in one or two bytes (RFC 8949 §3).
    let head = match attestation.get(at)? {
        0x58 => 2,
        0x59 => 3,
        _ => return None,
    };
    let id = Uuid::from_slice(attestation.get(at + head..)?.get(AAGUID)?).ok()?;
    (!id.is_nil()).then_some(id)
}

fn descriptors(ids: &[String]) -> Value {
    ids.iter().map(|id| json!({ "type": "public-key", "id": id })).collect()
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("it is plain data")
}

fn read<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, PasskeyError> {
    T::deserialize(value).map_err(|_| PasskeyError::Refused("it is not what was asked for".into()))
}

impl From<WebauthnError> for PasskeyError {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::CredentialPossibleCompromise => Self::Cloned,
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Models of authenticators that many people have, by what they call themselves (WebAuthn §6.5.2).
const MODELS: &[(&str, &str)] = &[
    ("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager"),
    ("adce0002-35bc-c60a-648b-0b25f1f05503", "Chrome on this Mac"),
    ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords"),
    ("dd4ec289-e01d-41c9-bb89-70fa845d4bf2", "Apple Passwords"),
    ("08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello"),
    ("9ddd1817-af5a-4672-a2b9-3e3dd95000a9", "Windows Hello"),
    ("6028b017-b1d4-4c02-b4b3-afcdafc96bb2", "Windows Hello"),
    ("bada5566-a7aa-401f-bd96-45619a55120d", "1Password"),
    ("d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden"),
    ("531126d6-e717-415c-9320-3d9aa6981239", "Dashlane"),
    ("fdb141b2-5d84-443e-8a35-4698c205a502", "KeePassXC"),
    ("53414d53-554e-4700-0000-000000000000", "Samsung Pass"),
    ("50726f74-6f6e-5061-7373-50726f746f6e", "Proton Pass"),
    ("b84e4048-15dc-4dd0-8640-f4f60813c8af", "NordPass"),
    ("cb69481e-8ff7-4039-93ec-0a2729a154a8", "YubiKey 5"),
    ("ee882879-721c-4913-9775-3dfcce97072a", "YubiKey 5"),
    ("fa2b99dc-9e39-4257-8f92-4a30d23c4118", "YubiKey 5 NFC"),
    ("2fc0579f-8113-47ea-b116-bb5a8db9202a", "YubiKey 5 NFC"),
];

/// What people call an authenticator of this model; `None` for one we do not know.
pub fn model(aaguid: &str) -> Option<&'static str> {
    MODELS.iter().find(|(known, _)| *known == aaguid).map(|(_, name)| *name)
}
