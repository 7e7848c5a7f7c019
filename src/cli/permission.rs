//! `permission`: what somebody may do in a service, why, and what another file would change about it.

mod bench;
mod diff;
mod explain;
pub mod fixtures;
mod flush;
mod replay;
mod shadow;
mod test;

use clap::{Args, Subcommand};

use super::desk::{patiently, plain};
use super::user::find;
use super::{Desk, Failure, permission_check};
use crate::app::App;
use crate::app::explain::{ExplainError, Explained, Query, Senseless};
use crate::config::Section;
use crate::domain::permission::Permissions;
use crate::domain::service::Service;
use crate::domain::user::User;

/// What can be done about permissions.
#[derive(Subcommand)]
pub enum Command {
    /// Asks every permission provider of the service, then shows the token that would be issued.
    #[command(after_help = "Example:\n  countersign permission test wiki --user ada@example.com --mfa --role editor")]
    Test(Asked),
    /// Says why somebody has a permission or not: which provider, which rule, which role.
    #[command(after_help = "Example:\n  countersign permission explain wiki page:edit --user ada@example.com")]
    Explain(explain::Options),
    /// Shows whose permissions another file would change; exits with 1 if anybody's.
    #[command(after_help = "Example:\n  countersign permission diff wiki --with new.toml --sample 1000")]
    Diff(diff::Options),
    /// Asks again and again, with nothing remembered, and shows how long each provider takes.
    #[command(after_help = "Example:\n  countersign permission bench wiki --user ada@example.com --requests 1000")]
    Bench(bench::Options),
    /// Lets every server forget what permission providers said, before its time.
    #[command(after_help = "Example:\n  countersign permission flush wiki --user ada@example.com")]
    Flush(flush::Options),
    /// Asks a provider again what it was asked lately, and shows what it says differently now; exits with 1 if anything.
    #[command(after_help = "Example:\n  countersign permission replay directory --json")]
    Replay(replay::Options),
    /// Shows what a provider that only runs beside the others would change.
    #[command(after_help = "Example:\n  countersign permission shadow trial --json")]
    Shadow(shadow::Options),
    /// Says whether somebody may do something to an item, as /auth/access would.
    #[command(
        after_help = "Example:\n  countersign permission check wiki --user ada --do edit --type page --visibility public"
    )]
    Check(permission_check::Check),
    /// Says whether a value is within somebody's limit, as /auth/limit would.
    #[command(after_help = "Example:\n  countersign permission limit wiki uploads_per_day 17 --user ada")]
    Limit(permission_check::Limit),
}

/// Who is asked about, and as what.
#[derive(Args)]
pub struct Asked {
    /// The service's id.
    #[arg(required_unless_present = "all")]
    service: Option<String>,
    /// An id, an address or a username.
    #[arg(long, value_name = "WHO", required_unless_present = "all")]
    user: Option<String>,
    #[command(flatten)]
    manner: Asking,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Tests")]
    fixtures: fixtures::Options,
}

/// How they are asked about.
#[derive(Args)]
pub struct Asking {
    /// The provider or method they would have signed in with.
    #[arg(long, value_name = "ID", default_value = "password")]
    method: String,
    /// As if they had proven more than one factor.
    #[arg(long)]
    mfa: bool,
    /// As if they had this role, too; may be given several times.
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// Lets permission providers of kind `exec` run their programs.
    #[arg(long)]
    allow_exec: bool,
}

impl Asking {
    /// Opens the broker of the files, whose providers may do what was allowed.
    async fn app(&self, desk: &mut Desk) -> Result<App, Failure> {
        desk.world.may_run_programs = self.allow_exec;
        desk.app().await
    }

    fn query<'a>(&'a self, service: &'a Service, user: &'a User, permission: Option<&'a str>) -> Query<'a> {
        Query { service, user, method: &self.method, mfa: self.mfa, roles: &self.role, permission }
    }

    async fn explained(
        &self,
        app: &App,
        (service, who): (&str, &str),
        permission: Option<&str>,
    ) -> Result<Explained, Failure> {
        let service = known(app, service)?;
        let user = find(app, who).await?;
        let explained = patiently("asking", app.explain(&self.query(service, &user, permission))).await;
        explained.map_err(failed)
    }
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::Test(options) => test::run(&options, desk).await,
        Command::Explain(options) => explain::run(&options, desk).await,
        Command::Diff(options) => diff::run(&options, desk).await,
        Command::Bench(options) => bench::run(&options, desk).await,
        Command::Flush(options) => flush::run(&options, desk).await,
        Command::Replay(options) => replay::run(&options, desk).await,
        Command::Shadow(options) => shadow::run(&options, desk).await,
        Command::Check(options) => permission_check::check(options, desk).await,
        Command::Limit(options) => permission_check::limit(options, desk).await,
    }
}

fn failed(error: ExplainError) -> Failure {
    match error {
        ExplainError::Senseless(why) => senseless(why),
        error => error.into(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over")]
fn senseless(why: Senseless) -> Failure {
    Failure::usage(plain(&why.to_string()))
}

/// The service with this id, also if it is switched off.
fn known<'a>(app: &'a App, id: &str) -> Result<&'a Service, Failure> {
    app.settings.service(id).ok_or_else(|| {
        let known: Vec<_> = app.settings.services.iter().map(|service| service.id.as_str()).collect();
        Failure::not_found(format!("there is no service `{}`; there are: {}", plain(id), known.join(", ")))
    })
}

/// Whether the permission provider with this id only observes; a failure if there is none.
fn provider(app: &App, id: &str) -> Result<bool, Failure> {
    app.observes(id).ok_or_else(|| {
        let known: Vec<_> = app.settings.permissions.iter().map(Section::id).collect();
        let message = format!("there is no permission provider `{}`; there are: {}", plain(id), known.join(", "));
        Failure::not_found(message)
    })
}

/// Each name with a sign: granted or denied.
fn marked(permissions: &Permissions) -> impl Iterator<Item = String> {
    permissions.iter().map(|(name, granted)| format!("{}{name}", if *granted { "+" } else { "-" }))
}

/// A time as people compare it.
fn milliseconds(took: f64) -> String {
    format!("{took:.1} ms")
}
