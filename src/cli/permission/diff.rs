//! `permission diff`: whose permissions another file would change.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::{Asking, failed, known};
use crate::app::App;
use crate::cli::desk::{or_dash, plain};
use crate::cli::source::Source;
use crate::cli::user::find;
use crate::cli::{Desk, Failure};
use crate::domain::permission::Permissions;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::store::people::{Place, Wanted};

/// How many users are read at a time.
const PAGE: usize = 200;
/// Most users that are listed; all are counted.
const LISTED: usize = 1000;

/// What is compared.
#[derive(Args)]
pub struct Options {
    /// The service's id.
    service: String,
    /// The other file.
    #[arg(long, value_name = "FILE")]
    with: PathBuf,
    /// An id, an address or a username; may be given several times. All users unless it is.
    #[arg(long, value_name = "WHO", conflicts_with = "sample")]
    user: Vec<String>,
    /// Only so many users, the oldest first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    #[command(flatten)]
    manner: Asking,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// What would be different.
#[derive(Default, Serialize)]
struct Answer {
    service: String,
    /// How many users were looked at.
    users: u64,
    /// For how many of them something would be different.
    different: u64,
    /// Those, at most a thousand.
    changes: Vec<Change>,
}

/// What would be different for one user.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    user: String,
    #[serde(skip)]
    name: String,
    added: Vec<String>,
    removed: Vec<String>,
    /// Why there is no token, before and after, where this differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_after: Option<String>,
}

/// Both files, on one database.
struct Both<'a> {
    options: &'a Options,
    before: App,
    after: App,
}

/// Runs the command.
pub async fn run(options: &Options, desk: &mut Desk) -> Result<(), Failure> {
    let before = options.manner.app(desk).await?;
    let other = Source::find(std::slice::from_ref(&options.with)).load(&desk.world)?;
    let after = App::new(other.settings, other.plugged, None, before.house.clone())?;
    let both = Both { options, before, after };
    let answer = both.compare(desk).await?;
    if options.json {
        desk.json(&answer)?;
    } else {
        show(&answer, desk)?;
    }
    if answer.different == 0 { Ok(()) } else { Err(Failure::said(1)) }
}

impl Both<'_> {
    async fn compare(&self, desk: &Desk) -> Result<Answer, Failure> {
        known(&self.before, &self.options.service)?;
        known(&self.after, &self.options.service)?;
        let mut answer = Answer { service: self.options.service.clone(), ..Answer::default() };
        for who in &self.options.user {
            let user = find(&self.before, who).await?;
            self.look(&user, &mut answer).await?;
        }
        if self.options.user.is_empty() {
            self.look_at_all(desk, &mut answer).await?;
        }
        Ok(answer)
    }

    async fn look_at_all(&self, desk: &Desk, answer: &mut Answer) -> Result<(), Failure> {
        let most = self.options.sample.unwrap_or(u64::MAX);
        let bar = if desk.is_read { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let mut after: Option<Place> = None;
        while answer.users < most {
            let page = self.before.store().people(&Wanted::default(), after.take(), PAGE).await?;
            for person in page.people {
                if answer.users == most {
                    break;
                }
                self.look(&person.user, answer).await?;
                bar.inc(1);
                bar.set_message(format!("{} users, {} different", answer.users, answer.different));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    async fn look(&self, user: &User, answer: &mut Answer) -> Result<(), Failure> {
        let before = self.outcome(&self.before, user).await?;
        let after = self.outcome(&self.after, user).await?;
        answer.users += 1;
        if let Some(change) = change(user, before, after) {
            answer.different += 1;
            if answer.changes.len() < LISTED {
                answer.changes.push(change);
            }
        }
        Ok(())
    }

    /// What the user may do with this file, or why there is no token.
    async fn outcome(&self, app: &App, user: &User) -> Result<Result<Permissions, String>, Failure> {
        let service: &Service = known(app, &self.options.service)?;
        let explained = app.explain(&self.options.manner.query(service, user, None)).await;
        let explained = explained.map_err(failed)?;
        let refusal = explained.refusal.unwrap_or_default();
        Ok(explained.granted.map(|granted| granted.permissions).ok_or(refusal))
    }
}

/// What differs; `None` if nothing does.
fn change(user: &User, before: Result<Permissions, String>, after: Result<Permissions, String>) -> Option<Change> {
    if before == after {
        return None;
    }
    let granted = |outcome: &Result<Permissions, String>| -> Vec<String> {
        let names = outcome.iter().flatten().filter(|(_, granted)| **granted);
        names.map(|(name, _)| name.clone()).collect()
    };
    let (had, has) = (granted(&before), granted(&after));
    let change = Change {
        user: user.id.to_string(),
        name: user.shown_name(),
        added: has.iter().filter(|name| !had.contains(name)).cloned().collect(),
        removed: had.iter().filter(|name| !has.contains(name)).cloned().collect(),
        refused_before: before.err(),
        refused_after: after.err(),
    };
    let is_same = change.added.is_empty()
        && change.removed.is_empty()
        && change.refused_before.is_none()
        && change.refused_after.is_none();
    (!is_same).then_some(change)
}

fn show(answer: &Answer, desk: &mut Desk) -> Result<(), Failure> {
    let row = |change: &Change| {
        let signed = |sign: &'static str, names: &[String]| {
            names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>().join(" ")
        };
        let names = [signed("+", &change.added), signed("-", &change.removed)];
        let names = names.iter().filter(|names| !names.is_empty()).cloned().collect::<Vec<_>>().join(" ");
        let token = match (&change.refused_before, &change.refused_after) {
            (None, None) => "–".to_owned(),
            (Some(_), None) => "gets one".to_owned(),
            (_, Some(why)) => format!("none: {}", plain(why)),
        };
        [change.user.clone(), plain(&change.name), or_dash(Some(&names)), token]
    };
    let rows: Vec<_> = answer.changes.iter().map(row).collect();
    if !rows.is_empty() {
        desk.table(["USER", "NAME", "PERMISSIONS", "TOKEN"], &rows)?;
    }
    let listed = answer.changes.len() as u64;
    if listed < answer.different {
        desk.hint(format!("{} more are not listed.", answer.different - listed))?;
    }
    desk.say(format!("{} of {} users would be different.", answer.different, answer.users))
}
