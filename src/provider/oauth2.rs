//! Any OAuth 2 server that tells, for a token, who somebody is.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::Method;
use schemars::JsonSchema;
use url::Url;

use super::claims::{ClaimMap, Source};
use super::code::{self, ClientAuth, Counter, Tokens};
use super::common::{Common, Usual};
use super::keys::{EmailTrust, Wrong, Wrongs, mistakes, upstream_config};
use super::{Button, Callback, Handshake, Provider, ProviderError, Rules, line};
use crate::config::Section;
use crate::domain::identity::{Grant, Identity};
use crate::net::HttpAnswer;
use crate::plugin::{Kind, Tools};

/// `kind = "oauth2"`.
pub const KIND: Kind<dyn Provider> = Kind {
    name: "oauth2",
    schema: Config::json_schema,
    open: |section, tools| open(section, tools).map(|opened| Arc::new(opened) as Arc<dyn Provider>),
};

/// How user info is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserInfoMethod {
    /// The usual.
    #[default]
    Get,
    /// Some want it.
    Post,
}

upstream_config! {
    /// `[providers.*]` with `kind = "oauth2"`.
    Config {
        /// Where the browser goes.
        #[schemars(with = "String", extend("format" = "uri"))]
        authorization_url: Url,
        /// Where codes are traded.
        #[schemars(with = "String", extend("format" = "uri"))]
        token_url: Url,
        /// Where a token is traded for the person, in JSON.
        #[schemars(with = "String", extend("format" = "uri"))]
        userinfo_url: Url,
        /// How user info is asked for. Default: `get`.
        userinfo_method: Option<UserInfoMethod>,
        /// How the token endpoint learns who we are. Default: `client_secret_basic`, `none` without a secret.
        client_auth: Option<ClientAuth>,
        /// What `iss` must say where the upstream sends one (RFC 9207). Default: it is not looked at.
        issuer: Option<String>,
        /// Whether `"true"` counts as `true`. Default: false.
        string_booleans: Option<bool>,
        /// Which members of user info say what; `subject` is needed.
        #[serde(default)]
        claims: ClaimMap,
    }
}

/// One server.
pub struct OAuth2 {
    common: Common,
    authorization: Url,
    token: Url,
    userinfo: Url,
    method: Method,
    auth: ClientAuth,
    issuer: Option<String>,
    realm: String,
}

fn open(section: &Section, tools: &Tools) -> Result<OAuth2, Vec<crate::config::Mistake>> {
    let mut config: Config = section.read()?;
    config.ca_file = config.ca_file.map(|path| section.path_of(&path));
    OAuth2::new(config, section.id(), tools).map_err(|wrong| mistakes(section, wrong))
}

impl OAuth2 {
    /// Checks the section.
    pub fn new(config: Config, id: &str, tools: &Tools) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Wrongs::default();
        let usual = Usual {
            name: None,
            icon: "openid",
            scopes: &[],
            asks_for_consent: false,
            email_trust: EmailTrust::Never,
            claims: ClaimMap {
                email: Some(Source::path("email")),
                email_verified: Some(Source::path("email_verified")),
                name: Some(Source::path("name")),
                ..ClaimMap::default()
            },
        };
        let mut common = Common::new(config.keys(), &config.claims, usual, id, tools, &mut wrongs);
        common.string_booleans = config.string_booleans.unwrap_or(false);
        if config.claims.subject.is_none() {
            wrongs.add("claims", "`subject` is needed: the member of user info that never changes, such as `id`");
        }
        common.check_url("authorization_url", &config.authorization_url, &mut wrongs);
        common.check_url("token_url", &config.token_url, &mut wrongs);
        common.check_url("userinfo_url", &config.userinfo_url, &mut wrongs);
        let default_auth =
            if common.client_secret.is_some() { ClientAuth::ClientSecretBasic } else { ClientAuth::None };
        let auth = config.client_auth.unwrap_or(default_auth);
        if auth != ClientAuth::None && common.client_secret.is_none() {
            wrongs.add("client_auth", "this needs a `client_secret`");
        }
        let realm = config.issuer.clone().unwrap_or_else(|| config.userinfo_url.origin().ascii_serialization());
        wrongs.unless(|| Self {
            common,
            authorization: config.authorization_url,
            token: config.token_url,
            userinfo: config.userinfo_url,
            method: match config.userinfo_method.unwrap_or_default() {
                UserInfoMethod::Get => Method::GET,
                UserInfoMethod::Post => Method::POST,
            },
            auth,
            issuer: config.issuer,
            realm,
        })
    }
}

impl OAuth2 {
    fn counter(&self) -> Counter<'_> {
        Counter { common: &self.common, endpoint: &self.token, auth: self.auth, lasts: false, from: self.grants_as() }
    }

    async fn user_info(&self, tokens: &Tokens) -> Result<HttpAnswer, ProviderError> {
        line::ask(&self.common.out, self.method.clone(), &self.userinfo, Some(&tokens.access)).await
    }

    fn identity(&self, answer: &HttpAnswer, tokens: Tokens) -> Result<Identity, ProviderError> {
        let person = line::document(answer, "user info")?;
        let identity = self.common.identity(&self.realm, &[&person])?;
        Ok(Identity { grant: tokens.grant, ..identity })
    }
}

#[async_trait]
impl Provider for OAuth2 {
    fn button(&self) -> &Button {
        &self.common.button
    }

    fn rules(&self) -> &Rules {
        &self.common.rules
    }

    async fn authorize_url(&self, handshake: &Handshake) -> Result<Url, ProviderError> {
        code::authorize_url(&self.common, &self.authorization, handshake, &[])
    }

    async fn identify(&self, handshake: &Handshake, callback: &Callback) -> Result<Identity, ProviderError> {
        if let (Some(expected), Some(iss)) = (&self.issuer, &callback.iss)
            && expected != iss
        {
            return Err(ProviderError::Untrusted("the answer came from another issuer".into()));
        }
        let tokens = self.counter().exchange(handshake, &callback.code).await?;
        let answer = self.user_info(&tokens).await?;
        self.identity(&answer, tokens)
    }

    fn grants_as(&self) -> String {
        [self.token.as_str(), self.userinfo.as_str(), &self.common.client_id].join("\n")
    }

    async fn renew(&self, grant: &Grant) -> Result<Tokens, ProviderError> {
        self.counter().renew(grant).await
    }

    async fn ask_again(&self, tokens: Tokens) -> Result<Identity, ProviderError> {
        let answer = self.user_info(&tokens).await?;
        self.identity(&answer, tokens)
    }

    async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        let answer = line::ask(&self.common.out, self.method.clone(), &self.userinfo, None).await?;
        Ok(vec![format!(
            "user info at {} is there (status {} without a token)",
            self.userinfo,
            answer.status().as_u16()
        )])
    }
}
