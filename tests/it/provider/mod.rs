//! Upstreams, honest and hostile.

mod again;
mod dev;
mod github;
mod google;
mod oauth2;
mod oidc;
mod oidc_hostile;
mod outage;

use std::sync::Arc;

use super::stage::clock::ManualClock;
use super::stage::internet::Internet;
use super::stage::upstream::{Script, Upstream};
use crate::clock::Clock;
use crate::config::{Mistake, Section};
use crate::domain::identity::Identity;
use crate::plugin::Tools;
use crate::provider::{Callback, Handshake, KINDS, Provider, ProviderError};

const HOST: &str = "sso.test";
const OIDC: &str = "kind = \"oidc\"\nname = \"SSO\"\nissuer = \"https://sso.test\"\nclient_id = \"client\"\nclient_secret = \"s3cret\"\n";

/// One upstream, an internet, a clock.
struct Play {
    clock: Arc<ManualClock>,
    internet: Internet,
    upstream: Upstream,
    tools: Tools,
}

impl Play {
    fn new() -> Self {
        let (clock, internet) = (Arc::new(ManualClock::new()), Internet::default());
        let upstream = Upstream::open(&internet, HOST, clock.now().unix_timestamp());
        let tools = Tools {
            clock: clock.clone(),
            net: internet.net(),
            issuer: "https://auth.test/".parse().unwrap(),
            is_dev: false,
            may_run_programs: false,
        };
        Self { clock, internet, upstream, tools }
    }

    fn try_open(&self, id: &str, text: &str) -> Result<Arc<dyn Provider>, Vec<Mistake>> {
        let section = Section::of_provider(id, text);
        let kind = KINDS.iter().find(|kind| kind.name == section.kind()).unwrap();
        (kind.open)(&section, &self.tools)
    }

    fn open(&self, id: &str, text: &str) -> Arc<dyn Provider> {
        self.try_open(id, text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    /// The usual OpenID section with `more` below it.
    fn oidc(&self, more: &str) -> Arc<dyn Provider> {
        self.open("sso", &format!("{OIDC}{more}"))
    }

    /// What is wrong with the section.
    fn wrong(&self, id: &str, text: &str) -> Vec<String> {
        let mistakes = self.try_open(id, text).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.message).collect()
    }

    /// Signs in at a new provider after the upstream was changed.
    async fn sign_in(&self, more: &str, change: impl FnOnce(&mut Script)) -> Result<Identity, ProviderError> {
        change(&mut self.upstream.script());
        sign_in(&*self.oidc(more)).await
    }
}

fn handshake() -> Handshake {
    Handshake {
        again: false,
        redirect_uri: "https://auth.test/auth/callback/sso".parse().unwrap(),
        state: "state-1".into(),
        nonce: "nonce-1".into(),
        verifier: "v".repeat(43),
    }
}

fn callback(iss: Option<&str>) -> Callback {
    Callback { code: "nonce-1".into(), iss: iss.map(str::to_owned) }
}

async fn sign_in(provider: &dyn Provider) -> Result<Identity, ProviderError> {
    provider.identify(&handshake(), &callback(None)).await
}

/// The reason of a `Untrusted`.
fn distrust<T: std::fmt::Debug>(outcome: Result<T, ProviderError>) -> String {
    match outcome {
        Err(ProviderError::Untrusted(reason)) => reason,
        other => panic!("believed or refused otherwise: {other:?}"),
    }
}

/// The reason of a `Refused`.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ProviderError>) -> String {
    match outcome {
        Err(ProviderError::Refused(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn query(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn email(identity: &Identity) -> Option<&str> {
    identity.email.as_ref().map(|email| email.address().as_str())
}
