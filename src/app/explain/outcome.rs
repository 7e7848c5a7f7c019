//! What comes of a question: a token, or what stands in its way.

use serde_json::Value;

use super::told::Sum;
use super::{Case, Explained, Query};
use crate::app::issue::with_own_claims;
use crate::app::{App, Claimant};
use crate::domain::id::SessionId;
use crate::domain::proof::Amr;
use crate::keys::TokenError;
use crate::permission::Who;
use crate::permission::chain::{ChainError, Granted};
use crate::rule::Facts;
use crate::store::StoreError;

impl App {
    /// The first thing that stands in the way of a token, in the order in which it is looked at.
    pub(super) async fn stands_against(
        &self,
        case: &Case<'_>,
        outcome: Result<Granted, ChainError>,
    ) -> Result<Result<Granted, String>, StoreError> {
        let (service, claimant) = (case.query.service, self.claimant(case));
        let entering = self.facts_for(service, &claimant).await?;
        if let Some(why) = self.turned_away_because(case, &claimant, entering.as_ref()) {
            return Ok(Err(why));
        }
        Ok(match outcome {
            Ok(granted) => Ok(with_own_claims(service, granted, entering.as_ref())),
            Err(ChainError::Denied { provider, message }) if message.is_empty() => {
                Err(format!("`{provider}` denies it"))
            }
            Err(ChainError::Denied { provider, message }) => {
                Err(format!("`{provider}` denies it: {}", message.trim_end_matches('.')))
            }
            Err(error @ ChainError::Unavailable { .. }) => Err(error.to_string()),
        })
    }

    /// What stands in the way whatever providers say.
    fn turned_away_because(
        &self,
        case: &Case<'_>,
        claimant: &Claimant<'_>,
        entering: Option<&Facts>,
    ) -> Option<String> {
        let Query { service, .. } = case.query;
        if !service.enabled {
            return Some("the service is not enabled".into());
        }
        if case.user.is_locked() {
            return Some("the account is locked".into());
        }
        if self.closed(&case.user).is_some() {
            return Some("the account leads nowhere for now: its address is not proven, or it is about to go".into());
        }
        self.missing(service, claimant, entering).first().map(|missing| missing.reason(service))
    }

    fn claimant<'a>(&self, case: &'a Case<'_>) -> Claimant<'a> {
        Claimant {
            who: Who::Person(&case.user),
            method: case.query.method,
            amr: if case.query.mfa { &[Amr::Pwd, Amr::Otp] } else { &[Amr::Pwd] },
            session: Some(SessionId::new()),
            auth_time: Some(self.now()),
            ends: None,
            is_vouched: false,
        }
    }

    pub(super) fn add_token(&self, case: &Case<'_>, granted: Granted, to: &mut Explained) -> Result<(), TokenError> {
        let token = self.service_token(case.query.service, &self.claimant(case), &granted, self.now())?;
        to.payload = payload(&token);
        to.size = Some(token.len());
        to.token = Some(token);
        let Granted { permissions, limits, claims, .. } = granted;
        to.granted = Some(Sum { permissions, limits, claims });
        Ok(())
    }
}

/// What a token of ours says.
fn payload(token: &str) -> Option<Value> {
    use base64::Engine as _;
    let middle = token.split('.').nth(1)?;
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).ok()?).ok()
}
