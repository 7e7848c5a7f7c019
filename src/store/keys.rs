//! Signing keys in the database: sealed, numbered, and changed by whichever process comes first.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::entity::{fact, signing_key};
use super::{StoreError, audit, spent};
use crate::domain::audit::{By, Event, What};
use crate::domain::service::Algorithm;
use crate::keys::schedule::{self, Change, KeyTimes, Policy, Stage};
use crate::keys::{self, KeyError, KeyRing, Master, SigningKey};

/// What private parts are sealed for.
const SEALED_FOR: &str = "signing key";
/// The name of the fact that tells master keys apart.
const MASTER_FACT: &str = "master_key";
/// After so many rounds nothing is due any more: a first key, its successor, and the end of the first.
const SETTLED: usize = 3;
/// For how long it is known that a stage of a key was written down: longer than any key is published.
const NOTED_FOR: Duration = Duration::days(3650);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// What became of a key cannot be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database belongs to another master key.
    #[error("this database was made with another master key; put the former one into `master_key` or `previous_keys`")]
    WrongMaster,
    /// A row is not what this server wrote.
    #[error("the signing key `{0}` cannot be opened: it was changed, or sealed with a master key that is not given")]
    Shut(String),
    /// Making a key was broken off.
    #[error("making a key was broken off")]
    Broken,
}

/// Refuses a database that was made with another master key; a new database remembers this one.
pub async fn check_master(db: &impl ConnectionTrait, master: &Master) -> Result<(), KeysError> {
    let row = fact::ActiveModel { name: Set(MASTER_FACT.into()), value: Set(master.check_value()) };
    fact::Entity::insert(row)
        .on_conflict(OnConflict::column(fact::Column::Name).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    let known = fact::Entity::find_by_id(MASTER_FACT).one(db).await?;
    if known.is_some_and(|fact| master.recognises(&fact.value)) { Ok(()) } else { Err(KeysError::WrongMaster) }
}

/// All published keys, opened and tried.
pub async fn load(db: &impl ConnectionTrait, master: &Master, now: OffsetDateTime) -> Result<KeyRing, KeysError> {
    let rows = rows(db).await?;
    let work = {
        let master = master.clone();
        move || rows.iter().filter_map(|row| open(row, &master, now).transpose()).collect::<Result<Vec<_>, _>>()
    };
    // Trying an RSA key takes milliseconds: not on a thread that serves.
    let keys = tokio::task::spawn_blocking(work).await.map_err(|_| KeysError::Broken)??;
    Ok(KeyRing::new(keys, now))
}

/// Does what is due, makes first keys where there are none, and loads the ring. Safe to run in many processes at once and to break off
/// anywhere: slots are unique, so one key wins, and the newest that has begun is the one that signs.
pub async fn ensure(
    db: &impl ConnectionTrait,
    master: &Master,
    policy: &Policy,
    now: OffsetDateTime,
) -> Result<KeyRing, KeysError> {
    check_master(db, master).await?;
    for algorithm in Algorithm::ALL {
        // One change may make another due: once a successor is there, the end of the older key is known.
        for _ in 0..SETTLED {
            let changes = schedule::due(&times(db, algorithm).await?, policy, now);
            if changes.is_empty() {
                break;
            }
            for change in changes {
                apply(db, master, algorithm, change, now).await?;
            }
        }
    }
    let ring = load(db, master, now).await?;
    for algorithm in Algorithm::ALL {
        note_stages(db, &ring, algorithm, now).await?;
    }
    Ok(ring)
}

/// Writes down which key signs now, and which do no longer: once, whichever process sees it first.
async fn note_stages(
    db: &impl ConnectionTrait,
    ring: &KeyRing,
    algorithm: Algorithm,
    now: OffsetDateTime,
) -> Result<(), KeysError> {
    let keys: Vec<_> = ring.keys().iter().filter(|key| key.algorithm() == algorithm).collect();
    let times: Vec<KeyTimes> = keys.iter().map(|key| *key.times()).collect();
    for (key, stage) in keys.iter().zip(schedule::stages(&times, now)) {
        let event = match stage {
            Stage::Next => continue,
            Stage::Active => Event::KeyActivated,
            Stage::Retired => Event::KeyRetired,
        };
        let once = format!("{} {}", event.name(), key.kid());
        let until = (now + NOTED_FOR).unix_timestamp();
        if !spent::is_spent(db, &once).await? && spent::spend(db, &once, until).await? {
            note(db, &By::system(), event, algorithm, key.kid(), now).await?;
        }
    }
    Ok(())
}

async fn note(
    db: &impl ConnectionTrait,
    by: &By,
    event: Event,
    algorithm: Algorithm,
    kid: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let what = What::new(event).details(json!({ "kid": kid, "alg": algorithm.name() }));
    audit::append(db, by, what, now.unix_timestamp()).await
}

/// Another key signs from `signs_from` on, as somebody at the command line wants it. A key that is already published but does not sign yet is taken before a new one is made, and
/// never moved back. Returns its slot; call [`ensure`] afterwards.
pub async fn rotate(
    db: &impl ConnectionTrait,
    master: &Master,
    algorithm: Algorithm,
    signs_from: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<i64, KeysError> {
    let times = times(db, algorithm).await?;
    let active = schedule::active(times.iter(), now);
    let waiting = times.iter().find(|key| active.is_some_and(|active| key.slot > active));
    if let Some(next) = waiting {
        signing_key::Entity::update_many()
            .col_expr(signing_key::Column::SignsFrom, Expr::value(signs_from.unix_timestamp()))
            .filter(signing_key::Column::Algorithm.eq(algorithm.name()))
            .filter(signing_key::Column::Slot.eq(next.slot))
            .filter(signing_key::Column::SignsFrom.gt(signs_from.unix_timestamp()))
            .exec(db)
            .await?;
        return Ok(next.slot);
    }
    let slot = times.iter().map(|key| key.slot).max().unwrap_or(0) + 1;
    create(db, master, algorithm, (slot, signs_from), now, &By::command()).await?;
    Ok(slot)
}

/// Seals everything again with the present master key, so that earlier ones may go. Returns how many rows changed.
pub async fn rewrap(db: &impl ConnectionTrait, master: &Master) -> Result<u64, KeysError> {
    check_master(db, master).await?;
    let mut changed = 0;
    for row in rows(db).await?.into_iter().filter(|row| master.is_outdated(&row.sealed)) {
        let place = place(&row.algorithm, row.slot, &row.id);
        let plain = master.open(SEALED_FOR, &place, &row.sealed).ok_or_else(|| KeysError::Shut(row.id.clone()))?;
        let done = signing_key::Entity::update_many()
            .col_expr(signing_key::Column::Sealed, Expr::value(master.seal(SEALED_FOR, &place, &plain)))
            .filter(signing_key::Column::Id.eq(&row.id))
            .filter(signing_key::Column::Sealed.eq(&row.sealed))
            .exec(db)
            .await?;
        changed += done.rows_affected;
    }
    fact::Entity::update_many()
        .col_expr(fact::Column::Value, Expr::value(master.check_value()))
        .filter(fact::Column::Name.eq(MASTER_FACT))
        .exec(db)
        .await?;
    Ok(changed)
}

async fn apply(
    db: &impl ConnectionTrait,
    master: &Master,
    algorithm: Algorithm,
    change: Change,
    now: OffsetDateTime,
) -> Result<(), KeysError> {
    match change {
        Change::Create { slot, signs_from } => {
            create(db, master, algorithm, (slot, signs_from), now, &By::system()).await
        }
        Change::Retire { slot, signs_until, drops_at } => {
            signing_key::Entity::update_many()
                .col_expr(signing_key::Column::SignsUntil, Expr::value(signs_until.unix_timestamp()))
                .col_expr(signing_key::Column::DropsAt, Expr::value(drops_at.unix_timestamp()))
                .filter(signing_key::Column::Algorithm.eq(algorithm.name()))
                .filter(signing_key::Column::Slot.eq(slot))
                .exec(db)
                .await?;
            Ok(())
        }
        Change::Drop { slot } => {
            signing_key::Entity::delete_many()
                .filter(signing_key::Column::Algorithm.eq(algorithm.name()))
                .filter(signing_key::Column::Slot.eq(slot))
                .exec(db)
                .await?;
            Ok(())
        }
    }
}

async fn create(
    db: &impl ConnectionTrait,
    master: &Master,
    algorithm: Algorithm,
    (slot, signs_from): (i64, OffsetDateTime),
    now: OffsetDateTime,
    by: &By,
) -> Result<(), KeysError> {
    let times = KeyTimes { slot, signs_from, signs_until: None, drops_at: None };
    let make = move || {
        let pkcs8 = keys::generate(algorithm)?;
        let key = SigningKey::open(algorithm, times, &pkcs8)?;
        Ok::<_, KeyError>((key.kid().to_owned(), pkcs8))
    };
    let (kid, pkcs8) = tokio::task::spawn_blocking(make).await.map_err(|_| KeysError::Broken)??;
    let row = signing_key::ActiveModel {
        sealed: Set(master.seal(SEALED_FOR, &place(algorithm.name(), slot, &kid), &pkcs8)),
        id: Set(kid.clone()),
        algorithm: Set(algorithm.name().to_owned()),
        slot: Set(slot),
        created_at: Set(now.unix_timestamp()),
        signs_from: Set(signs_from.unix_timestamp()),
        signs_until: Set(None),
        drops_at: Set(None),
    };
    let taken =
        OnConflict::columns([signing_key::Column::Algorithm, signing_key::Column::Slot]).do_nothing().to_owned();
    let inserted = signing_key::Entity::insert(row).on_conflict(taken).exec_without_returning(db).await?;
    if inserted == 1 {
        note(db, by, Event::KeyGenerated, algorithm, &kid, now).await?;
    }
    Ok(())
}

async fn rows(db: &impl ConnectionTrait) -> Result<Vec<signing_key::Model>, DbErr> {
    signing_key::Entity::find()
        .order_by_asc(signing_key::Column::Algorithm)
        .order_by_asc(signing_key::Column::Slot)
        .all(db)
        .await
}

async fn times(db: &impl ConnectionTrait, algorithm: Algorithm) -> Result<Vec<KeyTimes>, KeysError> {
    let rows = rows(db).await?;
    rows.iter().filter(|row| row.algorithm == algorithm.name()).map(times_of).collect()
}

fn times_of(row: &signing_key::Model) -> Result<KeyTimes, KeysError> {
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| KeysError::Shut(row.id.clone()));
    Ok(KeyTimes {
        slot: row.slot,
        signs_from: at(row.signs_from)?,
        signs_until: row.signs_until.map(at).transpose()?,
        drops_at: row.drops_at.map(at).transpose()?,
    })
}

/// `None` if the key is no longer published, or of an algorithm that a newer version brought.
fn open(row: &signing_key::Model, master: &Master, now: OffsetDateTime) -> Result<Option<SigningKey>, KeysError> {
    let times = times_of(row)?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == row.algorithm);
    let Some(algorithm) = algorithm.filter(|_| !times.is_over(now)) else { return Ok(None) };
    let place = place(&row.algorithm, row.slot, &row.id);
    let pkcs8 = master.open(SEALED_FOR, &place, &row.sealed).ok_or_else(|| KeysError::Shut(row.id.clone()))?;
    Ok(Some(SigningKey::open(algorithm, times, &pkcs8)?))
}

fn place(algorithm: &str, slot: i64, kid: &str) -> String {
    format!("{algorithm}/{slot}/{kid}")
}
