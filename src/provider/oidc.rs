//! Any OpenID Connect issuer, by discovery.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use time::Duration;
use url::Url;

use super::claims::ClaimMap;
use super::code::ClientAuth;
use super::common::{Common, Usual};
use super::keys::{EmailTrust, Wrong, Wrongs, mistakes, upstream_config};
use super::openid::{Alg, Party, UserInfo, Ways};
use super::{Button, Callback, Handshake, Provider, ProviderError, Rules, Tokens};
use crate::config::{Section, Span};
use crate::domain::identity::{Grant, Identity};
use crate::plugin::{Kind, Tools};

/// `kind = "oidc"`.
pub const KIND: Kind<dyn Provider> = Kind {
    name: "oidc",
    schema: Config::json_schema,
    open: |section, tools| open(section, tools).map(|opened| Arc::new(opened) as Arc<dyn Provider>),
};

/// What a refresh token is asked for with (OpenID Connect Core §11).
const OFFLINE: &str = "offline_access";

/// How the upstream answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the address.
    #[default]
    Query,
    /// By a cross-site POST.
    FormPost,
}

upstream_config! {
    /// `[providers.*]` with `kind = "oidc"`.
    Config {
        /// The issuer; discovery and ID tokens must name it byte for byte.
        issuer: String,
        /// How the token endpoint learns who we are. Default: `client_secret_basic`, `none` without a secret.
        client_auth: Option<ClientAuth>,
        /// How the upstream answers. Default: `query`.
        response_mode: Option<ResponseMode>,
        /// When user info is asked for. Default: `auto`.
        userinfo: Option<UserInfo>,
        /// Accepted signature algorithms, whatever the upstream's metadata say. Default: `RS256`, `ES256`, `EdDSA`.
        id_token_algs: Option<Vec<Alg>>,
        /// How far the upstream's clock may be off, 0s to 5m. Default: 60s.
        #[schemars(extend("x-min" = "0s", "x-max" = "5m"))]
        clock_skew: Option<Span>,
        /// Whether `"true"` counts as `true`. Default: false.
        string_booleans: Option<bool>,
        /// Which claims say what.
        #[serde(default)]
        claims: ClaimMap,
    }
}

/// One issuer.
pub struct Oidc {
    party: Party,
    by_post: bool,
}

fn open(section: &Section, tools: &Tools) -> Result<Oidc, Vec<crate::config::Mistake>> {
    let mut config: Config = section.read()?;
    config.ca_file = config.ca_file.map(|path| section.path_of(&path));
    Oidc::new(config, section.id(), tools).map_err(|wrong| mistakes(section, wrong))
}

impl Oidc {
    /// Checks the section.
    pub fn new(config: Config, id: &str, tools: &Tools) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Wrongs::default();
        let usual = Usual {
            name: None,
            icon: "openid",
            scopes: &["openid", "email", "profile"],
            asks_for_consent: true,
            email_trust: EmailTrust::Verified,
            claims: ClaimMap::openid(),
        };
        let mut common = Common::new(config.keys(), &config.claims, usual, id, tools, &mut wrongs);
        common.string_booleans = config.string_booleans.unwrap_or(false);
        let default_auth =
            if common.client_secret.is_some() { ClientAuth::ClientSecretBasic } else { ClientAuth::None };
        let client_auth = config.client_auth.unwrap_or(default_auth);
        if client_auth != ClientAuth::None && common.client_secret.is_none() {
            wrongs.add("client_auth", "this needs a `client_secret`");
        }
        if common.store_tokens && common.scopes.iter().all(|scope| scope != OFFLINE) {
            common.scopes.push(OFFLINE.to_owned());
        }
        let by_post = config.response_mode == Some(ResponseMode::FormPost);
        let ways = Ways {
            issuer: config.issuer,
            client_auth,
            by_post,
            userinfo: config.userinfo.unwrap_or_default(),
            algs: config.id_token_algs.unwrap_or_else(|| Alg::USUAL.to_vec()),
            skew: config.clock_skew.map_or(Duration::seconds(60), |Span(skew)| skew),
            named: config.claims,
        };
        let party = Party::new(common, ways, &mut wrongs);
        wrongs.unless(|| Self { party, by_post })
    }
}

#[async_trait]
impl Provider for Oidc {
    fn button(&self) -> &Button {
        &self.party.common.button
    }

    fn rules(&self) -> &Rules {
        &self.party.common.rules
    }

    fn answers_by_post(&self) -> bool {
        self.by_post
    }

    async fn authorize_url(&self, handshake: &Handshake) -> Result<Url, ProviderError> {
        self.party.authorize_url(handshake, &[]).await
    }

    async fn identify(&self, handshake: &Handshake, callback: &Callback) -> Result<Identity, ProviderError> {
        self.party.claims(handshake, callback).await?.identity(&self.party)
    }

    fn grants_as(&self) -> String {
        self.party.grants_as()
    }

    async fn renew(&self, grant: &Grant) -> Result<Tokens, ProviderError> {
        self.party.renew(grant).await
    }

    async fn ask_again(&self, tokens: Tokens) -> Result<Identity, ProviderError> {
        let claims = self.party.claims_again(tokens).await?;
        claims.identity(&self.party)
    }

    async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        self.party.probe().await
    }
}
