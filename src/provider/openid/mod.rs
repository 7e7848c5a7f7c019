//! OpenID Connect, our side of it: discovery, the code, the ID token, user info.

mod discovery;
mod id_token;

use std::sync::Arc;

use openidconnect::core::CoreJsonWebKeySet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use time::Duration;

use super::cached::Cached;
use super::code::{self, ClientAuth};
use super::common::Common;
use super::keys::Wrongs;
use super::{Callback, Handshake, ProviderError, line};
use discovery::Metadata;
pub use id_token::Alg;

/// How long ago a sign-in may be that the upstream was told to ask for.
const JUST_NOW: Duration = Duration::minutes(5);

/// When user info is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserInfo {
    /// When the ID token lacks the address, the name, or something that `claims` names.
    #[default]
    Auto,
    /// At every sign-in.
    Always,
    /// Never.
    Never,
}

/// What one party does its own way.
pub struct Ways {
    /// Byte for byte what discovery and ID tokens must say.
    pub issuer: String,
    pub client_auth: ClientAuth,
    /// `response_mode=form_post`.
    pub by_post: bool,
    pub userinfo: UserInfo,
    /// What is accepted, whatever the upstream's metadata say.
    pub algs: Vec<Alg>,
    /// How far two clocks may differ.
    pub skew: Duration,
    /// The claims that the section names itself.
    pub named: super::claims::ClaimMap,
}

/// One upstream that speaks OpenID Connect.
pub struct Party {
    pub common: Common,
    ways: Ways,
    metadata: Cached<Metadata>,
    keys: Cached<CoreJsonWebKeySet>,
}

/// What a sign-in brought, after every check.
pub struct Claims {
    /// The ID token's.
    pub token: Value,
    /// User info's, of the same subject.
    pub userinfo: Option<Value>,
}

impl Claims {
    /// In the order in which they are believed.
    pub fn documents(&self) -> Vec<&Value> {
        [Some(&self.token), self.userinfo.as_ref()].into_iter().flatten().collect()
    }
}

impl Party {
    /// Nothing is asked until somebody wants to sign in.
    pub fn new(common: Common, ways: Ways, wrongs: &mut Wrongs) -> Self {
        match url::Url::parse(&ways.issuer) {
            Ok(url) if url.query().is_none() => common.check_url("issuer", &url, wrongs),
            Ok(_) => wrongs.add("issuer", "an issuer has no query"),
            Err(_) => wrongs.add("issuer", "an https address is needed"),
        }
        if ways.algs.is_empty() {
            wrongs.add("id_token_algs", "at least one algorithm is needed");
        }
        if !common.scopes.iter().any(|scope| scope == "openid") {
            wrongs.add("scopes", "`openid` is needed: without it there is no ID token");
        }
        Self { common, ways, metadata: Cached::new(), keys: Cached::new() }
    }

    /// Where subjects are unique.
    pub fn issuer(&self) -> &str {
        &self.ways.issuer
    }

    /// OpenID Connect Core §3.1.2.1.
    pub async fn authorize_url(
        &self,
        handshake: &Handshake,
        extra: &[(&str, &str)],
    ) -> Result<url::Url, ProviderError> {
        let metadata = self.metadata().await?;
        let mut params = vec![("nonce", handshake.nonce.as_str())];
        if self.ways.by_post {
            params.push(("response_mode", "form_post"));
        }
        params.extend_from_slice(extra);
        code::authorize_url(&self.common, &metadata.authorization, handshake, &params)
    }

    /// OpenID Connect Core §3.1.3.
    pub async fn claims(&self, handshake: &Handshake, callback: &Callback) -> Result<Claims, ProviderError> {
        let metadata = self.metadata().await?;
        match &callback.iss {
            Some(iss) if *iss != self.ways.issuer => return Err(untrusted("the answer came from another issuer")),
            None if metadata.sends_iss => return Err(untrusted("the answer does not say which issuer it is from")),
            _ => {}
        }
        let auth = self.ways.client_auth;
        let tokens = code::exchange(&self.common, &metadata.token, auth, handshake, &callback.code).await?;
        let id_token = tokens.id.as_deref().ok_or_else(|| untrusted("there is no ID token"))?;
        let token = self.verified(&metadata, id_token, &handshake.nonce, &tokens.access).await?;
        if handshake.again && self.is_from_before(&token) {
            return Err(ProviderError::Refused("It did not ask again who you are. Sign out there first.".into()));
        }
        let userinfo = match &metadata.userinfo {
            Some(url) if self.wants_userinfo(&token) => {
                let answer = line::get(&self.common.out, url, Some(&tokens.access)).await?;
                let userinfo = line::document(&answer, "user info")?;
                // OpenID Connect Core §5.3.2: the same person, or it counts for nothing.
                if userinfo["sub"].as_str().is_none_or(|sub| Some(sub) != token["sub"].as_str()) {
                    return Err(untrusted("user info speaks of somebody else"));
                }
                Some(userinfo)
            }
            None if self.ways.userinfo == UserInfo::Always => {
                return Err(untrusted("there is no user info endpoint"));
            }
            _ => None,
        };
        Ok(Claims { token, userinfo })
    }

    /// Whether the upstream is there and can be believed.
    pub async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        let metadata = self.metadata().await?;
        let keys = self.keys(&metadata).await?;
        let mut found = vec![
            format!("issuer {}", self.ways.issuer),
            format!("authorization endpoint {}", metadata.authorization),
            format!("token endpoint {}", metadata.token),
        ];
        found.extend(metadata.userinfo.as_ref().map(|url| format!("user info endpoint {url}")));
        found.push(format!("{} usable signing keys from {}", keys.keys().len(), metadata.keys));
        if keys.keys().is_empty() {
            return Err(untrusted("it publishes no key that can be used"));
        }
        Ok(found)
    }

    /// Verifies against the keys at hand, and once more against newer ones if the key is unknown (OpenID Connect Core §10.1.1).
    async fn verified(
        &self,
        metadata: &Metadata,
        id_token: &str,
        nonce: &str,
        access_token: &str,
    ) -> Result<Value, ProviderError> {
        let now = self.common.clock.now();
        let check = id_token::Check {
            issuer: &self.ways.issuer,
            client_id: &self.common.client_id,
            nonce,
            access_token,
            algs: &self.ways.algs,
            skew: self.ways.skew,
            now,
        };
        let read = id_token::Read::new(id_token)?;
        let keys = self.keys(metadata).await?;
        match check.verify(&read, &keys) {
            Err(id_token::Flaw::UnknownKey) => {}
            other => return other.map_err(Into::into),
        }
        let fetch = discovery::keys(&self.common.out, &metadata.keys);
        match self.keys.renewed(&keys, now, fetch).await? {
            Some(newer) => check.verify(&read, &newer).map_err(Into::into),
            None => Err(id_token::Flaw::UnknownKey.into()),
        }
    }

    /// Whether the token itself says that the person proved nothing just now; one without `auth_time` does not say.
    fn is_from_before(&self, token: &Value) -> bool {
        let earliest = self.common.clock.now() - JUST_NOW - self.ways.skew;
        token["auth_time"].as_i64().is_some_and(|at| at < earliest.unix_timestamp())
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let fetch = discovery::metadata(&self.common.out, &self.ways.issuer);
        self.metadata.get(self.common.clock.now(), fetch).await
    }

    async fn keys(&self, metadata: &Metadata) -> Result<Arc<CoreJsonWebKeySet>, ProviderError> {
        let fetch = discovery::keys(&self.common.out, &metadata.keys);
        self.keys.get(self.common.clock.now(), fetch).await
    }

    fn wants_userinfo(&self, token: &Value) -> bool {
        let claims = &self.common.claims;
        let knows = |source: &Option<super::claims::Source>| source.as_ref().is_none_or(|s| s.read(token).is_some());
        match self.ways.userinfo {
            UserInfo::Always => true,
            UserInfo::Never => false,
            UserInfo::Auto => !(knows(&claims.email) && knows(&claims.name) && self.ways.named.is_answered_by(token)),
        }
    }
}

fn untrusted(why: &str) -> ProviderError {
    ProviderError::Untrusted(why.to_owned())
}
