//! The command line.

mod serve;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One sign-in for everything you run: many ways in, one user, one short-lived signed token per service.
#[derive(Parser)]
#[command(name = "countersign", version)]
struct Cli {
    /// The file to read instead of ./providers.toml; may be given several times.
    #[arg(long, short, global = true, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    config: Vec<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server (this is what happens without a command).
    Serve(serve::Options),
}

/// Where a running server leaves its process id, in the data directory.
pub const PID_FILE: &str = "countersign.pid";

/// Why a command failed: what to say, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// For a person.
    pub message: String,
    /// 1 failure, 2 usage or validation, 3 not found, 75 temporary.
    pub code: u8,
}

impl Failure {
    /// A failure of ours.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new(message)
    }
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(serve::Options::default()));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::new(format!("the runtime cannot start: {error}"))),
    };
    let done = runtime.block_on(async {
        match command {
            Command::Serve(options) => serve::run(&cli.config, options).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

#[expect(clippy::print_stderr, reason = "this is what a command says to whoever typed it")]
fn report(failure: &Failure) -> ExitCode {
    eprintln!("{}", failure.message);
    ExitCode::from(failure.code)
}
