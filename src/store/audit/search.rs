//! Reads the audit trail: newest first, page by page.

use std::fmt;
use std::str::FromStr;

use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::entity::audit_event::{Column, Entity, Model};
use crate::store::users::moment;
use crate::store::{Store, StoreError};

/// Which events are wanted: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The id of who did it.
    pub actor: Option<String>,
    /// The id of whom it happened to.
    pub target: Option<String>,
    /// The id of a user who did it or whom it happened to.
    pub about: Option<String>,
    /// Any of these names; `credential.*` is all of a family. Empty: all.
    pub events: Vec<String>,
    /// The service's id.
    pub service: Option<String>,
    /// The id of the request.
    pub reference: Option<String>,
    /// From this second on.
    pub since: Option<i64>,
    /// Before this second.
    pub until: Option<i64>,
}

/// Where a page ends: the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: i64,
    pub id: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        Ok(Self { at: at.parse().map_err(|_| ())?, id: Uuid::try_parse(id).map_err(|_| ())? })
    }
}

/// One event, as it is shown; part of what the command line and the API promise.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Recorded {
    #[schema(value_type = String)]
    pub id: Uuid,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// `user.login`.
    pub event: String,
    /// `info`, `notice`, `warning` or `critical`.
    pub severity: String,
    /// `anonymous`, `user`, `key`, `service`, `command` or `system`.
    pub actor_kind: String,
    /// Who did it.
    pub actor_id: Option<String>,
    /// Whom it happened to.
    pub target: Option<String>,
    pub service: Option<String>,
    /// The provider or method.
    pub provider: Option<String>,
    /// The client's address, until it is forgotten.
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// The id of the request, as error pages show it.
    pub reference: Option<String>,
    #[schema(value_type = Object)]
    pub details: Value,
    /// Its number in the chain; none while it waits for it.
    pub seq: Option<i64>,
    /// Its link in the chain.
    pub hash: Option<String>,
}

impl Recorded {
    /// A page that ends with this event goes on behind it.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.time.unix_timestamp(), id: self.id }
    }
}

impl TryFrom<Model> for Recorded {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            time: moment(row.at)?,
            event: row.event,
            severity: row.severity,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            target: row.target,
            service: row.service,
            provider: row.provider,
            ip: row.ip,
            user_agent: row.user_agent,
            reference: row.reference,
            // Shown as it is, even if somebody spoilt it: `audit verify` says so.
            details: serde_json::from_str(&row.details).unwrap_or(Value::String(row.details)),
            seq: row.seq,
            hash: row.hash,
        })
    }
}

/// A page of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub events: Vec<Recorded>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Cursor>,
}

impl Store {
    /// Events that match, behind the cursor, at most `limit`.
    pub async fn audit(&self, filter: &Filter, behind: Option<Cursor>, limit: u64) -> Result<Page, StoreError> {
        let mut which = condition(filter);
        if let Some(Cursor { at, id }) = behind {
            let same_second = Column::At.eq(at).and(Column::Id.lt(id));
            which = which.add(Column::At.lte(at)).add(Condition::any().add(Column::At.lt(at)).add(same_second));
        }
        let rows = Entity::find()
            .filter(which)
            .order_by_desc(Column::At)
            .order_by_desc(Column::Id)
            .limit(limit + 1)
            .all(self.read())
            .await?;
        let mut events = rows.into_iter().map(Recorded::try_from).collect::<Result<Vec<_>, _>>()?;
        let more = events.len() as u64 > limit;
        if more {
            events.pop();
        }
        let next = events.last().filter(|_| more).map(Recorded::cursor);
        Ok(Page { events, next })
    }

    /// The link of the row with this number in the chain; `None` if there is none.
    pub async fn audit_link(&self, seq: i64) -> Result<Option<String>, StoreError> {
        let row = Entity::find().filter(Column::Seq.eq(seq)).one(self.read()).await?;
        Ok(row.and_then(|row| row.hash))
    }
}

fn condition(filter: &Filter) -> Condition {
    let Filter { actor, target, about, events, service, reference, since, until } = filter;
    let named = |name: &String| match name.strip_suffix('*') {
        Some(family) => {
            // As a range, which the index serves whatever the database takes `like` to mean.
            let mut end = family.to_owned();
            end.push(char::MAX);
            Column::Event.gte(family).and(Column::Event.lt(end))
        }
        None => Column::Event.eq(name),
    };
    let any = |all: Condition, one| all.add(one);
    Condition::all()
        .add_option(actor.as_ref().map(|id| Column::ActorId.eq(id)))
        .add_option(target.as_ref().map(|id| Column::Target.eq(id)))
        .add_option(about.as_ref().map(|id| Column::ActorId.eq(id).or(Column::Target.eq(id))))
        .add_option((!events.is_empty()).then(|| events.iter().map(named).fold(Condition::any(), any)))
        .add_option(service.as_ref().map(|id| Column::Service.eq(id)))
        .add_option(reference.as_ref().map(|id| Column::Reference.eq(id)))
        .add_option(since.map(|at| Column::At.gte(at)))
        .add_option(until.map(|at| Column::At.lt(at)))
}
