//! Who needs a second factor, and which they have.

use super::{AccountError, Accounts};
use crate::config::settings::MfaRule;
use crate::domain::id::UserId;
use crate::domain::proof::Proof;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::keys::sha256_hex;
use crate::store::StoreError;
use crate::store::factors::Factors;

/// The role whose holders run the server.
const ADMIN: &str = "admin";
/// So many characters of a hash tell two stamps apart.
const STAMP: usize = 22;

/// What a first factor still lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: they are in.
    Nothing,
    /// One of the second factors they have.
    Factor,
    /// A second factor, and they have none yet.
    Enrol,
}

/// What one who proved this still lacks. Who has codes of an app is always asked for one; who has passkeys only where a second
/// factor is demanded, since a passkey is a way in of its own.
pub fn need(is_demanded: bool, proof: &Proof, factors: &Factors) -> Need {
    if proof.is_multi_factor() {
        return Need::Nothing;
    }
    match (factors.totp, factors.passkeys > 0, is_demanded) {
        (true, ..) | (false, true, true) => Need::Factor,
        (false, false, true) => Need::Enrol,
        (false, _, false) => Need::Nothing,
    }
}

impl Accounts {
    /// What a half-finished sign-in hangs on: the password, the factors, and what permissions and locks depend on. Whoever went
    /// halfway before one of them changed begins again.
    pub async fn stamp(&self, user: UserId) -> Result<String, AccountError> {
        let version = self.store.user(user).await?.map(|user| user.version);
        let password = self.store.password_set_at(user).await?;
        let totp = self.store.totp(user).await?.map(|totp| totp.sealed);
        let mut passkeys: Vec<_> = self.store.passkeys(user).await?.into_iter().map(|passkey| passkey.id).collect();
        passkeys.sort();
        let all = serde_json::json!([version, password, totp, passkeys]).to_string();
        Ok(sha256_hex(all.as_bytes())[..STAMP].to_owned())
    }

    /// What the user still lacks who proved this, on the way to the service.
    pub async fn need(&self, user: &User, proof: &Proof, service: Option<&Service>) -> Result<Need, StoreError> {
        if proof.is_multi_factor() {
            return Ok(Need::Nothing);
        }
        let is_demanded = self.demands_factor(user) || service.is_some_and(|service| service.require_mfa);
        Ok(need(is_demanded, proof, &self.factors(user).await?))
    }

    /// Whether the file demands a second factor of the user, wherever they go.
    pub fn demands_factor(&self, user: &User) -> bool {
        match self.login.mfa.require {
            MfaRule::Never => false,
            MfaRule::Admins => user.roles.iter().any(|role| role == ADMIN),
            MfaRule::Always => true,
        }
    }

    /// The second factors the user has.
    pub async fn factors(&self, user: &User) -> Result<Factors, StoreError> {
        self.store.factors(user.id).await
    }
}
