//! An import on its way: batches of rows, each one transaction, and a note of how far it came.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::Kind;
use super::decide::{Facts, Fate, LAST_NUMBER, decide, wish};
use super::read::{Source, SourceError};
use super::row::Row;
use crate::account::{AccountError, Accounts};
use crate::domain::audit::{By, Event, What};
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::user::Username;
use crate::store::imports::{self, Asked, Newcomer, There};
use crate::store::{StoreError, Tx};

/// Rows that are made in one transaction.
const BATCH: usize = 500;

/// How an import is done.
#[derive(Debug, Clone)]
pub struct Options {
    pub kind: Kind,
    /// Nothing is changed; all is said.
    pub dry_run: bool,
    /// Goes on where the import of the same file stopped.
    pub resume: bool,
    /// Addresses were proven where the file comes from, whatever it says.
    pub trust_addresses: bool,
    /// What roles of the file are called here.
    pub rename_roles: Vec<(String, String)>,
    /// The roles of this server.
    pub roles: Vec<String>,
    /// What everybody gets.
    pub default_roles: Vec<String>,
}

/// What happens while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// So much of so much is read.
    Progress(u64, u64),
    /// A line became nobody, and why.
    Skipped(u64, String),
    /// A line became somebody, but not quite as it says.
    Noted(u64, String),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub read: u64,
    pub made: u64,
    /// Users who were here and have got their old ids.
    pub joined: u64,
    pub skipped: u64,
    pub noted: u64,
    /// Why lines were skipped, and how many for this reason.
    pub reasons: BTreeMap<String, u64>,
    /// The line after which it began; 0 if at the beginning.
    pub began_after: u64,
    /// Where an earlier import of the same file stopped, if it was not resumed.
    pub earlier: Option<u64>,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The accounts.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An import.
pub struct Import<'a, T> {
    accounts: &'a Accounts,
    options: Options,
    by: &'a By,
    tell: T,
    seen: Seen,
    report: Report,
}

/// Lines of the file by what they say, in eight bytes each.
#[derive(Default)]
struct Seen {
    lines: HashMap<u64, u64>,
    /// Names given so far, where nothing is written.
    names: There,
    hasher: RandomState,
}

impl Seen {
    fn line(&self, what: &str, text: &str) -> Option<u64> {
        self.lines.get(&self.hasher.hash_one((what, text))).copied()
    }

    fn add(&mut self, what: &str, text: &str, line: u64) {
        self.lines.insert(self.hasher.hash_one((what, text)), line);
    }
}

/// What a batch becomes.
#[derive(Default)]
struct Batch {
    newcomers: Vec<Newcomer>,
    joined: Vec<(Uuid, Vec<String>)>,
}

impl<'a, T: FnMut(Told)> Import<'a, T> {
    /// An import that tells how it goes.
    pub fn new(accounts: &'a Accounts, options: Options, by: &'a By, tell: T) -> Self {
        Self { accounts, options, by, tell, seen: Seen::default(), report: Report::default() }
    }

    /// Reads the file to its end. Rows that cannot become users are told and skipped; who is here already is not made twice.
    pub async fn run(mut self, path: &Path) -> Result<Report, ImportError> {
        let mut source = Source::open(path, self.options.kind).await?;
        let file = format!("{}:{}", self.options.kind.name(), source.hash);
        let earlier = imports::progress(self.accounts.store.read(), &file).await?;
        match earlier {
            Some((line, _)) if self.options.resume => self.report.began_after = line,
            Some((line, _)) => self.report.earlier = Some(line),
            None => {}
        }
        let mut rows = Vec::with_capacity(BATCH);
        loop {
            let next = source.next().await?;
            let is_end = next.is_none();
            if let Some((line, record)) = next.filter(|(line, _)| *line > self.report.began_after) {
                self.report.read += 1;
                match record.and_then(|record| self.options.kind.row(&record)) {
                    Ok(row) => rows.push((line, self.as_here(row))),
                    Err(reason) => self.skip(line, reason),
                }
            }
            if rows.len() == BATCH || (is_end && !rows.is_empty()) {
                self.batch(&file, std::mem::take(&mut rows)).await?;
            }
            if self.report.read.is_multiple_of(BATCH as u64) || is_end {
                let position = source.position();
                (self.tell)(Told::Progress(position, source.total));
            }
            if is_end {
                return Ok(self.report);
            }
        }
    }

    /// The row with roles as they are called here.
    fn as_here(&self, mut row: Row) -> Row {
        for role in &mut row.roles {
            if let Some((_, here)) = self.options.rename_roles.iter().find(|(there, _)| there == role) {
                role.clone_from(here);
            }
        }
        row.verified |= self.options.trust_addresses;
        row
    }

    fn skip(&mut self, line: u64, reason: String) {
        self.report.skipped += 1;
        // Lines that name another line are one reason.
        let kind = reason
            .split_once(" has the same ")
            .map_or(reason.clone(), |(_, what)| format!("an earlier line has the same {what}"));
        *self.report.reasons.entry(kind).or_default() += 1;
        (self.tell)(Told::Skipped(line, reason));
    }

    async fn batch(&mut self, file: &str, rows: Vec<(u64, Row)>) -> Result<(), ImportError> {
        let last = rows.last().map_or(0, |(line, _)| *line);
        let now = self.accounts.store.now();
        let db = self.accounts.store.begin().await?;
        let there = there(&db, &rows).await?;
        let Batch { newcomers, joined } = self.sort(rows, there, now);
        if self.options.dry_run {
            return Ok(());
        }
        imports::insert(&db, &newcomers, now).await?;
        for (user, names) in &joined {
            for name in names {
                imports::put_alias(&db, name, UserId(*user)).await?;
            }
        }
        imports::note(&db, file, last, self.report.made, now).await?;
        let details = json!({ "file": file, "line": last, "made": newcomers.len(), "joined": joined.len() });
        self.accounts.record(&db, self.by, What::new(Event::UserImported).details(details)).await?;
        self.accounts.commit(db).await?;
        Ok(())
    }

    /// Decides on each row.
    fn sort(&mut self, rows: Vec<(u64, Row)>, mut there: There, now: i64) -> Batch {
        let mut batch = Batch::default();
        for (line, row) in rows {
            let fate = self.fate(&row, &there);
            self.remember(line, &row);
            match fate {
                Fate::Skip(reason) => self.skip(line, reason),
                Fate::Join(user) => {
                    self.report.joined += 1;
                    batch.joined.push((user, row.aliases));
                }
                Fate::Make(username, notes) => {
                    self.report.made += 1;
                    self.report.noted += u64::from(!notes.is_empty());
                    for note in notes {
                        (self.tell)(Told::Noted(line, note));
                    }
                    if let Some(name) = &username {
                        there.add_name(name);
                        if self.options.dry_run {
                            self.seen.names.add_name(name);
                        }
                    }
                    batch.newcomers.push(self.newcomer(row, username, now));
                }
            }
        }
        batch
    }

    fn fate(&self, row: &Row, there: &There) -> Fate {
        let seen = &self.seen;
        let is_taken = |name: &Username| there.has_name(name) || seen.names.has_name(name);
        let email = row.email.as_ref().map(crate::domain::email::Email::as_str);
        let same_id = row.aliases.iter().find_map(|alias| seen.line("alias", alias));
        decide(
            row,
            &Facts {
                alias_of: row.aliases.iter().find_map(|alias| there.aliases.get(alias)).copied(),
                address_of: email.and_then(|email| there.emails.get(email)).copied(),
                identity_taken: row.identities.iter().any(|subject| there.subjects.contains(subject)),
                same_address: email.and_then(|email| seen.line("email", email)),
                same_id: same_id.or_else(|| row.identities.iter().find_map(|one| seen.line("identity", &spelled(one)))),
                is_taken: &is_taken,
                roles: &self.options.roles,
                hash_is_known: row.password_hash.as_deref().is_some_and(|hash| self.accounts.hasher.recognises(hash)),
            },
        )
    }

    fn remember(&mut self, line: u64, row: &Row) {
        if let Some(email) = &row.email {
            self.seen.add("email", email.as_str(), line);
        }
        for alias in &row.aliases {
            self.seen.add("alias", alias, line);
        }
        for one in &row.identities {
            self.seen.add("identity", &spelled(one), line);
        }
    }

    fn newcomer(&self, row: Row, username: Option<Username>, now: i64) -> Newcomer {
        let mut roles: Vec<_> = row.roles.into_iter().filter(|role| self.options.roles.contains(role)).collect();
        roles.extend(self.options.default_roles.iter().cloned());
        let hash = row.password_hash.filter(|hash| self.accounts.hasher.recognises(hash));
        Newcomer {
            id: UserId::new(),
            username,
            name: row.name,
            avatar_url: row.avatar_url,
            roles,
            groups: row.groups,
            locked: row.locked,
            created_at: row.created_at.unwrap_or(now),
            extra: (!row.extra.is_empty()).then(|| serde_json::Value::Object(row.extra).to_string()),
            email: row.email.map(|email| (email, row.verified)),
            password_hash: hash,
            aliases: row.aliases,
            identities: row.identities,
        }
    }
}

fn spelled(subject: &Subject) -> String {
    format!("{}|{}|{}", subject.provider, subject.realm, subject.subject)
}

/// What of these rows is here already.
async fn there(db: &Tx, rows: &[(u64, Row)]) -> Result<There, StoreError> {
    let mut asked = Asked::default();
    for (_, row) in rows {
        asked.emails.extend(row.email.as_ref().map(ToString::to_string));
        asked.names.extend(wish(row));
        asked.aliases.extend(row.aliases.iter().cloned());
        asked.subjects.extend(row.identities.iter().cloned());
    }
    let mut there = imports::there(db, &asked).await?;
    // Names that are taken, or asked for twice, get numbers: those are asked for, too.
    let mut wished = HashSet::new();
    let numbered = rows
        .iter()
        .filter_map(|(_, row)| wish(row))
        .filter(|name| !wished.insert(name.skeleton()) || there.has_name(name));
    let names = numbered.flat_map(|name| (2..=LAST_NUMBER).map(move |number| name.numbered(number))).collect();
    let more = imports::there(db, &Asked { names, ..Asked::default() }).await?;
    there.names.extend(more.names);
    there.looks.extend(more.looks);
    Ok(there)
}
