//! `permission test`: what a service's permission providers say about somebody, and the token that would come of it.

mod fixtures;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{or_dash, patiently, plain};
use super::user::find;
use super::{Desk, Failure, permission_check};
use crate::app::{App, may_enter};
use crate::domain::permission::{Decision, Pattern, Permissions, Verdict};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::chain::{ChainError, Granted, Question, Step};

/// What can be done about permissions.
#[derive(Subcommand)]
pub enum Command {
    /// Asks every permission provider of the service, then shows the token that would be issued.
    #[command(after_help = "Example:\n  countersign permission test wiki --user ada@example.com")]
    Test(Test),
    /// Says whether somebody may do something to an item, as /auth/access would.
    #[command(
        after_help = "Example:\n  countersign permission check wiki --user ada --do edit --type page --owner ada"
    )]
    Check(permission_check::Check),
    /// Says whether a value is within somebody's limit, as /auth/limit would.
    #[command(after_help = "Example:\n  countersign permission limit wiki uploads_per_day 17 --user ada")]
    Limit(permission_check::Limit),
}

/// What is tested.
#[derive(Args)]
pub struct Test {
    /// The service's id.
    #[arg(required_unless_present = "all")]
    service: Option<String>,
    /// An id, an address or a username.
    #[arg(long, value_name = "WHO", required_unless_present = "all")]
    user: Option<String>,
    /// The provider or method they would have signed in with.
    #[arg(long, value_name = "ID", default_value = "password")]
    method: String,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Tests")]
    fixtures: fixtures::Options,
}

/// What came of it.
struct Tested {
    steps: Vec<Step>,
    outcome: Result<(Granted, String), String>,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let options = match command {
        Command::Test(options) => options,
        Command::Check(options) => return permission_check::check(options, desk).await,
        Command::Limit(options) => return permission_check::limit(options, desk).await,
    };
    let (Some(id), Some(who), false) = (&options.service, &options.user, options.fixtures.all) else {
        return fixtures::run(&options.fixtures, desk).await;
    };
    desk.world.may_run_programs = options.fixtures.allow_exec;
    let app = desk.app().await?;
    let Some(service) = app.settings.services.iter().find(|service| service.id == *id) else {
        let known: Vec<_> = app.settings.services.iter().map(|service| service.id.as_str()).collect();
        let message = format!("there is no service `{id}`; there are: {}", known.join(", "));
        return Err(Failure::not_found(message));
    };
    let user = find(&app, who).await?;
    let tested = test(&app, service, &user, &options.method).await?;
    if options.json {
        desk.json(&as_json(service, &user, &tested))?;
    } else {
        show(service, &user, &tested, desk)?;
    }
    if tested.outcome.is_ok() { Ok(()) } else { Err(Failure::said(1)) }
}

async fn test(app: &App, service: &Service, user: &User, method: &str) -> Result<Tested, Failure> {
    let (steps, granted) = patiently(
        "asking",
        app.chain.trace(&Question { service, who: user.into(), provider: method, ip: None, is_multi_factor: false }),
    )
    .await;
    let outcome = if !service.enabled {
        Err("the service is not enabled".to_owned())
    } else if user.is_locked() {
        Err("the account is locked".to_owned())
    } else if !may_enter(service, &user.roles) {
        Err(format!("none of the roles that `{}` asks for: {}", service.id, service.allowed_roles.join(", ")))
    } else {
        match granted {
            Ok(granted) => {
                let token = app.sample_token(service, user.clone(), &granted)?;
                Ok((granted, token))
            }
            Err(ChainError::Denied { provider, message }) => Err(match message.as_str() {
                "" => format!("`{provider}` denies it"),
                said => format!("`{provider}` denies it: {}", plain(said)),
            }),
            Err(error @ ChainError::Unavailable { .. }) => Err(plain(&error.to_string())),
        }
    };
    Ok(Tested { steps, outcome })
}

fn show(service: &Service, user: &User, tested: &Tested, desk: &mut Desk) -> Result<(), Failure> {
    desk.say(format!("{} in `{}`\n", plain(&user.shown_name()), service.id))?;
    let rows: Vec<_> = tested.steps.iter().map(row).collect();
    if rows.is_empty() {
        desk.say("The service has no permission provider.")?;
    } else {
        desk.table(["PROVIDER", "DECISION", "TIME", "PERMISSIONS", "REASON"], &rows)?;
    }
    let (granted, token) = match &tested.outcome {
        Ok(outcome) => outcome,
        Err(refusal) => return desk.say(format!("\nNo token: {refusal}.")),
    };
    desk.say(format!("\nPermissions  {}", names(&granted.permissions)))?;
    for (what, values) in [("Limits", &granted.limits), ("Claims", &granted.claims)] {
        if !values.is_empty() {
            desk.say(format!("{what:<11}  {}", serde_json::to_string(values)?))?;
        }
    }
    desk.say(format!("Token        {} bytes\n\n{token}\n", token.len()))?;
    desk.json(&payload(token))
}

fn row(step: &Step) -> [String; 5] {
    let time = format!("{:.1} ms", step.took.as_secs_f64() * 1000.0);
    let (decision, permissions, reason) = match &step.answer {
        Ok(decision) => {
            let reason =
                [decision.reason.as_str(), decision.message.as_str()].into_iter().find(|text| !text.is_empty());
            (verdict(decision), said(decision), or_dash(reason))
        }
        Err(error) => ("failed", "–".to_owned(), plain(&error.to_string())),
    };
    [step.provider.clone(), decision.to_owned(), time, permissions, reason]
}

fn verdict(decision: &Decision) -> &'static str {
    match decision.verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::Abstain => "abstain",
    }
}

/// What one provider says, with the names it takes from everybody else.
fn said(decision: &Decision) -> String {
    let denied = decision.denied.iter().map(|pattern| format!("-{}", pattern.as_str()));
    let all: Vec<_> = marked(&decision.permissions).chain(denied).collect();
    or_dash(Some(&all.join(" ")))
}

fn names(permissions: &Permissions) -> String {
    or_dash(Some(&marked(permissions).collect::<Vec<_>>().join(" ")))
}

fn marked(permissions: &Permissions) -> impl Iterator<Item = String> {
    permissions.iter().map(|(name, granted)| format!("{}{name}", if *granted { "+" } else { "-" }))
}

/// What a token of ours says.
fn payload(token: &str) -> Value {
    let middle = token.split('.').nth(1).and_then(|middle| URL_SAFE_NO_PAD.decode(middle).ok());
    middle.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn as_json(service: &Service, user: &User, tested: &Tested) -> Value {
    let step = |step: &Step| {
        let mut told = json!({
            "provider": step.provider,
            "took_ms": step.took.as_secs_f64() * 1000.0,
            "is_remembered": step.is_remembered,
        });
        match &step.answer {
            Ok(decision) => {
                told["decision"] = verdict(decision).into();
                told["permissions"] = json!(decision.permissions);
                told["denied"] = decision.denied.iter().map(Pattern::as_str).collect();
                told["reason"] = decision.reason.as_str().into();
                told["message"] = decision.message.as_str().into();
            }
            Err(error) => {
                told["decision"] = "failed".into();
                told["error"] = error.to_string().into();
            }
        }
        told
    };
    let mut told = json!({
        "service": service.id,
        "user": user.id,
        "steps": tested.steps.iter().map(step).collect::<Vec<_>>(),
    });
    match &tested.outcome {
        Ok((granted, token)) => {
            told["granted"] =
                json!({ "permissions": granted.permissions, "limits": granted.limits, "claims": granted.claims });
            told["token"] = token.as_str().into();
            told["payload"] = payload(token);
            told["size"] = token.len().into();
        }
        Err(refusal) => told["refusal"] = refusal.as_str().into(),
    }
    told
}
