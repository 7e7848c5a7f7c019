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

/// What an answer says that was found without asking these extensions about the token; `None` where there are none.
pub fn unasked(hooks: &[String]) -> Option<String> {
    let names: Vec<_> = hooks.iter().map(|id| format!("`{id}`")).collect();
    let (last, others) = names.split_last()?;
    let names = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
    Some(format!("Not asked here: {names}, which may still deny the token or add claims to it."))
}
