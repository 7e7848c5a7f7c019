//! Who asks for a service token, and what they bring: a session, an API key, or a proof made just now.

use std::net::IpAddr;

use time::OffsetDateTime;

use super::{Holding, Keyed};
use crate::domain::claims::Sub;
use crate::domain::id::SessionId;
use crate::domain::proof::{self, Amr, Proof};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::Who;
use crate::permission::chain::Question;
use crate::store::live::Live;

/// How an API key stands in `allowed_providers`.
pub const API_KEY: &str = "api-key";

/// How somebody stands in questions to permission providers for whom a service asks. No provider has this id.
const VOUCHED: &str = "service";

/// Who asks for a service token.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    pub who: Who<'a>,
    /// The provider or method they came by, or [`API_KEY`].
    pub method: &'a str,
    /// What was proven; a key proves nothing about a person.
    pub amr: &'a [Amr],
    /// The session, if there is one.
    pub session: Option<SessionId>,
    /// When the person proved who they are.
    pub auth_time: Option<OffsetDateTime>,
    /// No token outlives this.
    pub ends: Option<OffsetDateTime>,
    /// Whether a service vouches for them: it has seen their token, and we have not.
    pub is_vouched: bool,
}

impl<'a> Claimant<'a> {
    /// Who has a session.
    pub fn of(live: &'a Live) -> Self {
        Self {
            who: Who::Person(&live.user),
            method: &live.method,
            amr: &live.amr,
            session: Some(live.id),
            auth_time: Some(live.auth_time),
            ends: Some(live.expires_at),
            is_vouched: false,
        }
    }

    /// Who has an API key: its person, or its service for itself.
    pub fn of_key(key: &'a Keyed) -> Self {
        let who = match &key.holder {
            Holding::User(user) => Who::Person(user),
            Holding::Service(id) => Who::Machine(id),
        };
        Self {
            who,
            method: API_KEY,
            amr: &[],
            session: None,
            auth_time: None,
            ends: Some(key.expires_at),
            is_vouched: false,
        }
    }

    /// Who has proven just now who they are, and gets no session for it.
    pub fn of_proof(user: &'a User, proof: &'a Proof, now: OffsetDateTime) -> Self {
        let who = Who::Person(user);
        Self {
            who,
            method: &proof.method,
            amr: &proof.amr,
            session: None,
            auth_time: Some(now),
            ends: None,
            is_vouched: false,
        }
    }

    /// Somebody for whom a service vouches: how they signed in, and how long ago, was asked when they got its token.
    pub fn vouched(who: Who<'a>) -> Self {
        Self { who, method: VOUCHED, amr: &[], session: None, auth_time: None, ends: None, is_vouched: true }
    }

    /// What the permission providers of the service are asked.
    pub fn question(&self, service: &'a Service, ip: Option<IpAddr>) -> Question<'a> {
        let is_multi_factor = proof::is_multi_factor(self.amr);
        Question { service, who: self.who, provider: self.method, ip, is_multi_factor }
    }

    /// Whom the token is about.
    pub fn sub(&self) -> Sub {
        match self.who {
            Who::Person(user) => Sub::User(user.id),
            Who::Machine(id) => Sub::Service(id.to_owned()),
        }
    }

    /// Whether it is a person, of whom more can be asked than a key.
    pub fn is_person(&self) -> bool {
        matches!(self.who, Who::Person(_))
    }
}
