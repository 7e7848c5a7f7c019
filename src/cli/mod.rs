//! The command line.

mod admin;
mod apikey;
mod audit;
mod ban;
mod config;
mod counter;
mod desk;
mod error;
mod hash_secret;
mod healthcheck;
mod import;
mod invitation;
mod key;
mod migrate;
mod permission;
mod permission_check;
mod plugin;
mod provider;
mod reload;
pub mod reloading;
mod role;
mod serve;
mod service;
mod session;
pub mod source;
mod user;
pub mod watch;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

pub use desk::Desk;

/// One sign-in for everything you run: many ways in, one user, one short-lived signed token per service.
#[derive(Parser)]
#[command(
    name = "countersign",
    version,
    after_help = "Examples:\n  countersign\n  countersign config check\n  countersign admin link"
)]
pub struct Cli {
    /// The file to read instead of ./providers.toml; may be given several times.
    #[arg(long, short, global = true, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub config: Vec<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server (this is what happens without a command).
    #[command(
        after_help = "Examples:\n  countersign serve\n  countersign serve --config /etc/countersign/providers.toml"
    )]
    Serve(serve::Options),
    /// Looks at the configuration.
    #[command(subcommand, after_help = "Example:\n  countersign config check --strict")]
    Config(config::Command),
    /// Lets the running server read its file again.
    #[command(after_help = "Example:\n  countersign reload")]
    Reload,
    /// Lets somebody become an administrator.
    #[command(subcommand, after_help = "Example:\n  countersign admin link")]
    Admin(admin::Command),
    /// Makes, shows and changes users.
    #[command(subcommand, after_help = "Example:\n  countersign user list --search ada")]
    User(user::Command),
    /// Says who may be what.
    #[command(subcommand, after_help = "Example:\n  countersign role grant ada editor")]
    Role(role::Command),
    /// Lists invitations and takes them back.
    #[command(subcommand, after_help = "Example:\n  countersign invitation list")]
    Invitation(invitation::Command),
    /// Makes, lists and revokes API keys.
    #[command(subcommand, after_help = "Example:\n  countersign apikey list --service wiki")]
    Apikey(apikey::Command),
    /// Lists and ends sessions.
    #[command(subcommand, after_help = "Example:\n  countersign session list ada")]
    Session(session::Command),
    /// Brings users from a file or from an older server; who is here already is not made twice.
    #[command(after_help = "Example:\n  countersign import users.csv --from csv --dry-run")]
    Import(import::Wanted),
    /// Lists what tokens are for.
    #[command(subcommand, after_help = "Example:\n  countersign service list")]
    Service(service::Command),
    /// Shows and changes the keys that sign tokens.
    #[command(subcommand, after_help = "Example:\n  countersign key list")]
    Key(key::Command),
    /// Shows and tries the providers people sign in with.
    #[command(subcommand, after_help = "Example:\n  countersign provider test google")]
    Provider(provider::Command),
    /// Tries what somebody may do.
    #[command(subcommand, after_help = "Example:\n  countersign permission test wiki --user ada@example.com")]
    Permission(permission::Command),
    /// Begins a permission provider of your own.
    #[command(subcommand, after_help = "Example:\n  countersign plugin new --lang python billing")]
    Plugin(plugin::Command),
    /// Shows what happened and who did it, and whether the record is still what was written.
    #[command(subcommand, after_help = "Example:\n  countersign audit search --target ada@example.com --since 7d")]
    Audit(audit::Command),
    /// Shows clients that failed too often, and lets them in again.
    #[command(subcommand, after_help = "Example:\n  countersign ban list")]
    Ban(ban::Command),
    /// Says what is known of the reference on an error page.
    #[command(after_help = "Example:\n  countersign error 0198c7c2-f3a4-7b4e-9d0a-5f6e7d8c9b0a")]
    Error(error::Options),
    /// Brings the database schema up to date.
    #[command(subcommand, after_help = "Example:\n  countersign migrate status")]
    Migrate(migrate::Command),
    /// Asks the running server whether it is ready; for containers.
    #[command(after_help = "Example:\n  countersign healthcheck || echo 'it is not'")]
    Healthcheck(healthcheck::Options),
    /// Prints the hash of a password, read from standard input, as it is kept here.
    #[command(after_help = "Example:\n  countersign hash-secret < secret")]
    HashSecret,
    /// Prints what a shell needs to complete commands.
    #[command(
        after_help = "Example:\n  countersign completions bash > ~/.local/share/bash-completion/completions/countersign"
    )]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// Where a running server leaves its process id, in the data directory.
pub const PID_FILE: &str = "countersign.pid";

/// Why a command failed: what to say, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// For a person; empty if the answer said it.
    pub message: String,
    /// 1 failure, 2 usage or validation, 3 not found, 4 needs confirmation.
    pub code: u8,
}

impl Failure {
    /// A failure of ours.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// What was asked for makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// What was asked for is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 3 }
    }

    /// It is not done before it is confirmed.
    pub fn unconfirmed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 4 }
    }

    /// The answer has said it all.
    pub fn said(code: u8) -> Self {
        Self { message: String::new(), code }
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let is_closed = (&error as &dyn std::error::Error)
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if is_closed {
            // Whoever read the answer has enough of it.
            return Self::said(0);
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_says = cause.to_string();
            if !message.ends_with(&cause_says) {
                message = format!("{message}: {cause_says}");
            }
            source = cause.source();
        }
        Self::new(message)
    }
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let mut cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::new(format!("the runtime cannot start: {error}"))),
    };
    let mut desk = Desk::real(std::mem::take(&mut cli.config));
    let done = runtime.block_on(perform(cli, &mut desk));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Runs one command at the desk, which has the files already.
#[expect(clippy::cognitive_complexity, reason = "a table of commands")]
pub async fn perform(cli: Cli, desk: &mut Desk) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Serve(serve::Options::default())) {
        Command::Serve(options) => Box::pin(serve::run(&desk.files, options)).await,
        Command::Config(command) => config::run(command, desk).await,
        Command::Reload => reload::run(desk).await,
        Command::Admin(command) => admin::run(command, desk).await,
        Command::User(command) => user::run(command, desk).await,
        Command::Role(command) => role::run(command, desk).await,
        Command::Invitation(command) => invitation::run(command, desk).await,
        Command::Apikey(command) => apikey::run(command, desk).await,
        Command::Session(command) => session::run(command, desk).await,
        Command::Service(command) => service::run(&command, desk),
        Command::Import(options) => import::run(options, desk).await,
        Command::Key(command) => key::run(command, desk).await,
        Command::Provider(command) => provider::run(command, desk).await,
        Command::Permission(command) => permission::run(command, desk).await,
        Command::Plugin(command) => plugin::run(command, desk),
        Command::Audit(command) => Box::pin(audit::run(command, desk)).await,
        Command::Ban(command) => ban::run(command, desk).await,
        Command::Error(options) => error::run(options, desk).await,
        Command::Migrate(command) => migrate::run(&command, desk).await,
        Command::Healthcheck(options) => healthcheck::run(options, desk).await,
        Command::HashSecret => hash_secret::run(desk).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "countersign", &mut desk.out);
            Ok(())
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is what a command says to whoever typed it")]
fn report(failure: &Failure) -> ExitCode {
    if !failure.message.is_empty() {
        eprintln!("{}", failure.message);
    }
    ExitCode::from(failure.code)
}
