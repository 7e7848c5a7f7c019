//! The chain of hashes over audit rows, as a pure rule: what a row's link is, and what a walk along all links finds.
//!
//! A link is SHA-256 over the link before and everything the row says, each part with its length. Where somebody came from
//! (address and browser) is forgotten after `privacy.ip_retention`; so it is chained as `origin`, a digest with a salt of its own
//! that is forgotten with it: until then a changed address is noticed, afterwards nobody can guess what it was.

use uuid::Uuid;

use crate::keys::sha256_hex;

/// What the first row follows.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A place in the chain: the number of a row and its link. The beginning is number 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Rows are numbered from 1.
    pub seq: i64,
    /// SHA-256 in hexadecimal.
    pub hash: String,
}

impl Place {
    /// Before all rows.
    pub fn beginning() -> Self {
        Self { seq: 0, hash: BEGINNING.to_owned() }
    }
}

/// What a row says, as it is chained.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub id: Uuid,
    pub at: i64,
    pub event: &'a str,
    pub severity: &'a str,
    pub actor_kind: &'a str,
    pub actor_id: Option<&'a str>,
    pub target: Option<&'a str>,
    pub service: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub reference: Option<&'a str>,
    pub details: &'a str,
}

/// Where somebody came from, and the salt it is chained with; all three are forgotten together.
#[derive(Debug, Clone, Copy, Default)]
pub struct From<'a> {
    pub ip: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub salt: Option<&'a str>,
}

/// A row as it lies in the chain.
#[derive(Debug, Clone, Copy)]
pub struct Linked<'a> {
    pub seq: i64,
    pub said: Said<'a>,
    pub from: From<'a>,
    pub origin: Option<&'a str>,
    pub previous: Option<&'a str>,
    pub hash: Option<&'a str>,
}

/// Where the chain breaks first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A row does not say what it said, or does not follow the row before.
    #[error("row {seq} ({id}) was changed")]
    Changed { seq: i64, id: Uuid },
    /// Rows are missing between two others.
    #[error("rows {from} to {to} were removed")]
    Removed { from: i64, to: i64 },
    /// The last rows are missing.
    #[error("the last rows, {from} to {to}, were removed")]
    Cut { from: i64, to: i64 },
    /// A row has a number that the chain has not reached, or has left behind.
    #[error("row {seq} ({id}) was inserted")]
    Inserted { seq: i64, id: Uuid },
    /// The chain does not end with the link that is remembered.
    #[error("row {seq} is not the one that was chained: it and perhaps rows before it were replaced")]
    Replaced { seq: i64 },
    /// The remembered end or beginning is not what this server wrote.
    #[error("the remembered {which} of the chain was changed or removed")]
    Forged { which: &'static str },
}

/// `None` where nothing is known of where somebody came from.
pub fn origin(from: From<'_>) -> Option<String> {
    (from.ip.is_some() || from.user_agent.is_some())
        .then(|| digest(&[Some("countersign audit origin 1"), from.salt, from.ip, from.user_agent]))
}

/// The link of a row that follows the link `previous`.
pub fn link(previous: &str, seq: i64, said: &Said<'_>, origin: Option<&str>) -> String {
    let (seq, at, id) = (seq.to_string(), said.at.to_string(), said.id.to_string());
    digest(&[
        Some("countersign audit row 1"),
        Some(previous),
        Some(&seq),
        Some(&id),
        Some(&at),
        Some(said.event),
        Some(said.severity),
        Some(said.actor_kind),
        said.actor_id,
        said.target,
        said.service,
        said.provider,
        said.reference,
        Some(said.details),
        origin,
    ])
}

/// Each part with its length before it; what is not there is not an empty text.
fn digest(parts: &[Option<&str>]) -> String {
    let mut bytes = Vec::with_capacity(512);
    for part in parts {
        bytes.extend(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        bytes.extend(part.unwrap_or_default().as_bytes());
    }
    sha256_hex(&bytes)
}

/// A walk from a place of the chain to its remembered end, one row after the other.
#[derive(Debug)]
pub struct Walk {
    at: Place,
    end: Place,
    /// Rows whose address and browser were forgotten.
    pub forgotten: u64,
    /// Rows that are what they were.
    pub sound: u64,
}

impl Walk {
    /// From here to there.
    pub fn new(begin: Place, end: Place) -> Self {
        Self { at: begin, end, forgotten: 0, sound: 0 }
    }

    /// The number of the row the walk has come to.
    pub fn seq(&self) -> i64 {
        self.at.seq
    }

    /// Looks at the next row; rows come in the order of their numbers.
    pub fn step(&mut self, row: &Linked<'_>) -> Result<(), Break> {
        let due = self.at.seq + 1;
        let (seq, id) = (row.seq, row.said.id);
        if seq < due || seq > self.end.seq {
            return Err(Break::Inserted { seq, id });
        }
        if seq > due {
            return Err(Break::Removed { from: due, to: seq - 1 });
        }
        let hash = link(&self.at.hash, seq, &row.said, row.origin);
        let follows = row.previous == Some(self.at.hash.as_str()) && row.hash == Some(hash.as_str());
        if !follows || !self.comes_from_there(row) {
            return Err(Break::Changed { seq, id });
        }
        self.sound += 1;
        self.at = Place { seq, hash };
        Ok(())
    }

    /// The remembered end has to be the last row, by its number and by its link.
    pub fn finish(&self) -> Result<(), Break> {
        if self.at.seq < self.end.seq {
            return Err(Break::Cut { from: self.at.seq + 1, to: self.end.seq });
        }
        if self.at == self.end { Ok(()) } else { Err(Break::Replaced { seq: self.at.seq }) }
    }

    fn comes_from_there(&mut self, row: &Linked<'_>) -> bool {
        if row.origin.is_some() && row.from.ip.is_none() && row.from.user_agent.is_none() {
            self.forgotten += 1;
            return true;
        }
        origin(row.from).as_deref() == row.origin
    }
}
