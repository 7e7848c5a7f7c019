//! What becomes of one row: a pure function of the row and of what is there already.

use uuid::Uuid;

use super::row::Row;
use crate::domain::user::Username;

/// Numbers behind a name that is taken are tried up to this one.
pub const LAST_NUMBER: u32 = 30;

/// What is known about a row when it is decided on.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Whom one of its old ids names already.
    pub alias_of: Option<Uuid>,
    /// Who has its address, and whether it is proven.
    pub address_of: Option<(Uuid, bool)>,
    /// Whether somebody signs in with one of its identities.
    pub identity_taken: bool,
    /// An earlier line of the file with the same address, and one with the same old id or identity.
    pub same_address: Option<u64>,
    pub same_id: Option<u64>,
    /// Whether a username is taken, or looks like one that is.
    pub is_taken: &'a dyn Fn(&Username) -> bool,
    /// The roles of the file.
    pub roles: &'a [String],
    /// Whether the password hash is of a kind we can check; of no interest where there is none.
    pub hash_is_known: bool,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A new user, with this username, and what is different from the row.
    Make(Option<Username>, Vec<String>),
    /// The user who is here has proven the address: they get the old ids.
    Join(Uuid),
    /// Nothing, and why.
    Skip(String),
}

/// Decides. Nothing a row says takes anything from a user who is here.
pub fn decide(row: &Row, facts: &Facts<'_>) -> Fate {
    if facts.alias_of.is_some() {
        return Fate::Skip("they are here already, by their old id".into());
    }
    if let Some(line) = facts.same_address {
        return Fate::Skip(format!("line {line} has the same address"));
    }
    if let Some(line) = facts.same_id {
        return Fate::Skip(format!("line {line} has the same old id or identity"));
    }
    match facts.address_of {
        Some((id, true)) if row.verified && !row.aliases.is_empty() => return Fate::Join(id),
        Some((_, true)) if !row.aliases.is_empty() => {
            return Fate::Skip("somebody has the address, and nobody proved it there: see --trust-addresses".into());
        }
        Some(_) => return Fate::Skip("somebody has the address already".into()),
        None => {}
    }
    if facts.identity_taken {
        return Fate::Skip("somebody signs in with the identity already".into());
    }
    let mut notes = Vec::new();
    let username = username(row, facts.is_taken, &mut notes);
    let unknown = row.roles.iter().filter(|role| !facts.roles.contains(role));
    notes.extend(unknown.map(|role| format!("there is no role `{role}` here: they do not have it")));
    if row.password_hash.is_some() && !facts.hash_is_known {
        notes.push("the password hash is of an unknown kind: they have no password".into());
    }
    Fate::Make(username, notes)
}

/// The name a row asks for, as it may be one here.
pub fn wish(row: &Row) -> Option<Username> {
    let said = row.username.as_deref()?;
    Username::new(said).or_else(|| Username::suggested(said))
}

/// The name they had; a number behind it if it is taken, what is usable of it if it may not be a name here.
fn username(row: &Row, is_taken: &dyn Fn(&Username) -> bool, notes: &mut Vec<String>) -> Option<Username> {
    let said = row.username.as_deref()?;
    let wish = wish(row);
    let all = wish
        .iter()
        .flat_map(|wish| std::iter::once(wish.clone()).chain((2..=LAST_NUMBER).map(|number| wish.numbered(number))));
    let found = all.into_iter().find(|name| !is_taken(name));
    if found.as_ref().is_none_or(|name| name.as_str() != said) {
        let now = found.as_ref().map_or("nothing", Username::as_str);
        notes.push(format!("the username `{said}` is taken or may not be one here: it becomes `{now}`"));
    }
    found
}
