//! The outbox: each parcel to one taker at a time, and to somebody at least once.

use std::collections::HashSet;

use migration::{Migrator, MigratorTrait};
use sea_orm::{Database, DatabaseConnection, EntityTrait, TransactionTrait};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::store::entity;
use crate::store::outbox::{Lane, Outcome, claim, pause, put, settle};

const LEASE: Duration = Duration::seconds(90);

fn noon() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_577_880_000).unwrap()
}

async fn open(directory: &tempfile::TempDir) -> DatabaseConnection {
    let path = directory.path().join("outbox.db");
    let conn = Database::connect(format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
    Migrator::up(&conn, None).await.unwrap();
    conn
}

async fn put_one(conn: &DatabaseConnection, retry_for: Duration) -> Uuid {
    let id = Uuid::now_v7();
    put(conn, id, "extension:crm", "sealed".into(), noon(), noon() + retry_for).await.unwrap();
    id
}

async fn count(conn: &DatabaseConnection) -> usize {
    entity::outbox::Entity::find().all(conn).await.unwrap().len()
}

#[tokio::test]
async fn a_parcel_is_taken_once_and_gone_when_it_arrived() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    let id = put_one(&conn, Duration::HOUR).await;

    let claimed = claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();
    let second = claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].id, claimed[0].channel.as_str(), claimed[0].tries), (id, "extension:crm", 0));
    assert!(second.is_empty());

    assert!(settle(&conn, &claimed[0], &Outcome::Taken, noon()).await.unwrap());
    assert_eq!(count(&conn).await, 0);
}

#[tokio::test]
async fn a_parcel_of_a_transaction_that_is_rolled_back_never_was() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    let change = conn.begin().await.unwrap();
    put(&change, Uuid::now_v7(), "mail", "sealed".into(), noon(), noon()).await.unwrap();

    change.rollback().await.unwrap();

    assert_eq!(count(&conn).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_takers_never_hold_the_same_parcel() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (open(&directory).await, open(&directory).await);
    let mut all = HashSet::new();
    for _ in 0..60 {
        all.insert(put_one(&one, Duration::HOUR).await);
    }

    let take = |conn: DatabaseConnection| async move {
        let mut taken = Vec::new();
        for _ in 0..20 {
            taken.extend(
                claim(&conn, Lane::Tellings, noon(), 7, LEASE).await.unwrap().into_iter().map(|parcel| parcel.id),
            );
        }
        taken
    };
    let (left, right) = tokio::join!(tokio::spawn(take(one)), tokio::spawn(take(other)));
    let taken = [left.unwrap(), right.unwrap()].concat();

    assert_eq!(taken.len(), 60);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), all);
}

#[tokio::test]
async fn a_parcel_whose_taker_died_is_due_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    let id = put_one(&conn, Duration::HOUR).await;
    claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();
    conn.close().await.unwrap();

    let conn = open(&directory).await;
    assert!(claim(&conn, Lane::Tellings, noon() + LEASE - Duration::SECOND, 10, LEASE).await.unwrap().is_empty());
    let claimed = claim(&conn, Lane::Tellings, noon() + LEASE, 10, LEASE).await.unwrap();

    assert_eq!(claimed[0].id, id);
}

#[tokio::test]
async fn a_parcel_that_was_not_taken_waits_longer_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    put_one(&conn, Duration::days(1)).await;
    let mut now = noon();

    for (tries, seconds) in [(0, 5), (1, 10), (2, 20), (3, 40)] {
        let claimed = claim(&conn, Lane::Tellings, now, 10, LEASE).await.unwrap();
        assert_eq!(claimed[0].tries, tries);
        assert!(settle(&conn, &claimed[0], &Outcome::Failed("503".into()), now).await.unwrap());
        now += Duration::seconds(seconds);
        assert!(claim(&conn, Lane::Tellings, now - Duration::SECOND, 10, LEASE).await.unwrap().is_empty());
    }
}

#[test]
fn a_pause_doubles_up_to_an_hour() {
    assert_eq!(pause(0), Duration::seconds(5));
    assert_eq!(pause(1), Duration::seconds(10));
    assert_eq!(pause(9), Duration::seconds(2560));
    assert_eq!(pause(10), Duration::hours(1));
    assert_eq!(pause(31), Duration::hours(1));
    assert_eq!(pause(u32::MAX), Duration::hours(1));
}

#[tokio::test]
async fn a_parcel_is_given_up_when_the_next_try_would_be_too_late() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    for (retry_for, is_kept) in [(4, false), (0, false), (5, true)] {
        put_one(&conn, Duration::seconds(retry_for)).await;
        let claimed = claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();

        let kept = settle(&conn, &claimed[0], &Outcome::Failed("503".into()), noon()).await.unwrap();

        assert_eq!(kept, is_kept, "{retry_for}");
        assert_eq!(count(&conn).await, usize::from(is_kept));
    }
}

#[tokio::test]
async fn a_parcel_nobody_can_take_goes_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    put_one(&conn, Duration::HOUR).await;
    let claimed = claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();

    assert!(!settle(&conn, &claimed[0], &Outcome::Hopeless, noon()).await.unwrap());

    assert_eq!(count(&conn).await, 0);
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let conn = open(&directory).await;
    put_one(&conn, Duration::HOUR).await;
    let slow = claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();
    let later = noon() + LEASE + Duration::SECOND;
    let quick = claim(&conn, Lane::Tellings, later, 10, LEASE).await.unwrap();
    assert_eq!(quick.len(), 1);

    settle(&conn, &slow[0], &Outcome::Failed("late".into()), later).await.unwrap();

    assert!(claim(&conn, Lane::Tellings, later + Duration::seconds(30), 10, LEASE).await.unwrap().is_empty());
}
