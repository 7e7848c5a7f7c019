//! `permission test`: what each provider says, and the token that would come of it.

use serde_json::json;

use super::{Asked, fixtures, marked, milliseconds};
use crate::app::explain::{Explained, Told};
use crate::app::hooks::unasked;
use crate::cli::desk::{or_dash, plain};
use crate::cli::{Desk, Failure};

/// Runs the command.
pub async fn run(options: &Asked, desk: &mut Desk) -> Result<(), Failure> {
    let (Some(service), Some(user), false) = (&options.service, &options.user, options.fixtures.all) else {
        desk.world.may_run_programs = options.manner.allow_exec;
        return fixtures::run(&options.fixtures, desk).await;
    };
    let app = options.manner.app(desk).await?;
    let explained = options.manner.explained(&app, (service, user), None).await?;
    if options.json {
        let mut told = serde_json::to_value(&explained)?;
        if let Some(token) = &explained.token {
            told["token"] = json!(token);
        }
        desk.json(&told)?;
    } else {
        show(&explained, desk)?;
    }
    if explained.token.is_some() { Ok(()) } else { Err(Failure::said(1)) }
}

fn show(explained: &Explained, desk: &mut Desk) -> Result<(), Failure> {
    desk.say(format!("{} in `{}`\n", plain(&explained.name), explained.service))?;
    let rows: Vec<_> = explained.steps.iter().map(row).collect();
    if rows.is_empty() {
        desk.say("The service has no permission provider.")?;
    } else {
        desk.table(["PROVIDER", "DECISION", "TIME", "PERMISSIONS", "REASON"], &rows)?;
    }
    let (Some(granted), Some(token)) = (&explained.granted, &explained.token) else {
        let why = explained.refusal.as_deref().unwrap_or_default();
        return desk.say(format!("\nNo token: {}.", plain(why)));
    };
    let names = or_dash(Some(&marked(&granted.permissions).collect::<Vec<_>>().join(" ")));
    desk.say(format!("\nPermissions  {names}"))?;
    for (what, values) in [("Limits", &granted.limits), ("Claims", &granted.claims)] {
        if !values.is_empty() {
            desk.say(format!("{what:<11}  {}", serde_json::to_string(values)?))?;
        }
    }
    if let Some(sentence) = unasked(&explained.hooks_not_asked) {
        desk.say(format!("Extensions   {sentence}"))?;
    }
    desk.say(format!("Revocation   {}", explained.revocation))?;
    desk.say(format!("Token        {} bytes\n\n{token}\n", token.len()))?;
    desk.json(&explained.payload)
}

fn row(step: &Told) -> [String; 5] {
    let denied = step.denied.iter().map(|name| format!("-{name}"));
    let all: Vec<_> = marked(&step.permissions).chain(denied).collect();
    let reason = match &step.error {
        Some(error) => plain(error),
        None => or_dash([step.reason.as_str(), step.message.as_str()].into_iter().find(|text| !text.is_empty())),
    };
    let decision = if step.observe { format!("({})", step.decision) } else { step.decision.to_owned() };
    [step.provider.clone(), decision, milliseconds(step.took_ms), or_dash(Some(&all.join(" "))), reason]
}
