//! OpenID Connect, our side of it: discovery, the code, the ID token, user info.

mod discovery;
mod id_token;

use std::sync::Arc;

use axum::http::StatusCode;
use openidconnect::core::CoreJsonWebKeySet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use time::Duration;

use super::cached::Cached;
use super::code::{self, ClientAuth, Counter, Tokens};
use super::common::Common;
use super::keys::Wrongs;
use super::{Callback, Handshake, ProviderError, line};
use crate::domain::identity::{Grant, Identity};
use crate::net::HttpAnswer;
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
    /// The ID token's; null where somebody was asked about again and none came.
    pub token: Value,
    /// User info's, of the same subject.
    pub userinfo: Option<Value>,
    /// What the party can be asked with again.
    pub grant: Option<Grant>,
}

impl Claims {
    /// In the order in which they are believed.
    pub fn documents(&self) -> Vec<&Value> {
        let token = Some(&self.token).filter(|token| !token.is_null());
        [token, self.userinfo.as_ref()].into_iter().flatten().collect()
    }

    /// Whom they speak of.
    pub fn identity(self, party: &Party) -> Result<Identity, ProviderError> {
        let says_mfa = party.common.says_mfa(&self.token);
        let identity = party.common.identity(party.issuer(), &self.documents())?;
        Ok(Identity { says_mfa, grant: self.grant, ..identity })
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
        let tokens = self.counter(&metadata).exchange(handshake, &callback.code).await?;
        let id_token = tokens.id.as_deref().ok_or_else(|| untrusted("there is no ID token"))?;
        let token = self.verified(&metadata, id_token, Some(&handshake.nonce), &tokens.access).await?;
        if handshake.again && self.is_from_before(&token) {
            return Err(ProviderError::Refused("It did not ask again who you are. Sign out there first.".into()));
        }
        let userinfo = match &metadata.userinfo {
            Some(url) if self.wants_userinfo(&token) => {
                let answer = line::get(&self.common.out, url, Some(&tokens.access)).await?;
                Some(same_person(&answer, &token)?)
            }
            None if self.ways.userinfo == UserInfo::Always => {
                return Err(untrusted("there is no user info endpoint"));
            }
            _ => None,
        };
        Ok(Claims { token, userinfo, grant: tokens.grant })
    }

    /// What a grant of an earlier sign-in is worth now (OpenID Connect Core §12).
    pub async fn renew(&self, grant: &Grant) -> Result<Tokens, ProviderError> {
        let metadata = self.metadata().await?;
        self.counter(&metadata).renew(grant).await
    }

    /// What is said of somebody now who signed in once. An ID token may come or not, and is often a shorter one: user info is asked
    /// for wherever it may be, and does without where it has nothing for us.
    pub async fn claims_again(&self, tokens: Tokens) -> Result<Claims, ProviderError> {
        let metadata = self.metadata().await?;
        let token = match tokens.id.as_deref() {
            Some(id_token) => self.verified(&metadata, id_token, None, &tokens.access).await?,
            None => Value::Null,
        };
        let userinfo = match &metadata.userinfo {
            Some(url) if self.ways.userinfo != UserInfo::Never => {
                let answer = line::get(&self.common.out, url, Some(&tokens.access)).await?;
                let is_closed = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
                if is_closed && !token.is_null() { None } else { Some(same_person(&answer, &token)?) }
            }
            _ if token.is_null() => return Err(untrusted("it sends no ID token again, and there is no user info")),
            _ => None,
        };
        Ok(Claims { token, userinfo, grant: tokens.grant })
    }

    /// [`Provider::grants_as`](super::Provider::grants_as): what an issuer grants, it takes back at the addresses of its metadata.
    pub fn grants_as(&self) -> String {
        [self.issuer(), &self.common.client_id].join("\n")
    }

    fn counter<'a>(&'a self, metadata: &'a Metadata) -> Counter<'a> {
        Counter {
            common: &self.common,
            endpoint: &metadata.token,
            auth: self.ways.client_auth,
            lasts: false,
            from: self.grants_as(),
        }
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
        nonce: Option<&str>,
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

/// User info of whom the ID token names, if there is one (OpenID Connect Core §5.3.2): another person's counts for nothing.
fn same_person(answer: &HttpAnswer, token: &Value) -> Result<Value, ProviderError> {
    let userinfo = line::document(answer, "user info")?;
    match (userinfo["sub"].as_str(), token["sub"].as_str()) {
        (Some(_), None) if token.is_null() => Ok(userinfo),
        (Some(theirs), Some(known)) if theirs == known => Ok(userinfo),
        _ => Err(untrusted("user info speaks of somebody else")),
    }
}

fn untrusted(why: &str) -> ProviderError {
    ProviderError::Untrusted(why.to_owned())
}
