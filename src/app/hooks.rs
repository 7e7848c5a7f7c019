//! What extensions say of a service token before it is signed.

use super::{App, Claimant};
use crate::domain::service::Service;
use crate::extension::decide::{About, Moment, Question, Stopped};
use crate::permission::Who;
use crate::permission::chain::Granted;

impl App {
    /// Asks whoever wants to be asked about tokens; what they add stands behind what the chain says, and changes none of it.
    pub(super) async fn ask_before_signing(
        &self,
        service: &Service,
        claimant: &Claimant<'_>,
        granted: &mut Granted,
    ) -> Result<(), Stopped> {
        if !self.hooks.hear(Moment::TokenIssuing) {
            return Ok(());
        }
        for (name, claim) in self.accounts.ask(&self.about_token(service, claimant)).await? {
            if !service.says(&name) {
                granted.claims.entry(name).or_insert(claim);
            }
        }
        Ok(())
    }

    /// What they are asked about a token.
    pub fn about_token<'a>(&self, service: &'a Service, claimant: &Claimant<'a>) -> Question<'a> {
        let about = match claimant.who {
            Who::Person(user) => About::User(user),
            Who::Machine(id) => About::Machine(id),
        };
        let (moment, at) = (Moment::TokenIssuing, self.now());
        Question { moment, about, method: claimant.method, service: Some(&service.id), at }
    }
}
