//! `ban`: clients that failed too often and are shut out.

use std::net::IpAddr;

use clap::{Args, Subcommand};
use serde::Serialize;
use time::OffsetDateTime;

use super::desk::moment;
use super::{Desk, Failure};
use crate::domain::audit::By;
use crate::http::client::bucket;

/// How many are listed.
const LISTED: u64 = 10_000;

/// What can be done about clients that are shut out.
#[derive(Subcommand)]
pub enum Command {
    /// Lists clients that are shut out, those with the longest time left first.
    #[command(after_help = "Example:\n  countersign ban list --json")]
    List(List),
    /// Lets a client in again; running servers know within seconds.
    #[command(after_help = "Example:\n  countersign ban lift 192.0.2.7")]
    Lift(Lift),
}

/// How clients are listed.
#[derive(Args)]
pub struct List {
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Who is let in.
#[derive(Args)]
pub struct Lift {
    /// Their address; of an IPv6 network any address of the /64.
    address: IpAddr,
}

#[derive(Serialize)]
struct Listed {
    client: IpAddr,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
}

/// Runs the command.
pub async fn run(command: Command, desk: &mut Desk) -> Result<(), Failure> {
    let app = desk.app().await?;
    match command {
        Command::List(options) => {
            let at = crate::clock::moment;
            let bans = app.store().bans(LISTED).await?.into_iter();
            let listed: Vec<_> =
                bans.map(|ban| Listed { client: ban.client, since: at(ban.since), until: at(ban.until) }).collect();
            if options.json {
                return desk.json(&listed);
            }
            let rows: Vec<_> =
                listed.iter().map(|ban| [ban.client.to_string(), moment(ban.since), moment(ban.until)]).collect();
            desk.table(["CLIENT", "SINCE", "UNTIL"], &rows)
        }
        Command::Lift(options) => {
            let client = bucket(options.address);
            if !app.accounts.lift_ban(client, &By::command()).await? {
                return Err(Failure::not_found(format!("{client} is not shut out")));
            }
            desk.say(format!("{client} may come in again"))
        }
    }
}
