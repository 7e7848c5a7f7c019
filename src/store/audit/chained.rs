//! Lays the chain over the audit rows, holds it against them, and cuts off its oldest days.
//!
//! Rows are added without it, in the transaction of their deed, so that no deed waits for another. Once a second one process
//! numbers the new rows and links them, under a lock that all processes share: the chain never forks. Where it begins and ends
//! is remembered beside it, authenticated with the master key: whoever can write to the database but does not have that key can
//! neither change a row and link the rest anew, nor take rows from either end. What they can do is to put the whole database back
//! to an earlier state; whoever fears that notes the end that `audit verify` prints, elsewhere.

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};

use crate::keys::{Master, random_token};
use crate::store::chain::{Break, From, Linked, Place, Said, Walk, link, origin};
use crate::store::entity::audit_event::{Column, Entity, Model};
use crate::store::entity::fact;
use crate::store::{Store, StoreError, Tx};

/// A row as the database has it.
pub use crate::store::entity::audit_event::Model as Row;

/// Number of the advisory lock of the chain.
const LOCK: i64 = 0x0061_7564_6974;
/// The fact that remembers the end.
const END: Mark = Mark { name: "audit.end", which: "end" };
/// The fact that remembers the beginning, once something was cut off.
const BEGIN: Mark = Mark { name: "audit.begin", which: "beginning" };
/// What both are authenticated for.
const PURPOSE: &str = "audit chain";
/// Rows that are linked, read or cut in one go.
const AT_ONCE: u64 = 1_000;
/// Whole days are cut, of so many seconds.
const DAY: i64 = 86_400;

#[derive(Clone, Copy)]
struct Mark {
    name: &'static str,
    which: &'static str,
}

/// Why the chain does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is there is not what this server wrote.
    #[error("the audit chain is broken ({0}); `countersign audit verify` says more")]
    Broken(#[from] Break),
}

impl std::convert::From<sea_orm::DbErr> for ChainError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Store(error.into())
    }
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Rows that are what they were.
    pub sound: u64,
    /// Of these, rows whose address and browser were forgotten.
    pub forgotten: u64,
    /// Rows that wait to be linked.
    pub waiting: u64,
    /// Where the chain begins: rows up to this one were cut off when their time was over.
    pub begin: Place,
    /// Where it ends.
    pub end: Place,
    /// The first thing that is not as it was.
    pub broken: Option<Break>,
}

/// Links rows that wait for it, and hands each to `linked` when it is; returns how many. 0 also while another process does it.
pub async fn chain(
    store: &Store,
    master: &Master,
    mut linked: impl FnMut(&Model, &Place),
) -> Result<usize, ChainError> {
    if Entity::find()
        .filter(Column::Seq.is_null())
        .limit(1)
        .one(store.read())
        .await
        .map_err(StoreError::from)?
        .is_none()
    {
        return Ok(0);
    }
    let db = store.begin().await?;
    if !lock(&db).await? {
        return Ok(0);
    }
    let mut end = end_of(&db, master).await?;
    let rows = Entity::find()
        .filter(Column::Seq.is_null())
        .order_by_asc(Column::At)
        .order_by_asc(Column::Id)
        .limit(AT_ONCE)
        .all(&db)
        .await?;
    let mut places = Vec::with_capacity(rows.len());
    for row in &rows {
        end = attach(&db, row, &end).await?;
        places.push(end.clone());
    }
    remember(&db, master, END, &end).await?;
    db.commit().await?;
    rows.iter().zip(&places).for_each(|(row, place)| linked(row, place));
    Ok(rows.len())
}

async fn attach(db: &Tx, row: &Model, before: &Place) -> Result<Place, StoreError> {
    let comes_from_somewhere = row.ip.is_some() || row.user_agent.is_some();
    let salt = comes_from_somewhere.then(random_token);
    let (ip, user_agent) = (row.ip.as_deref(), row.user_agent.as_deref());
    let origin = origin(From { ip, user_agent, salt: salt.as_deref() });
    let seq = before.seq + 1;
    let hash = link(&before.hash, seq, &said(row), origin.as_deref());
    Entity::update_many()
        .col_expr(Column::Seq, Expr::value(seq))
        .col_expr(Column::Previous, Expr::value(before.hash.clone()))
        .col_expr(Column::Hash, Expr::value(hash.clone()))
        .col_expr(Column::Salt, Expr::value(salt))
        .col_expr(Column::Origin, Expr::value(origin))
        .filter(Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(Place { seq, hash })
}

/// Holds every row against the chain, from its beginning to its end. `seen` hears how many rows were looked at.
pub async fn verify(store: &Store, master: &Master, mut seen: impl FnMut(u64)) -> Result<Verified, StoreError> {
    loop {
        let (begin, end) = (Place::beginning(), Place::beginning());
        let mut found = Verified { sound: 0, forgotten: 0, waiting: 0, begin, end, broken: None };
        found.broken = match look(store, master, &mut found, &mut seen).await {
            Ok(()) => None,
            Err(ChainError::Broken(broken)) => Some(broken),
            Err(ChainError::Store(error)) => return Err(error),
        };
        let begins = begin_of(store.read(), master).await.map_or(0, |place| place.seq);
        if found.broken.is_some() && begins > found.begin.seq {
            // Days were cut off while we walked.
            continue;
        }
        found.waiting = Entity::find().filter(Column::Seq.is_null()).count(store.read()).await?;
        return Ok(found);
    }
}

async fn look(
    store: &Store,
    master: &Master,
    found: &mut Verified,
    seen: &mut impl FnMut(u64),
) -> Result<(), ChainError> {
    let db = store.read();
    found.begin = begin_of(db, master).await?;
    found.end = end_of(db, master).await?;
    let mut walk = Walk::new(found.begin.clone(), found.end.clone());
    loop {
        let due = Column::Seq.gt(walk.seq()).and(Column::Seq.lte(found.end.seq));
        let rows = Entity::find().filter(due).order_by_asc(Column::Seq).limit(AT_ONCE).all(db).await?;
        if rows.is_empty() {
            break;
        }
        let stepped = rows.iter().try_for_each(|row| walk.step(&linked(row)));
        (found.sound, found.forgotten) = (walk.sound, walk.forgotten);
        stepped?;
        seen(walk.sound);
    }
    walk.finish()?;
    let before = Entity::find().filter(Column::Seq.lte(found.begin.seq)).order_by_asc(Column::Seq).limit(1).one(db);
    no_stranger(before.await?, found.begin.seq + 1, i64::MAX)?;
    let last = Entity::find().filter(Column::Seq.is_not_null()).order_by_desc(Column::Seq).limit(1).one(db).await?;
    // Read after the row: it only moves on.
    no_stranger(last, i64::MIN, end_of(db, master).await?.seq)
}

/// A row outside of the chain's numbers is not ours.
fn no_stranger(row: Option<Model>, from: i64, to: i64) -> Result<(), ChainError> {
    match row.and_then(|row| Some((row.seq?, row.id))) {
        Some((seq, id)) if seq < from || seq > to => Err(Break::Inserted { seq, id }.into()),
        _ => Ok(()),
    }
}

/// Cuts off whole days (UTC) that lie before `before`, oldest first, and remembers where the chain begins now; returns how many
/// rows went. `is_chained`: as the file says; where it is off, rows that were never linked go as well.
pub async fn cut(store: &Store, master: &Master, before: i64, is_chained: bool) -> Result<u64, ChainError> {
    let before = before.div_euclid(DAY) * DAY;
    let mut gone = 0;
    while let Some(rows) = cut_some(store, master, before).await? {
        gone += rows;
    }
    if !is_chained {
        let old = Column::Seq.is_null().and(Column::At.lt(before));
        gone += Entity::delete_many().filter(old).exec(store.write()).await?.rows_affected;
    }
    Ok(gone)
}

/// `None` once nothing is left to cut, or while another process is at it.
async fn cut_some(store: &Store, master: &Master, before: i64) -> Result<Option<u64>, ChainError> {
    let db = store.begin().await?;
    if !lock(&db).await? {
        return Ok(None);
    }
    let begin = begin_of(&db, master).await?;
    let after = Column::Seq.gt(begin.seq);
    let rows = Entity::find().filter(after).order_by_asc(Column::Seq).limit(AT_ONCE).all(&db).await?;
    let Some(last) = rows.iter().take_while(|row| row.at < before).last() else { return Ok(None) };
    let place = last.seq.zip(last.hash.clone()).map(|(seq, hash)| Place { seq, hash });
    let Some(place) = place else { return Ok(None) };
    // What was tampered with is not swept away as if its time were over.
    let mut walk = Walk::new(begin, place.clone());
    rows.iter().take_while(|row| row.seq <= Some(place.seq)).try_for_each(|row| walk.step(&linked(row)))?;
    walk.finish()?;
    remember(&db, master, BEGIN, &place).await?;
    let old = Column::Seq.lte(place.seq);
    let gone = Entity::delete_many().filter(old).exec(&db).await?.rows_affected;
    db.commit().await?;
    Ok(Some(gone))
}

/// Forgets where somebody came from in rows that are older than `before`; returns in how many.
pub async fn forget_origins(store: &Store, before: i64) -> Result<u64, StoreError> {
    let mut done = 0;
    loop {
        let known = Column::Ip.is_not_null().or(Column::UserAgent.is_not_null()).or(Column::Salt.is_not_null());
        let old = Entity::find().filter(Column::At.lt(before)).filter(known).limit(AT_ONCE);
        let ids: Vec<_> = old.all(store.read()).await?.into_iter().map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(done);
        }
        let nothing = || Expr::value(None::<String>);
        done += Entity::update_many()
            .col_expr(Column::Ip, nothing())
            .col_expr(Column::UserAgent, nothing())
            .col_expr(Column::Salt, nothing())
            .filter(Column::Id.is_in(ids))
            .exec(store.write())
            .await?
            .rows_affected;
    }
}

/// Authenticates what is remembered with the present master key, so that earlier ones may go.
pub async fn rewrap(store: &Store, master: &Master) -> Result<(), ChainError> {
    let db = store.begin().await?;
    for mark in [BEGIN, END] {
        if let Some(place) = recall(&db, master, mark).await? {
            remember(&db, master, mark, &place).await?;
        }
    }
    Ok(db.commit().await?)
}

/// Whether the chain is ours until the transaction ends. On SQLite the transaction itself is the lock.
async fn lock(db: &Tx) -> Result<bool, StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    let take = format!("select pg_try_advisory_xact_lock({LOCK}) as ours");
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, take)).await?;
    Ok(row.map_or(Ok(false), |row| row.try_get("", "ours"))?)
}

async fn begin_of(db: &impl ConnectionTrait, master: &Master) -> Result<Place, ChainError> {
    Ok(recall(db, master, BEGIN).await?.unwrap_or_else(Place::beginning))
}

/// Rows that are linked have an end that is remembered.
async fn end_of(db: &impl ConnectionTrait, master: &Master) -> Result<Place, ChainError> {
    if let Some(place) = recall(db, master, END).await? {
        return Ok(place);
    }
    let linked = Entity::find().filter(Column::Seq.is_not_null()).limit(1).one(db).await?;
    if linked.is_some() || recall(db, master, BEGIN).await?.is_some() {
        return Err(Break::Forged { which: END.which }.into());
    }
    Ok(Place::beginning())
}

async fn recall(db: &impl ConnectionTrait, master: &Master, mark: Mark) -> Result<Option<Place>, ChainError> {
    let Some(fact) = fact::Entity::find_by_id(mark.name).one(db).await? else { return Ok(None) };
    let parts: Vec<&str> = fact.value.split(' ').collect();
    let place = match parts[..] {
        [seq, hash, mac] if master.verify_mac(PURPOSE, &[mark.name, seq, hash], mac) => {
            seq.parse().ok().map(|seq| Place { seq, hash: hash.to_owned() })
        }
        _ => None,
    };
    place.map(Some).ok_or_else(|| Break::Forged { which: mark.which }.into())
}

async fn remember(db: &impl ConnectionTrait, master: &Master, mark: Mark, place: &Place) -> Result<(), StoreError> {
    let Place { seq, hash } = place;
    let mac = master.mac(PURPOSE, &[mark.name, &seq.to_string(), hash]);
    let row = fact::ActiveModel { name: Set(mark.name.to_owned()), value: Set(format!("{seq} {hash} {mac}")) };
    fact::Entity::insert(row)
        .on_conflict(OnConflict::column(fact::Column::Name).update_column(fact::Column::Value).to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

fn linked(row: &Model) -> Linked<'_> {
    Linked {
        seq: row.seq.unwrap_or_default(),
        said: said(row),
        from: From { ip: row.ip.as_deref(), user_agent: row.user_agent.as_deref(), salt: row.salt.as_deref() },
        origin: row.origin.as_deref(),
        previous: row.previous.as_deref(),
        hash: row.hash.as_deref(),
    }
}

fn said(row: &Model) -> Said<'_> {
    Said {
        id: row.id,
        at: row.at,
        event: &row.event,
        severity: &row.severity,
        actor_kind: &row.actor_kind,
        actor_id: row.actor_id.as_deref(),
        target: row.target.as_deref(),
        service: row.service.as_deref(),
        provider: row.provider.as_deref(),
        reference: row.reference.as_deref(),
        details: &row.details,
    }
}
