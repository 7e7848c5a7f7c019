//! `user`: who has an account.

mod change;
mod listed;

use clap::{Args, Subcommand};

use super::{Desk, Failure};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::id::UserId;
use crate::domain::user::User;

/// What can be done about users.
#[derive(Subcommand)]
pub enum Command {
    /// Makes a user. Without a password they sign in by mail, or with a provider that vouches for their address.
    #[command(
        after_help = "Example:\n  countersign user add --email ada@example.com --name Ada --role admin --password-stdin < secret"
    )]
    Add(Add),
    /// Lists users, the oldest first.
    #[command(after_help = "Example:\n  countersign user list --search example.com --json")]
    List(List),
    /// Shows one user and their ways to sign in.
    #[command(after_help = "Example:\n  countersign user show ada@example.com")]
    Show(Show),
    /// Locks a user out; every session of theirs ends at once.
    #[command(after_help = "Example:\n  countersign user lock ada")]
    Lock(Who),
    /// Lets a locked user in again.
    #[command(after_help = "Example:\n  countersign user unlock ada")]
    Unlock(Who),
    /// Deletes a user and everything that is theirs.
    #[command(after_help = "Example:\n  countersign user delete usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a --yes")]
    Delete(Delete),
    /// Lists a user's sessions, or ends them.
    #[command(after_help = "Example:\n  countersign user sessions ada --end-all")]
    Sessions(Sessions),
}

/// One user.
#[derive(Args)]
pub struct Who {
    /// An id, an address or a username.
    who: String,
}

/// A new user.
#[derive(Args)]
pub struct Add {
    /// Their address.
    #[arg(long)]
    email: String,
    /// What to call them.
    #[arg(long)]
    name: Option<String>,
    /// Their username; made of the address unless given.
    #[arg(long)]
    username: Option<String>,
    /// A role, beside the default ones; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Nobody has seen to it that the address is theirs.
    #[arg(long)]
    unverified: bool,
    /// Takes the password from standard input: one line, asked for on a terminal.
    #[arg(long)]
    password_stdin: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Which users are listed.
#[derive(Args)]
pub struct List {
    /// Only those whose name, username or address holds the text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// Only those after this user: the last one of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<UserId>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// How a user is shown.
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    who: Who,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Who is deleted.
#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    who: Who,
    /// Deletes without asking; there is no way back.
    #[arg(long)]
    yes: bool,
}

/// Whose sessions, and what becomes of them.
#[derive(Args)]
pub struct Sessions {
    #[command(flatten)]
    who: Who,
    /// Ends all of them.
    #[arg(long)]
    end_all: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    match command {
        Command::Add(options) => change::add(&app, options, desk).await,
        Command::List(options) => listed::list(&app, &options, desk).await,
        Command::Show(options) => listed::show(&app, &find(&app, &options.who.who).await?, options.json, desk).await,
        Command::Lock(who) => change::set_locked(&app, &find(&app, &who.who).await?, true, desk).await,
        Command::Unlock(who) => change::set_locked(&app, &find(&app, &who.who).await?, false, desk).await,
        Command::Delete(options) => change::delete(&app, &find(&app, &options.who.who).await?, options.yes, desk).await,
        Command::Sessions(options) => sessions(&app, &options, desk).await,
    }
}

async fn sessions(app: &App, options: &Sessions, desk: &mut Desk) -> Result<(), Failure> {
    let user = find(app, &options.who.who).await?;
    if options.end_all {
        change::end_sessions(app, &user, options.json, desk).await
    } else {
        listed::sessions(app, &user, options.json, desk).await
    }
}

/// The user with this id, address or username.
pub async fn find(app: &App, who: &str) -> Result<User, Failure> {
    let found = if let Ok(id) = who.parse::<UserId>() {
        app.store().user(id).await?
    } else if let Ok(email) = who.parse::<Email>() {
        app.store().user_by_email(&email).await?
    } else {
        app.store().user_by_username(who).await?
    };
    found.ok_or_else(|| Failure::not_found(format!("there is no user `{}`", super::desk::plain(who))))
}
