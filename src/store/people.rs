//! Users as administrators look for them. Every way through the table follows an index and looks at a bounded number of rows, so
//! that a page costs the same at a thousand users and at a million.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::entity::{address, identity, user};
use super::users::{self, moment};
use super::{Store, StoreError};
use crate::domain::id::UserId;
use crate::domain::user::User;

/// How many rows one question looks at, at least.
const BATCH: u64 = 200;
/// How many questions are asked for one page; a page may end before it is full.
const ROUNDS: usize = 20;
/// How many different sets of roles are told apart.
const ROLE_SETS: usize = 1000;
/// Behind every text that begins with another one, in the order of bytes.
const BEHIND: char = '\u{10ffff}';

/// Which users are wanted; all that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// An address, the username, the name, or the name behind its first space begins with it. Case does not matter; nothing is a
    /// wildcard.
    pub search: Option<String>,
    /// They have this role.
    pub role: Option<String>,
    /// Whether they are locked.
    pub locked: Option<bool>,
    /// Their address is not proven.
    pub unverified: bool,
    /// They can sign in with this provider.
    pub provider: Option<String>,
    /// They have never signed in.
    pub never_signed_in: bool,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Behind this user, in the order in which users were made.
    After(Uuid),
    /// Behind this finding of a search: which field, what it holds, whose it is.
    Found(u8, String, Uuid),
}

/// One user of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub user: User,
    /// `None` if they never did.
    pub signed_in_at: Option<OffsetDateTime>,
}

/// Part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub people: Vec<Person>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<Place>,
}

/// The fields a search looks into, in this order.
const FIELDS: u8 = 4;

impl Place {
    /// As people may type it: the id of a user, or something only we understand.
    pub fn to_text(&self) -> String {
        match self {
            Self::After(id) => UserId(*id).to_string(),
            Self::Found(..) => URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a place is plain JSON")),
        }
    }

    /// What `to_text` made; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse::<UserId>() {
            return Some(Self::After(id.0));
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// A row that may be wanted.
struct Candidate {
    at: Place,
    id: Uuid,
}

/// A user with all that filters ask for.
struct Known {
    person: Person,
    addresses: Vec<String>,
}

impl Store {
    /// A page of users behind `after`. It may hold fewer than `limit` although there are more: then `next` says where to go on.
    pub async fn people(&self, wanted: &Wanted, after: Option<Place>, limit: usize) -> Result<Page, StoreError> {
        let look = Look { store: self, wanted, search: self.search_text(wanted) };
        let (mut people, mut place) = (Vec::new(), after);
        for _ in 0..ROUNDS {
            let batch = look.candidates(place.as_ref(), Ord::max(BATCH, limit as u64 + 1)).await?;
            if batch.is_empty() {
                return Ok(Page { people, next: None });
            }
            let known = look.known(&batch).await?;
            for candidate in batch {
                let fits = known.get(&candidate.id).filter(|known| look.fits(known, &candidate.at));
                if let Some(known) = fits {
                    if people.len() == limit {
                        return Ok(Page { people, next: place });
                    }
                    people.push(known.person.clone());
                }
                place = Some(candidate.at);
            }
        }
        Ok(Page { people, next: place })
    }

    /// One user as a list has them; `None` if there is none, or they were merged.
    pub async fn person(&self, id: UserId) -> Result<Option<Person>, StoreError> {
        let which = user::Entity::find_by_id(id.0).filter(user::Column::MergedInto.is_null());
        let row = which.find_also_related(address::Entity).one(self.read()).await?;
        let Some((row, address)) = row else { return Ok(None) };
        let signed_in_at = row.signed_in_at.map(moment).transpose()?;
        Ok(Some(Person { user: users::to_user(row, address)?, signed_in_at }))
    }

    fn search_text(&self, wanted: &Wanted) -> Option<String> {
        wanted.search.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(|text| self.lower(text))
    }

    /// As the database's `lower` does it.
    fn lower(&self, text: &str) -> String {
        if self.is_postgres() { text.to_lowercase() } else { text.to_ascii_lowercase() }
    }

    fn is_postgres(&self) -> bool {
        self.read().get_database_backend() == DbBackend::Postgres
    }
}

/// One look at the list.
struct Look<'a> {
    store: &'a Store,
    wanted: &'a Wanted,
    search: Option<String>,
}

impl Look<'_> {
    /// The next rows, by the filter that leaves the fewest.
    async fn candidates(&self, place: Option<&Place>, limit: u64) -> Result<Vec<Candidate>, StoreError> {
        if let Some(text) = &self.search {
            return self.found(text, place, limit).await;
        }
        let after = match place {
            Some(Place::After(id)) => Some(*id),
            Some(Place::Found(..)) => return Ok(Vec::new()),
            None => None,
        };
        let ids = if self.wanted.locked == Some(true) {
            self.ids(user::Entity::find().filter(user::Column::LockedAt.is_not_null()), after, limit).await?
        } else if self.wanted.unverified {
            let which = address::Entity::find().filter(address::Column::VerifiedAt.is_null());
            self.owners(which, address::Column::UserId, after, limit).await?
        } else if let Some(provider) = &self.wanted.provider {
            let which = identity::Entity::find().filter(identity::Column::Provider.eq(provider));
            self.owners(which, identity::Column::UserId, after, limit).await?
        } else if let Some(role) = &self.wanted.role {
            holders(self.store.read(), role, after, limit).await?
        } else if self.wanted.never_signed_in {
            self.ids(user::Entity::find().filter(user::Column::SignedInAt.is_null()), after, limit).await?
        } else {
            self.ids(user::Entity::find(), after, limit).await?
        };
        Ok(ids.into_iter().map(|id| Candidate { at: Place::After(id), id }).collect())
    }

    async fn ids(&self, which: Select<user::Entity>, after: Option<Uuid>, limit: u64) -> Result<Vec<Uuid>, StoreError> {
        self.owners(which, user::Column::Id, after, limit).await
    }

    /// The users of some rows, each once, in order.
    async fn owners<E: EntityTrait, C: ColumnTrait>(
        &self,
        which: Select<E>,
        column: C,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let which = match after {
            Some(after) => which.filter(column.gt(after)),
            None => which,
        };
        let found = which.select_only().column(column).distinct().order_by_asc(column).limit(limit);
        Ok(found.into_tuple().all(self.store.read()).await?)
    }

    /// The findings of a search behind `place`, field by field.
    async fn found(&self, text: &str, place: Option<&Place>, limit: u64) -> Result<Vec<Candidate>, StoreError> {
        let (first, behind) = match place {
            None => (0, None),
            Some(Place::Found(field, key, id)) => (*field, Some((key, *id))),
            Some(Place::After(_)) => return Ok(Vec::new()),
        };
        for field in first..FIELDS {
            let behind = behind.filter(|_| field == first);
            let found = self.in_field(field, text, behind, limit).await?;
            if !found.is_empty() {
                return Ok(found
                    .into_iter()
                    .map(|(key, id)| Candidate { at: Place::Found(field, key, id), id })
                    .collect());
            }
        }
        Ok(Vec::new())
    }

    async fn in_field(
        &self,
        field: u8,
        text: &str,
        behind: Option<(&String, Uuid)>,
        limit: u64,
    ) -> Result<Vec<(String, Uuid)>, StoreError> {
        let (key, id) = self.key_of(field);
        let from = behind.map_or(text, |(key, _)| key.as_str());
        let mut which = key.clone().gte(from).and(key.clone().lt(format!("{text}{BEHIND}")));
        if let Some((last, owner)) = behind {
            which = which.and(key.clone().gt(last.as_str()).or(id.clone().gt(owner)));
        }
        let db = self.store.read();
        let found = if field == 0 {
            let all = address::Entity::find().select_only().expr_as(key.clone(), "key").expr_as(id.clone(), "owner");
            all.filter(which).order_by_asc(key).order_by_asc(id).limit(limit).into_tuple().all(db).await?
        } else {
            let all = user::Entity::find().select_only().expr_as(key.clone(), "key").expr_as(id.clone(), "owner");
            all.filter(which).order_by_asc(key).order_by_asc(id).limit(limit).into_tuple().all(db).await?
        };
        Ok(found)
    }

    /// What a field is compared by, in the order of bytes as its index has it, and whose it is.
    fn key_of(&self, field: u8) -> (Expr, Expr) {
        let (of_sqlite, of_postgres) = match field {
            0 => ("email", "email collate \"C\""),
            1 => ("username_key", "username_key collate \"C\""),
            2 => ("lower(name)", "lower(name) collate \"C\""),
            _ => (
                "lower(substr(name, instr(name, ' ') + 1))",
                "lower(substr(name, strpos(name, ' ') + 1)) collate \"C\"",
            ),
        };
        let key = if self.store.is_postgres() { of_postgres } else { of_sqlite };
        let id = if field == 0 { Expr::col(address::Column::UserId) } else { Expr::col(user::Column::Id) };
        (Expr::cust(key), id)
    }

    /// The users of a batch, with what filters ask for.
    async fn known(&self, batch: &[Candidate]) -> Result<HashMap<Uuid, Known>, StoreError> {
        let ids: Vec<Uuid> = batch.iter().map(|candidate| candidate.id).collect();
        let db = self.store.read();
        let rows = user::Entity::find()
            .find_also_related(address::Entity)
            .filter(user::Column::Id.is_in(ids.iter().copied()))
            .filter(user::Column::MergedInto.is_null())
            .all(db)
            .await?;
        let mut known: HashMap<Uuid, Known> = HashMap::with_capacity(rows.len());
        for (row, address) in rows {
            let (id, signed_in_at) = (row.id, row.signed_in_at.map(moment).transpose()?);
            let person = Person { user: users::to_user(row, address)?, signed_in_at };
            known.insert(id, Known { person, addresses: Vec::new() });
        }
        if self.search.is_some() {
            let theirs = address::Entity::find().filter(address::Column::UserId.is_in(ids.iter().copied()));
            for row in theirs.all(db).await? {
                if let Some(known) = known.get_mut(&row.user_id) {
                    known.addresses.push(row.email);
                }
            }
        }
        if let Some(provider) = &self.wanted.provider {
            let theirs = identity::Entity::find()
                .filter(identity::Column::Provider.eq(provider))
                .filter(identity::Column::UserId.is_in(ids));
            let linked: Vec<Uuid> = theirs.select_only().column(identity::Column::UserId).into_tuple().all(db).await?;
            known.retain(|id, _| linked.contains(id));
        }
        Ok(known)
    }

    fn fits(&self, known: &Known, at: &Place) -> bool {
        let Wanted { search: _, role, locked, unverified, provider: _, never_signed_in } = self.wanted;
        let Person { user, signed_in_at } = &known.person;
        let is_unverified = user.email.as_ref().is_some_and(|address| !address.verified);
        role.as_ref().is_none_or(|role| user.roles.contains(role))
            && locked.is_none_or(|locked| user.is_locked() == locked)
            && (!unverified || is_unverified)
            && (!never_signed_in || signed_in_at.is_none())
            && self.is_first_finding(known, at)
    }

    /// Whoever is found several ways is listed once: where they are found first.
    fn is_first_finding(&self, known: &Known, at: &Place) -> bool {
        let (Some(text), Place::Found(field, key, _)) = (&self.search, at) else { return true };
        let mail = known.addresses.iter().filter(|email| email.starts_with(text.as_str())).min();
        let user = &known.person.user;
        let begins = |words: Option<String>| words.is_some_and(|words| words.starts_with(text.as_str()));
        match field {
            0 => mail == Some(key),
            _ if mail.is_some() => false,
            1 => true,
            _ if begins(user.username.as_ref().map(|name| name.to_ascii_lowercase())) => false,
            2 => true,
            _ => !begins(user.name.as_ref().map(|name| self.store.lower(name))),
        }
    }
}

/// Users with the role, locked or not, in order: found by the sets of roles that there are.
pub async fn holders(
    db: &impl ConnectionTrait,
    role: &str,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    let mut found = Vec::new();
    for set in role_sets(db, role).await? {
        let mut which = user::Entity::find().filter(user::Column::Roles.eq(set));
        if let Some(after) = after {
            which = which.filter(user::Column::Id.gt(after));
        }
        let ids: Vec<Uuid> = which
            .select_only()
            .column(user::Column::Id)
            .order_by_asc(user::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(db)
            .await?;
        found.extend(ids);
    }
    found.sort_unstable();
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Some users with the role who are not locked, in order. The rows stay as they are until the transaction ends.
pub async fn keep_holders(db: &impl ConnectionTrait, role: &str, limit: u64) -> Result<Vec<Uuid>, StoreError> {
    let sets = role_sets(db, role).await?;
    let which = user::Entity::find().filter(user::Column::Roles.is_in(sets)).filter(user::Column::LockedAt.is_null());
    let ids = which.select_only().column(user::Column::Id).order_by_asc(user::Column::Id).limit(limit);
    Ok(ids.lock_exclusive().into_tuple().all(db).await?)
}

/// The sets of roles that are in use and hold the role. There are few of them, and each is found by a step along the index.
async fn role_sets(db: &impl ConnectionTrait, role: &str) -> Result<Vec<String>, StoreError> {
    let (mut sets, mut last) = (Vec::new(), String::new());
    for _ in 0..ROLE_SETS {
        let next: Option<String> = user::Entity::find()
            .select_only()
            .column(user::Column::Roles)
            .filter(user::Column::Roles.gt(last.as_str()))
            .order_by_asc(user::Column::Roles)
            .limit(1)
            .into_tuple()
            .one(db)
            .await?;
        let Some(set) = next else { break };
        let roles: Vec<String> = serde_json::from_str(&set).unwrap_or_default();
        if roles.iter().any(|one| one == role) {
            sets.push(set.clone());
        }
        last = set;
    }
    Ok(sets)
}
