//! `user merge` and `user unmerge`.

use clap::Args;
use serde_json::json;

use super::find;
use crate::account::administration::Preview;
use crate::cli::counter::{Counter, Manner, failed};
use crate::cli::desk::{moment, plain};
use crate::cli::{Desk, Failure};
use crate::domain::id::UserId;

/// Which account goes on in which.
#[derive(Args)]
pub struct Merge {
    /// Who goes: an id, an address or a username.
    gone: String,
    /// Who stays.
    #[arg(long, value_name = "WHO")]
    into: String,
    /// Merges without asking.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Which account comes back.
#[derive(Args)]
pub struct Unmerge {
    /// The id of the one who went.
    gone: UserId,
    #[command(flatten)]
    manner: Manner,
}

/// Shows what would move and, if it is confirmed, merges.
pub async fn merge(options: Merge, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let gone = find(&counter.app, &options.gone).await?;
    let into = find(&counter.app, &options.into).await?;
    let office = counter.office(options.manner);
    let preview = office.preview_merge(gone.id, into.id).await.map_err(failed)?;
    if !options.manner.json {
        show(desk, &preview)?;
    }
    if !options.yes && !options.manner.dry_run {
        let message = format!("this merges {} into {}; say so with --yes", gone.id, into.id);
        return Err(Failure::unconfirmed(message));
    }
    let merged = office.merge(gone.id, into.id).await.map_err(failed)?;
    let until = moment(merged.undo_until);
    let sentence = format!("merged; until {until} `countersign user unmerge {}` undoes it", gone.id);
    options.manner.report(desk, &sentence, json!({ "preview": preview, "undo_until": until }))
}

fn show(desk: &mut Desk, preview: &Preview) -> Result<(), Failure> {
    let list = |words: &[String]| words.iter().map(|word| plain(word)).collect::<Vec<_>>().join(", ");
    let counted = |number: usize| if number == 0 { String::new() } else { number.to_string() };
    let moves = [
        ("addresses", list(&preview.addresses)),
        ("identities", list(&preview.identities)),
        ("passkeys", counted(preview.passkeys)),
        ("API keys", counted(preview.api_keys)),
        ("groups", list(&preview.groups)),
    ];
    for (what, which) in moves.iter().filter(|(_, which)| !which.is_empty()) {
        desk.say(format!("moves     {what}: {which}"))?;
    }
    preview.conflicts.iter().try_for_each(|conflict| desk.say(format!("conflict  {}", plain(conflict))))
}

/// Parts two accounts.
pub async fn unmerge(options: Unmerge, desk: &mut Desk) -> Result<(), Failure> {
    let counter = Counter::open(desk).await?;
    let into = counter.office(options.manner).undo_merge(options.gone).await.map_err(failed)?;
    let sentence = format!("{} and {into} are two accounts again", options.gone);
    options.manner.report(desk, &sentence, json!({ "id": options.gone, "was_in": into }))
}
