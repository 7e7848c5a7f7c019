//! Upstream identity providers: what one can do, and nothing it could get wrong.

mod cached;
mod claims;
mod code;
mod common;
pub mod dev;
pub mod github;
pub mod google;
mod json;
mod keys;
mod line;
pub mod oauth2;
pub mod oidc;
mod openid;

use async_trait::async_trait;
use url::Url;

pub use code::Tokens;

use crate::domain::identity::{Grant, Identity};
use crate::domain::linking::LinkPolicy;
use crate::net::NetError;
use crate::plugin::Kind;

/// Every kind of provider.
pub const KINDS: &[Kind<dyn Provider>] = &[dev::KIND, github::KIND, google::KIND, oauth2::KIND, oidc::KIND];

/// The values that tie one login together. They are made and checked by the login's keeper, never by a provider.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Handshake {
    /// Where the upstream sends the browser back to; its own for each provider (RFC 9700 §4.4.2).
    pub redirect_uri: Url,
    /// RFC 6749 §10.12.
    pub state: String,
    /// OpenID Connect Core §3.1.2.1.
    pub nonce: String,
    /// The PKCE code verifier; its S256 challenge is sent (RFC 7636 §4).
    pub verifier: String,
    /// Whether the upstream is to ask who it is even if it knows (`prompt=login`, OpenID Connect Core §3.1.2.1).
    #[serde(default)]
    pub again: bool,
}

/// What came back to the callback, beside the state.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    /// The authorization code.
    pub code: String,
    /// Who says so (RFC 9207); checked by the provider.
    pub iss: Option<String>,
}

/// An upstream.
#[async_trait]
pub trait Provider: Send + Sync {
    /// How its button looks.
    fn button(&self) -> &Button;
    /// Its own rules for linking and new accounts, where they differ from the file's.
    fn rules(&self) -> &Rules;
    /// Where to send the browser (RFC 6749 §4.1.1).
    async fn authorize_url(&self, handshake: &Handshake) -> Result<Url, ProviderError>;
    /// Trades the code for who it is (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3.7).
    async fn identify(&self, handshake: &Handshake, callback: &Callback) -> Result<Identity, ProviderError>;
    /// Who grants what is granted at a sign-in, and to which client; a grant from elsewhere is not shown to it.
    fn grants_as(&self) -> String;
    /// What such a grant is worth now. It may be spent with this: what stands in its place has to be kept before anything else.
    /// `Refused`: nothing any more.
    async fn renew(&self, grant: &Grant) -> Result<Tokens, ProviderError>;
    /// Who it is, by renewed tokens. `Refused`: the section does not let them in any more.
    async fn ask_again(&self, tokens: Tokens) -> Result<Identity, ProviderError>;
    /// Whether the upstream answers by a cross-site POST (`response_mode=form_post`).
    fn answers_by_post(&self) -> bool {
        false
    }
    /// Asks the upstream whether it is there: discovery and keys. For `provider test`.
    async fn probe(&self) -> Result<Vec<String>, ProviderError>;
    /// People that exist before anybody signs in; only the dev provider has any.
    fn seeds(&self) -> Vec<Seed> {
        Vec::new()
    }
}

/// How a provider's button looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// The brand: `Continue with …`.
    pub name: String,
    /// The built-in mark: `google`, `github`, `openid`, `dev`.
    pub icon: &'static str,
}

/// What a provider allows, where it differs from `[login]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// `None`: as `login.account_linking` says.
    pub link: Option<LinkPolicy>,
    /// `None`: as `login.signup` says.
    pub signup: Option<bool>,
}

/// Somebody who exists from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Who.
    pub identity: Identity,
    /// Roles beside the default ones.
    pub roles: Vec<String>,
    /// Whether they may not sign in.
    pub locked: bool,
}

/// Three verdicts are all the rest of the house needs.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Try later: no answer, or a broken one.
    #[error("the provider cannot be reached")]
    Unreachable(#[from] NetError),
    /// The person or the provider said no; the reason is for the person.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The answer is not to be believed; the reason is for the admin.
    #[error("the provider's answer is not to be believed: {0}")]
    Untrusted(String),
}
