//! People made up for development: one click, no password, only in dev mode.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::keys::{LinkKey, SignupKey, Wrong, Wrongs, mistakes, rules};
use super::{Button, Callback, Handshake, Provider, ProviderError, Rules, Seed, Tokens};
use crate::config::Section;
use crate::domain::email::{Email, VerifiedEmail};
use crate::domain::identity::{Grant, Identity, Subject, display_name};
use crate::domain::user::Username;
use crate::plugin::{Kind, Tools};

/// `kind = "dev"`.
pub const KIND: Kind<dyn Provider> = Kind {
    name: "dev",
    schema: Config::json_schema,
    open: |section, tools| open(section, tools).map(|opened| Arc::new(opened) as Arc<dyn Provider>),
};

/// Where subjects of made-up people are unique.
const REALM: &str = "dev";

/// `[providers.*]` with `kind = "dev"`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The brand on the button. Default: `a test person`.
    pub name: Option<String>,
    /// What happens when the address is known already. Default: as `login.account_linking` says.
    #[serde(default)]
    pub link: LinkKey,
    /// Whether it may make new accounts. Default: as `login.signup` says.
    #[serde(default)]
    pub signup: SignupKey,
    /// The people. Default: Ada, an admin; Ben, a member; Eve, who is locked.
    pub users: Option<Vec<Person>>,
}

/// One made-up person.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name; each only once.
    pub name: String,
    /// The address.
    pub email: Option<String>,
    /// Whether the address counts as verified. Default: true.
    pub email_verified: Option<bool>,
    /// Roles beside the default ones.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Groups, kept as `provider:value`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether the person may not sign in.
    #[serde(default)]
    pub locked: bool,
    /// What else is said of the person, for rules.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
}

/// All made-up people.
#[derive(Debug)]
pub struct Dev {
    button: Button,
    rules: Rules,
    page: Url,
    people: Vec<Seed>,
}

fn open(section: &Section, tools: &Tools) -> Result<Dev, Vec<crate::config::Mistake>> {
    Dev::new(section.read()?, section.id(), tools).map_err(|wrong| mistakes(section, wrong))
}

fn usual_people() -> Vec<Person> {
    let person = |name: &str, email: &str| Person { name: name.into(), email: Some(email.into()), ..Person::default() };
    vec![
        Person { roles: vec!["admin".into()], ..person("Ada Admin", "ada@dev.test") },
        person("Ben Member", "ben@dev.test"),
        Person { locked: true, ..person("Eve Locked", "eve@dev.test") },
    ]
}

impl Dev {
    /// Checks the section.
    pub fn new(config: Config, id: &str, tools: &Tools) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Wrongs::default();
        if !tools.is_dev {
            wrongs.add("kind", "people without passwords exist in dev mode only");
        }
        let mut people: Vec<Seed> = Vec::new();
        for person in config.users.unwrap_or_else(usual_people) {
            match seed(person, id) {
                Ok(seed) if people.iter().any(|have| have.identity.subject == seed.identity.subject) => {
                    wrongs.add("users", format!("`{}` stands there twice", seed.identity.subject.subject));
                }
                Ok(seed) => people.push(seed),
                Err(why) => wrongs.add("users", why),
            }
        }
        let mut page = tools.issuer.clone();
        page.set_path(&format!("{}/dev/people/{id}", tools.issuer.path().trim_end_matches('/')));
        wrongs.unless(|| Self {
            button: Button { name: config.name.unwrap_or_else(|| "a test person".into()), icon: "dev" },
            rules: rules(config.link, config.signup),
            page,
            people,
        })
    }
}

fn seed(person: Person, id: &str) -> Result<Seed, String> {
    let Person { name, email, email_verified, roles, groups, locked, claims } = person;
    let claims = Some(claims.into_iter().collect());
    let Some(subject) = Subject::new(id, REALM, &name) else {
        return Err("everybody needs a name".into());
    };
    let email = match email {
        None => None,
        Some(raw) => Some(raw.parse::<Email>().map_err(|_| format!("`{raw}` is not an e-mail address"))?),
    };
    let username = Username::suggested(email.as_ref().map_or(name.as_str(), Email::local_part));
    let email = email.and_then(|email| VerifiedEmail::vouched(email, email_verified.unwrap_or(true)));
    let groups = groups.into_iter().map(|group| format!("{id}:{group}")).collect();
    let username = username.map(|username| username.as_str().to_owned());
    let identity = Identity {
        subject,
        email,
        name: display_name(&name),
        username,
        avatar_url: None,
        groups,
        says_mfa: false,
        claims,
        grant: None,
    };
    Ok(Seed { identity, roles, locked })
}

/// Why nobody asks again.
const NOTHING: &str = "people who are made up grant nothing";

#[async_trait]
impl Provider for Dev {
    fn button(&self) -> &Button {
        &self.button
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    async fn authorize_url(&self, handshake: &Handshake) -> Result<Url, ProviderError> {
        let mut page = self.page.clone();
        page.query_pairs_mut()
            .append_pair("state", &handshake.state)
            .append_pair("redirect_uri", handshake.redirect_uri.as_str());
        Ok(page)
    }

    async fn identify(&self, _: &Handshake, callback: &Callback) -> Result<Identity, ProviderError> {
        let chosen = callback.code.parse::<usize>().ok().and_then(|at| self.people.get(at));
        chosen.map(|seed| seed.identity.clone()).ok_or_else(|| ProviderError::Refused("there is no such person".into()))
    }

    fn grants_as(&self) -> String {
        String::new()
    }

    async fn renew(&self, _: &Grant) -> Result<Tokens, ProviderError> {
        Err(ProviderError::Refused(NOTHING.into()))
    }

    async fn ask_again(&self, _: Tokens) -> Result<Identity, ProviderError> {
        Err(ProviderError::Refused(NOTHING.into()))
    }

    async fn probe(&self) -> Result<Vec<String>, ProviderError> {
        Ok(vec![format!("{} made-up people", self.people.len())])
    }

    fn seeds(&self) -> Vec<Seed> {
        self.people.clone()
    }
}
