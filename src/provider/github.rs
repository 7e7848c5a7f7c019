//! GitHub and GitHub Enterprise Server: OAuth 2, and the REST API for who it is.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde_json::Value;
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

/// `kind = "github"`.
pub const KIND: Kind<dyn Provider> = Kind {
    name: "github",
    schema: Config::json_schema,
    open: |section, tools| open(section, tools).map(|opened| Arc::new(opened) as Arc<dyn Provider>),
};

/// Entries of a page of a list, the most GitHub gives.
const PAGE: usize = 100;
/// Most pages that are read of one list.
const MOST_PAGES: usize = 10;

/// What becomes of the person's organisations and teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupsFrom {
    /// Nothing.
    #[default]
    None,
    /// `acme` becomes the group `github:acme`.
    Orgs,
    /// `acme/core` becomes the group `github:acme/core`.
    Teams,
}

upstream_config! {
    /// `[providers.*]` with `kind = "github"`.
    Config {
        /// The address of a GitHub Enterprise Server. Default: `https://github.com`.
        #[schemars(with = "Option<String>", extend("format" = "uri"))]
        base_url: Option<Url>,
        /// The address of the REST API. Default: `https://api.github.com`, or `/api/v3` below `base_url`.
        #[schemars(with = "Option<String>", extend("format" = "uri"))]
        api_url: Option<Url>,
        /// Only members of one of these organisations; empty: everybody.
        #[serde(default)]
        allowed_orgs: Vec<String>,
        /// Only members of one of these teams, `org/team`; empty: everybody.
        #[serde(default)]
        allowed_teams: Vec<String>,
        /// What becomes a group. Default: `none`.
        groups_from: Option<GroupsFrom>,
    }
}

/// When it is asked.
#[derive(Debug, Clone, Copy)]
enum When {
    SignIn,
    Again,
}

/// One GitHub.
pub struct GitHub {
    common: Common,
    base: String,
    authorization: Url,
    token: Url,
    api: String,
    orgs: Vec<String>,
    teams: Vec<String>,
    groups_from: GroupsFrom,
}

fn open(section: &Section, tools: &Tools) -> Result<GitHub, Vec<crate::config::Mistake>> {
    let mut config: Config = section.read()?;
    config.ca_file = config.ca_file.map(|path| section.path_of(&path));
    GitHub::new(config, section.id(), tools).map_err(|wrong| mistakes(section, wrong))
}

fn usual(asks_for_orgs: bool) -> Usual {
    let path = |path: &str| Some(Source::path(path));
    Usual {
        name: Some("GitHub"),
        icon: "github",
        scopes: if asks_for_orgs { &["read:user", "user:email", "read:org"] } else { &["read:user", "user:email"] },
        asks_for_consent: false,
        email_trust: EmailTrust::Verified,
        claims: ClaimMap {
            subject: path("id"),
            email: path("email"),
            email_verified: path("email_verified"),
            name: Some(Source::Paths(vec!["name".into(), "login".into()])),
            username: path("login"),
            avatar: path("avatar_url"),
            groups: path("groups"),
        },
    }
}

impl GitHub {
    /// Checks the section.
    pub fn new(config: Config, id: &str, tools: &Tools) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Wrongs::default();
        let groups_from = config.groups_from.unwrap_or_default();
        let asks_for_orgs =
            !config.allowed_orgs.is_empty() || !config.allowed_teams.is_empty() || groups_from != GroupsFrom::None;
        let common = Common::new(config.keys(), &ClaimMap::default(), usual(asks_for_orgs), id, tools, &mut wrongs);
        if common.client_secret.is_none() {
            wrongs.add("client_secret", "GitHub needs a `client_secret`");
        }
        if config
            .allowed_teams
            .iter()
            .any(|team| !matches!(team.split_once('/'), Some((org, team)) if !org.is_empty() && !team.is_empty()))
        {
            wrongs.add("allowed_teams", "a team is written `org/team`");
        }
        let hub = Url::parse("https://github.com").expect("a literal address");
        let base = config.base_url.unwrap_or_else(|| hub.clone());
        let api = config.api_url.unwrap_or_else(|| {
            let default = if base == hub { "https://api.github.com".into() } else { below(&base, "/api/v3") };
            Url::parse(&default).expect("a path below an address")
        });
        common.check_url("base_url", &base, &mut wrongs);
        common.check_url("api_url", &api, &mut wrongs);
        let page = |path| Url::parse(&below(&base, path)).expect("a path below an address");
        wrongs.unless(|| Self {
            authorization: page("/login/oauth/authorize"),
            token: page("/login/oauth/access_token"),
            base: below(&base, ""),
            api: below(&api, ""),
            orgs: config.allowed_orgs.iter().map(|org| org.to_ascii_lowercase()).collect(),
            teams: config.allowed_teams.iter().map(|team| team.to_ascii_lowercase()).collect(),
            groups_from,
            common,
        })
    }

    async fn ask(&self, path: &str, token: &str) -> Result<HttpAnswer, ProviderError> {
        let url = Url::parse(&format!("{}{path}", self.api)).expect("a path below an address");
        line::get(&self.common.out, &url, Some(token)).await
    }

    /// The address that is primary and verified; no other one means anything (an unverified one may be anybody's).
    async fn email(&self, token: &str, when: When) -> Result<Option<Value>, ProviderError> {
        let answer = self.ask(&format!("/user/emails?per_page={PAGE}"), token).await?;
        match (answer.status(), when) {
            (StatusCode::NOT_FOUND, _) | (StatusCode::FORBIDDEN, When::SignIn) => return Ok(None),
            // Somebody's address does not go because an API has enough of us.
            (StatusCode::FORBIDDEN, When::Again) => return Err(hidden(when)),
            _ => {}
        }
        let listed = line::document(&answer, "/user/emails")?;
        let is_proof = |row: &&Value| row["primary"] == Value::Bool(true) && row["verified"] == Value::Bool(true);
        Ok(listed.as_array().and_then(|rows| rows.iter().find(is_proof)).map(|row| row["email"].clone()))
    }

    /// All entries of a list, page by page.
    async fn list(&self, path: &str, token: &str, when: When) -> Result<Vec<Value>, ProviderError> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let answer = self.ask(&format!("{path}?per_page={PAGE}&page={page}"), token).await?;
            if matches!(answer.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
                return Err(hidden(when));
            }
            let Value::Array(rows) = line::document(&answer, path)? else {
                return Err(ProviderError::Untrusted(format!("{path} is not a list")));
            };
            let is_last = rows.len() < PAGE;
            all.extend(rows);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    async fn orgs(&self, token: &str, when: When) -> Result<Vec<String>, ProviderError> {
        let rows = self.list("/user/orgs", token, when).await?;
        Ok(rows.iter().filter_map(|row| row["login"].as_str()).map(str::to_owned).collect())
    }

    async fn teams(&self, token: &str, when: When) -> Result<Vec<String>, ProviderError> {
        let rows = self.list("/user/teams", token, when).await?;
        let name = |row: &Value| Some(format!("{}/{}", row["organization"]["login"].as_str()?, row["slug"].as_str()?));
        Ok(rows.iter().filter_map(name).collect())
    }

    /// The groups, if the person is in what the section allows.
    async fn memberships(&self, token: &str, when: When) -> Result<Vec<String>, ProviderError> {
        let mut groups = Vec::new();
        if !self.orgs.is_empty() || self.groups_from == GroupsFrom::Orgs {
            let orgs = self.orgs(token, when).await?;
            is_in(&orgs, &self.orgs)?;
            if self.groups_from == GroupsFrom::Orgs {
                groups = orgs;
            }
        }
        if !self.teams.is_empty() || self.groups_from == GroupsFrom::Teams {
            let teams = self.teams(token, when).await?;
            is_in(&teams, &self.teams)?;
            if self.groups_from == GroupsFrom::Teams {
                groups = teams;
            }
        }
        Ok(groups)
    }
}

impl GitHub {
    fn counter(&self) -> Counter<'_> {
        Counter {
            common: &self.common,
            endpoint: &self.token,
            auth: ClientAuth::ClientSecretPost,
            lasts: true,
            from: self.grants_as(),
        }
    }

    /// Whom `/user` names, with all that has to be asked for apart from it.
    async fn identity(&self, answer: &HttpAnswer, tokens: Tokens, when: When) -> Result<Identity, ProviderError> {
        let mut person = line::document(answer, "/user")?;
        if !person["id"].is_u64() {
            return Err(ProviderError::Untrusted("/user has no id".into()));
        }
        let groups = self.memberships(&tokens.access, when).await?;
        let email = match self.common.trust {
            EmailTrust::Never => None,
            EmailTrust::Always | EmailTrust::Verified => self.email(&tokens.access, when).await?,
        };
        // The profile's own address is whatever the person wrote there.
        person["email_verified"] = email.is_some().into();
        person["email"] = email.unwrap_or_default();
        person["groups"] = groups.into();
        let identity = self.common.identity(&self.base, &[&person])?;
        Ok(Identity { grant: tokens.grant, ..identity })
    }
}

fn below(base: &Url, path: &str) -> String {
    format!("{}{path}", base.as_str().trim_end_matches('/'))
}

/// What it does not show: at a sign-in somebody can do something about it.
fn hidden(when: When) -> ProviderError {
    match when {
        When::SignIn => ProviderError::Refused("it does not let us see your organisations and teams".into()),
        When::Again => ProviderError::Untrusted("it does not show now what it showed at the sign-in".into()),
    }
}

/// An organisation that has not approved this application looks like one the person is not in.
fn is_in(have: &[String], allowed: &[String]) -> Result<(), ProviderError> {
    if allowed.is_empty() || have.iter().any(|one| allowed.contains(&one.to_ascii_lowercase())) {
        return Ok(());
    }
    Err(ProviderError::Refused(format!(
        "you are not a member of {}, or it has not approved this application",
        allowed.join(" or ")
    )))
}

#[async_trait]
impl Provider for GitHub {
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
        let is_ours = |iss: &str| iss == self.base || iss.strip_prefix(&self.base) == Some("/login/oauth");
        if callback.iss.as_deref().is_some_and(|iss| !is_ours(iss)) {
            return Err(ProviderError::Untrusted("the answer came from another issuer".into()));
        }
        let tokens = self.counter().exchange(handshake, &callback.code).await?;
        let answer = self.ask("/user", &tokens.access).await?;
        self.identity(&answer, tokens, When::SignIn).await
    }

    fn grants_as(&self) -> String {
        [&self.base, &self.api, &self.common.client_id].map(String::as_str).join("\n")
    }

    async fn renew(&self, grant: &Grant) -> Result<Tokens, ProviderError> {
        self.counter().renew(grant).await
    }

    async fn ask_again(&self, tokens: Tokens) -> Result<Identity, ProviderError> {
        let answer = self.ask("/user", &tokens.access).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Err(ProviderError::Refused("what it granted is not valid any more".into()));
        }
        self.identity(&answer, tokens, When::Again).await
    }

    async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        let url = Url::parse(&format!("{}/user", self.api)).expect("a path below an address");
        let answer = line::get(&self.common.out, &url, None).await?;
        Ok(vec![format!("the API at {} is there (status {} without a token)", self.api, answer.status().as_u16())])
    }
}
