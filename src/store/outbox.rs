//! What still has to be told or mailed: written with the change it tells of, handed out at least once.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::entity::outbox::{ActiveModel, Column, Entity, Model};

/// What parcels are sealed for; the row is the parcel's id.
pub const SEALED_FOR: &str = "outbox";
/// The channel of letters.
pub const MAIL: &str = "mail";
/// First pause after a failure.
const FIRST_PAUSE: Duration = Duration::seconds(5);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::hours(1);

/// One parcel that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The same at every try.
    pub id: Uuid,
    /// `extension:ID` or `mail`.
    pub channel: String,
    /// Sealed for this id.
    pub sealed: String,
    /// Failures so far.
    pub tries: u32,
    /// When it was put in.
    pub created_at: OffsetDateTime,
    /// Not tried again after this.
    pub expires_at: OffsetDateTime,
    /// Until when it is ours.
    leased_until: i64,
}

/// What became of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody has it.
    Taken,
    /// Not now; the reason is for the log, so it says nothing about what is inside.
    Failed(String),
    /// Never: there is nobody to take it, or it cannot be opened.
    Hopeless,
}

/// Puts a parcel in, due at once. Call it in the transaction of the change it tells of.
pub async fn put(
    conn: &impl ConnectionTrait,
    id: Uuid,
    channel: &str,
    sealed: String,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id),
        channel: Set(channel.to_owned()),
        sealed: Set(sealed),
        tries: Set(0),
        due_at: Set(now.unix_timestamp()),
        expires_at: Set(expires_at.unix_timestamp()),
        created_at: Set(now.unix_timestamp()),
    };
    Entity::insert(row).exec_without_returning(conn).await.map(|_| ())
}

/// Letters and tellings travel apart, so that a slow receiver of the one does not hold up the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The channel [`MAIL`].
    Letters,
    /// All other channels.
    Tellings,
}

/// Takes up to `limit` due parcels of the lane, oldest first. Nobody else gets them until the lease is over.
pub async fn claim(
    conn: &impl ConnectionTrait,
    lane: Lane,
    now: OffsetDateTime,
    limit: u64,
    lease: Duration,
) -> Result<Vec<Parcel>, DbErr> {
    let in_lane = match lane {
        Lane::Letters => Column::Channel.eq(MAIL),
        Lane::Tellings => Column::Channel.ne(MAIL),
    };
    let due = Entity::find()
        .filter(in_lane)
        .filter(Column::DueAt.lte(now.unix_timestamp()))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?;
    let leased_until = (now + lease).unix_timestamp();
    let mut claimed = Vec::with_capacity(due.len());
    for row in due {
        if reschedule(conn, row.id, row.due_at, row.tries, leased_until).await? {
            claimed.extend(parcel(row, leased_until));
        }
    }
    Ok(claimed)
}

/// Writes down what became of a claimed parcel: gone, due again after a pause, or given up because that would be too late.
///
/// `false` if it was given up.
pub async fn settle(
    conn: &impl ConnectionTrait,
    parcel: &Parcel,
    outcome: &Outcome,
    now: OffsetDateTime,
) -> Result<bool, DbErr> {
    match outcome {
        Outcome::Taken => done(conn, parcel.id).await.map(|()| true),
        Outcome::Failed(reason) => {
            tracing::warn!(outbox.id = %parcel.id, outbox.channel = %parcel.channel, %reason, "not delivered");
            again(conn, parcel, now).await
        }
        Outcome::Hopeless => give_up(conn, parcel).await.map(|()| false),
    }
}

async fn again(conn: &impl ConnectionTrait, parcel: &Parcel, now: OffsetDateTime) -> Result<bool, DbErr> {
    let due_at = now + pause(parcel.tries);
    if due_at > parcel.expires_at {
        give_up(conn, parcel).await?;
        return Ok(false);
    }
    let tries = i64::from(parcel.tries) + 1;
    // Whoever lost the lease meanwhile changes nothing.
    reschedule(conn, parcel.id, parcel.leased_until, tries, due_at.unix_timestamp()).await?;
    Ok(true)
}

async fn give_up(conn: &impl ConnectionTrait, parcel: &Parcel) -> Result<(), DbErr> {
    tracing::error!(outbox.id = %parcel.id, outbox.channel = %parcel.channel, "given up");
    done(conn, parcel.id).await
}

async fn done(conn: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(conn).await.map(|_| ())
}

/// How long to wait after so many failures: five seconds, then twice as long each time, at most an hour.
pub fn pause(failures: u32) -> Duration {
    let doubled = 2_i32.checked_pow(failures).map_or(LONGEST_PAUSE, |times| FIRST_PAUSE.saturating_mul(times));
    doubled.min(LONGEST_PAUSE)
}

/// `true` for the one caller who still knew when it was due.
async fn reschedule(
    conn: &impl ConnectionTrait,
    id: Uuid,
    was_due_at: i64,
    tries: i64,
    due_at: i64,
) -> Result<bool, DbErr> {
    let updated = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(due_at))
        .col_expr(Column::Tries, Expr::value(tries))
        .filter(Column::Id.eq(id))
        .filter(Column::DueAt.eq(was_due_at))
        .exec(conn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// `None` for a row whose times are no times; it stays where it is.
fn parcel(row: Model, leased_until: i64) -> Option<Parcel> {
    let Model { id, channel, sealed, tries, due_at: _, expires_at, created_at } = row;
    Some(Parcel {
        id,
        channel,
        sealed,
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
        created_at: OffsetDateTime::from_unix_timestamp(created_at).ok()?,
        expires_at: OffsetDateTime::from_unix_timestamp(expires_at).ok()?,
        leased_until,
    })
}
