//! `user refresh`: asks the providers of somebody at once what they say now.

use clap::Args;
use serde_json::json;

use super::{Who, find};
use crate::app::vouching::Vouched;
use crate::cli::desk::{or_dash, plain};
use crate::cli::{Desk, Failure};
use crate::domain::identity::Subject;

/// About whom.
#[derive(Args)]
pub struct Refresh {
    #[command(flatten)]
    who: Who,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn refresh(options: Refresh, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    let user = find(&app, &options.who.who).await?;
    let asked = app.ask_again_about(&user).await?;
    let user = app.store().user(user.id).await?.unwrap_or(user);
    if options.json {
        let told = |vouched: &Vouched| match vouched {
            Vouched::Again => ("vouches", None),
            Vouched::Withdrawn(why) => ("withdrawn", Some(why.clone())),
            Vouched::Unsaid(why) => ("failed", Some(why.clone())),
            Vouched::Foreign => ("forgotten", None),
            Vouched::Overtaken => ("overtaken", None),
        };
        let row = |(subject, vouched): &(Subject, Vouched)| {
            let (outcome, reason) = told(vouched);
            json!({ "provider": subject.provider, "subject": subject.subject, "outcome": outcome, "reason": reason })
        };
        let asked: Vec<_> = asked.iter().map(row).collect();
        return desk.json(&json!({ "id": user.id, "asked": asked, "roles": user.roles, "groups": user.groups }));
    }
    if asked.is_empty() {
        let why = "nobody can be asked about them: a provider grants that at a sign-in, where its section says `store_tokens`";
        return Err(Failure::not_found(why));
    }
    for (subject, vouched) in &asked {
        let provider = &subject.provider;
        desk.say(match vouched {
            Vouched::Again => format!("{provider} vouches for {} as before", plain(&subject.subject)),
            Vouched::Withdrawn(why) => format!("{provider} does not vouch any more: {}", plain(why)),
            Vouched::Unsaid(why) => format!("{provider} gave no answer that counts: {}", plain(why)),
            Vouched::Foreign => {
                format!("{provider} has another issuer or client now: what was granted before is forgotten")
            }
            Vouched::Overtaken => format!("{provider} is being asked, or they have just signed in by it"),
        })?;
    }
    desk.say(format!("Roles   {}", or_dash(Some(&user.roles.join(", ")))))?;
    desk.say(format!("Groups  {}", or_dash(Some(&user.groups.join(", ")))))
}
