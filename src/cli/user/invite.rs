//! `user invite`.

use clap::Args;
use time::Duration;

use super::change::known_roles;
use crate::account::inviting::Invite;
use crate::cli::counter::{Counter, Manner};
use crate::cli::desk::plain;
use crate::cli::{Desk, Failure};

/// Whom to invite.
#[derive(Args)]
pub struct Invited {
    /// Their address.
    email: String,
    /// A role, beside the default ones; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The service they go to first.
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// For how many days the link works.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..=30))]
    days: u8,
    #[command(flatten)]
    manner: Manner,
}

/// Invites.
pub async fn invite(options: Invited, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let app = &counter.app;
    let complaint = || Failure::usage(format!("`{}` is not an e-mail address", plain(&options.email)));
    let email = options.email.parse().map_err(|_| complaint())?;
    if let Some(id) = options.service.as_deref().filter(|id| app.service(id).is_none()) {
        return Err(Failure::usage(format!("there is no service `{}`", plain(id))));
    }
    let roles = known_roles(app, options.roles)?;
    let invite = Invite { email, roles, service: options.service, lasts: Duration::days(options.days.into()) };
    let manner = options.manner;
    let made = app.invite_with(&counter.accounts(manner), counter.by(), invite).await?;
    if manner.dry_run {
        let email = &made.invitation.email;
        return manner.report(desk, &format!("{email} would be invited"), serde_json::json!({ "email": email }));
    }
    if manner.json {
        return desk.json(&serde_json::json!({ "invitation": made.invitation, "link": made.link }));
    }
    desk.say(made.link)?;
    desk.hint("The link is mailed as well; it works once.")
}
