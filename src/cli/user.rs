//! `user`: who has an account.

mod change;
mod edit;
mod invite;
mod listed;
mod merge;
mod refresh;

use clap::{Args, Subcommand};

use super::counter::Manner;
use super::{Desk, Failure};
use crate::app::App;
use crate::domain::id::SessionId;
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
    /// Changes name, username, picture, attributes, or whether the address counts as proven.
    #[command(after_help = "Example:\n  countersign user edit ada --name Countess --extra {\"team\":\"engines\"}")]
    Edit(edit::Edit),
    /// Locks a user out; every session of theirs ends at once, their roles stay for the day they come back.
    #[command(after_help = "Example:\n  countersign user lock ada")]
    Lock(Deed),
    /// Lets a locked user in again, as they were.
    #[command(after_help = "Example:\n  countersign user unlock ada")]
    Unlock(Deed),
    /// Notes that a user's address is theirs.
    #[command(after_help = "Example:\n  countersign user verify ada@example.com")]
    Verify(Deed),
    /// Deletes a user and everything that is theirs, at once and for good.
    #[command(
        visible_alias = "erase",
        after_help = "Example:\n  countersign user delete usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a --yes"
    )]
    Delete(Delete),
    /// Makes two accounts of one person one; for 14 days they can be parted again.
    #[command(after_help = "Example:\n  countersign user merge old@example.com --into ada --dry-run")]
    Merge(merge::Merge),
    /// Parts two accounts that were merged.
    #[command(after_help = "Example:\n  countersign user unmerge usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a")]
    Unmerge(merge::Unmerge),
    /// Takes an identity from a user: they cannot sign in with it any more.
    #[command(after_help = "Example:\n  countersign user unlink ada --provider google")]
    Unlink(edit::Unlink),
    /// Asks the providers of a user what they say now: name, groups, and the roles that follow. Each is asked once a day by itself,
    /// where its section says `store_tokens`.
    #[command(after_help = "Example:\n  countersign user refresh ada")]
    Refresh(refresh::Refresh),
    /// Mails a user the link that sets another password; the one they have stays until they use it.
    #[command(after_help = "Example:\n  countersign user reset ada --print")]
    Reset(Reset),
    /// Takes all second factors and passkeys from somebody who has lost them; they are told by mail.
    #[command(after_help = "Example:\n  countersign user reset-factors ada --dry-run")]
    ResetFactors(Deed),
    /// Prints everything that is kept of a user, as JSON: their copy.
    #[command(after_help = "Example:\n  countersign user export ada > ada.json")]
    Export(Who),
    /// Invites somebody by mail, and prints the link.
    #[command(after_help = "Example:\n  countersign user invite ada@example.com --role editor")]
    Invite(invite::Invited),
    /// Lists a user's sessions, or ends them.
    #[command(after_help = "Example:\n  countersign user sessions ada --end-all")]
    Sessions(Sessions),
    /// Ends all sessions of a user, or one.
    #[command(after_help = "Example:\n  countersign user kill-sessions ada")]
    KillSessions(KillSessions),
}

/// How many users are listed unless it is said.
const LISTED: u64 = 100;

/// One user.
#[derive(Args)]
pub struct Who {
    /// An id, an address or a username.
    pub who: String,
}

/// A change to one user.
#[derive(Args)]
pub struct Deed {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    manner: Manner,
}

/// Who chooses another password.
#[derive(Args)]
pub struct Reset {
    #[command(flatten)]
    who: Who,
    /// Prints the link instead of mailing it: whoever has it sets the password.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    manner: Manner,
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
    #[command(flatten)]
    manner: Manner,
}

/// Which users are listed.
#[derive(Args, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the switches of the command")]
pub struct List {
    /// Only those whose address, username, name, or name behind its first space begins with the text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those with this role.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only those who are locked.
    #[arg(long)]
    locked: bool,
    /// Only those whose address is not proven.
    #[arg(long)]
    unverified: bool,
    /// Only those who can sign in with this provider.
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Only those who have never signed in.
    #[arg(long)]
    never_signed_in: bool,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = LISTED, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// Only those after this place: a user's id, or what the page before said.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
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
    #[command(flatten)]
    manner: Manner,
}

/// Whose sessions, and what becomes of them.
#[derive(Args)]
pub struct Sessions {
    #[command(flatten)]
    who: Who,
    /// Ends all of them.
    #[arg(long)]
    end_all: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Whose sessions end.
#[derive(Args)]
pub struct KillSessions {
    #[command(flatten)]
    who: Who,
    /// Only this one.
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
#[expect(clippy::cognitive_complexity, reason = "a table of commands")]
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    match command {
        Command::Add(options) => change::add(&desk.app().await?, options, desk).await,
        Command::List(options) => listed::list(&desk.app().await?, &options, desk).await,
        Command::Show(options) => {
            let app = desk.app().await?;
            listed::show(&app, &find(&app, &options.who.who).await?, options.json, desk).await
        }
        Command::Edit(options) => edit::edit(options, desk).await,
        Command::Lock(who) => change::set_locked(who, true, desk).await,
        Command::Unlock(who) => change::set_locked(who, false, desk).await,
        Command::Verify(who) => change::verify(who, desk).await,
        Command::Delete(options) => change::delete(options, desk).await,
        Command::Merge(options) => merge::merge(options, desk).await,
        Command::Unmerge(options) => merge::unmerge(options, desk).await,
        Command::Refresh(options) => refresh::refresh(options, desk).await,
        Command::Reset(options) => change::reset(options, desk).await,
        Command::ResetFactors(who) => change::reset_factors(who, desk).await,
        Command::Export(who) => change::export(&who.who, desk).await,
        Command::Invite(options) => invite::invite(options, desk).await,
        Command::Unlink(options) => edit::unlink(options, desk).await,
        Command::Sessions(options) => sessions(&options, desk).await,
        Command::KillSessions(options) => {
            change::end_sessions(&options.who.who, options.session, options.manner, desk).await
        }
    }
}

async fn sessions(options: &Sessions, desk: &mut Desk) -> Result<(), Failure> {
    if options.end_all {
        return change::end_sessions(&options.who.who, None, options.manner, desk).await;
    }
    let app = desk.app().await?;
    let user = find(&app, &options.who.who).await?;
    listed::sessions(&app, &user, options.manner.json, desk).await
}

pub use listed::sessions as list_sessions;

/// Ends one session; it is a failure if there is none.
pub async fn end_session(who: &str, session: SessionId, manner: Manner, desk: &mut Desk) -> Result<(), Failure> {
    change::end_sessions(who, Some(session), manner, desk).await
}

/// Lists those who have a role.
pub async fn list_holders(role: &str, json: bool, desk: &mut Desk) -> Result<(), Failure> {
    let options = List { role: Some(role.to_owned()), limit: LISTED, json, ..List::default() };
    listed::list(&desk.app().await?, &options, desk).await
}

/// The user with this id, address, username, or id from elsewhere.
pub async fn find(app: &App, who: &str) -> Result<User, Failure> {
    let found = app.store().user_called(who).await?;
    found.ok_or_else(|| Failure::not_found(format!("there is no user `{}`", super::desk::plain(who))))
}
