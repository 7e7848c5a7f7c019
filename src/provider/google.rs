//! Google: OpenID Connect, and the organisation an account belongs to.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use time::Duration;
use url::Url;

use super::claims::ClaimMap;
use super::code::ClientAuth;
use super::common::{Common, Usual};
use super::keys::{self, EmailTrust, Wrong, Wrongs, mistakes, upstream_config};
use super::openid::{Alg, Party, UserInfo, Ways};
use super::{Button, Callback, Handshake, Provider, ProviderError, Rules, Tokens};
use crate::config::Section;
use crate::domain::identity::{Grant, Identity};
use crate::plugin::{Kind, Tools};

/// `kind = "google"`.
pub const KIND: Kind<dyn Provider> = Kind {
    name: "google",
    schema: Config::json_schema,
    open: |section, tools| open(section, tools).map(|opened| Arc::new(opened) as Arc<dyn Provider>),
};

/// Google's name for itself.
const ISSUER: &str = "https://accounts.google.com";

upstream_config! {
    /// `[providers.*]` with `kind = "google"`.
    Config {
        /// Only accounts of these Google Workspace organisations, by the `hd` claim; empty: every account.
        #[serde(default)]
        hosted_domains: Vec<String>,
        /// The issuer, for an emulator. Default: Google.
        issuer: Option<String>,
        /// Which claims say what.
        #[serde(default)]
        claims: ClaimMap,
    }
}

/// Google.
pub struct Google {
    party: Party,
    hosted_domains: Vec<String>,
}

fn open(section: &Section, tools: &Tools) -> Result<Google, Vec<crate::config::Mistake>> {
    let mut config: Config = section.read()?;
    config.ca_file = config.ca_file.map(|path| section.path_of(&path));
    Google::new(config, section.id(), tools).map_err(|wrong| mistakes(section, wrong))
}

impl Google {
    /// Checks the section.
    pub fn new(config: Config, id: &str, tools: &Tools) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Wrongs::default();
        let usual = Usual {
            name: Some("Google"),
            icon: "google",
            scopes: &["openid", "email", "profile"],
            asks_for_consent: true,
            email_trust: EmailTrust::Verified,
            claims: ClaimMap::openid(),
        };
        let common = Common::new(config.keys(), &config.claims, usual, id, tools, &mut wrongs);
        if common.client_secret.is_none() {
            wrongs.add("client_secret", "Google needs a `client_secret`");
        }
        let hosted_domains = keys::domains("hosted_domains", &config.hosted_domains, &mut wrongs);
        let ways = Ways {
            issuer: config.issuer.unwrap_or_else(|| ISSUER.to_owned()),
            client_auth: ClientAuth::ClientSecretPost,
            by_post: false,
            userinfo: UserInfo::Auto,
            algs: vec![Alg::RS256],
            skew: Duration::seconds(60),
            named: config.claims,
        };
        let party = Party::new(common, ways, &mut wrongs);
        wrongs.unless(|| Self { party, hosted_domains })
    }

    /// Decided by the validated token, never by the address or by what was asked for.
    fn belongs(&self, hosted_domain: Option<&str>) -> Result<(), ProviderError> {
        let is_ours = |hd: &str| self.hosted_domains.iter().any(|domain| domain.eq_ignore_ascii_case(hd));
        if self.hosted_domains.is_empty() || hosted_domain.is_some_and(is_ours) {
            return Ok(());
        }
        Err(ProviderError::Refused(format!("only accounts of {} may sign in", self.hosted_domains.join(", "))))
    }
}

#[async_trait]
impl Provider for Google {
    fn button(&self) -> &Button {
        &self.party.common.button
    }

    fn rules(&self) -> &Rules {
        &self.party.common.rules
    }

    async fn authorize_url(&self, handshake: &Handshake) -> Result<Url, ProviderError> {
        // Only to choose the right account sooner; `belongs` decides.
        let hint = match &self.hosted_domains[..] {
            [] => None,
            [only] => Some(("hd", only.as_str())),
            _ => Some(("hd", "*")),
        };
        // Google's own way to ask for a refresh token; it sends one whenever the person is asked for consent.
        let offline = self.party.common.store_tokens.then_some(("access_type", "offline"));
        let extra: Vec<_> = hint.into_iter().chain(offline).collect();
        self.party.authorize_url(handshake, &extra).await
    }

    async fn identify(&self, handshake: &Handshake, callback: &Callback) -> Result<Identity, ProviderError> {
        let claims = self.party.claims(handshake, callback).await?;
        self.belongs(claims.token["hd"].as_str())?;
        claims.identity(&self.party)
    }

    fn grants_as(&self) -> String {
        self.party.grants_as()
    }

    async fn renew(&self, grant: &Grant) -> Result<Tokens, ProviderError> {
        self.party.renew(grant).await
    }

    async fn ask_again(&self, tokens: Tokens) -> Result<Identity, ProviderError> {
        let claims = self.party.claims_again(tokens).await?;
        self.belongs(claims.documents().iter().find_map(|document| document["hd"].as_str()))?;
        claims.identity(&self.party)
    }

    async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        self.party.probe().await
    }
}
