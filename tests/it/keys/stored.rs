//! Keys in a database that several processes share.

use std::collections::BTreeMap;
use std::path::Path;

use migration::{Migrator, MigratorTrait as _};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectOptions, Database, DatabaseConnection, EntityTrait as _, QueryFilter as _};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::clock::Clock as _;
use crate::domain::service::Algorithm;
use crate::it::stage::clock::ManualClock;
use crate::keys::schedule::Policy;
use crate::keys::{KeyRing, Master};
use crate::store::entity::signing_key::{Column, Entity};
use crate::store::keys::{KeysError, check_master, ensure, load, rewrap, rotate};

const POLICY: Policy = Policy {
    rotation_interval: Duration::days(90),
    publish_before: Duration::days(2),
    retire_after: Duration::days(7),
};

/// Two processes on one database.
struct Pair {
    folder: tempfile::TempDir,
    one: DatabaseConnection,
    two: DatabaseConnection,
    text: String,
    master: Master,
    clock: ManualClock,
}

async fn connect(path: &Path) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
    options.max_connections(1);
    Database::connect(options).await.unwrap()
}

impl Pair {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sqlite");
        let one = connect(&path).await;
        Migrator::up(&one, None).await.unwrap();
        let two = connect(&path).await;
        let text = Master::generate();
        let master = Master::new(&text, &[]).unwrap();
        Self { folder, one, two, text, master, clock: ManualClock::new() }
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Both do what is due, at once.
    async fn both(&self) -> (KeyRing, KeyRing) {
        let (one, two) = tokio::join!(
            ensure(&self.one, &self.master, &POLICY, self.now()),
            ensure(&self.two, &self.master, &POLICY, self.now())
        );
        (one.unwrap(), two.unwrap())
    }

    async fn slots(&self) -> BTreeMap<String, Vec<i64>> {
        let mut slots = BTreeMap::<String, Vec<i64>>::new();
        for row in Entity::find().all(&self.one).await.unwrap() {
            slots.entry(row.algorithm).or_default().push(row.slot);
        }
        for slots in slots.values_mut() {
            slots.sort_unstable();
        }
        slots
    }

    fn expected(slots: &[i64]) -> BTreeMap<String, Vec<i64>> {
        Algorithm::ALL.map(|algorithm| (algorithm.name().to_owned(), slots.to_vec())).into()
    }
}

fn active(ring: &KeyRing, now: OffsetDateTime) -> [String; 3] {
    Algorithm::ALL.map(|algorithm| ring.active(algorithm, now).unwrap().kid().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_make_one_first_key_of_each_algorithm() {
    let pair = Pair::new().await;

    let (one, two) = pair.both().await;

    assert_eq!(pair.slots().await, Pair::expected(&[1]));
    assert_eq!(one.jwks(), two.jwks());
    assert_eq!(active(&one, pair.now()), active(&two, pair.now()));
    let etag = one.etag().to_owned();
    assert_eq!(pair.both().await.0.etag(), etag, "nothing is due, nothing changes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_rotate_once_and_one_key_signs_at_every_moment() {
    let pair = Pair::new().await;
    let first = active(&pair.both().await.0, pair.now());

    pair.clock.advance(Duration::days(88) - Duration::seconds(1));
    pair.both().await;
    assert_eq!(pair.slots().await, Pair::expected(&[1]));

    pair.clock.advance(Duration::seconds(1));
    let (one, two) = pair.both().await;
    assert_eq!(pair.slots().await, Pair::expected(&[1, 2]));
    assert_eq!(one.jwks(), two.jwks());
    assert_eq!(active(&one, pair.now()), first);
    let change = pair.now() + Duration::days(2);
    assert_eq!(active(&one, change - Duration::seconds(1)), first);
    let second = active(&one, change);
    assert!(first.iter().zip(&second).all(|(first, second)| first != second));
    assert_eq!(active(&two, change), second);

    pair.clock.advance(Duration::days(9) - Duration::seconds(1));
    assert_eq!(pair.both().await.0.keys().len(), 6, "the old keys still verify");
    pair.clock.advance(Duration::seconds(1));
    assert_eq!(pair.both().await.0.keys().len(), 3);
    assert_eq!(pair.slots().await, Pair::expected(&[2]));
}

#[tokio::test]
async fn a_rotation_that_broke_off_after_making_the_key_is_finished_later() {
    let pair = Pair::new().await;
    let first = active(&pair.both().await.0, pair.now());
    let later = pair.now() + Duration::hours(1);
    for algorithm in Algorithm::ALL {
        rotate(&pair.one, &pair.master, algorithm, later, pair.now()).await.unwrap();
    }

    let ring = load(&pair.two, &pair.master, pair.now()).await.unwrap();
    assert_eq!(active(&ring, later - Duration::seconds(1)), first);
    let second = active(&ring, later);
    assert_ne!(first, second);

    pair.clock.advance(Duration::hours(2));
    let ring = pair.both().await.0;
    assert_eq!(active(&ring, pair.now()), second);
    let old = ring.keys().iter().find(|key| key.kid() == first[0]).unwrap();
    assert_eq!(old.times().signs_until, Some(later));
    assert_eq!(old.times().drops_at, Some(later + POLICY.retire_after));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_by_hand_takes_the_waiting_key_first() {
    let pair = Pair::new().await;
    pair.both().await;
    let (algorithm, now) = (Algorithm::ES256, pair.now());
    let soon = now + Duration::days(2);

    let (one, two) = tokio::join!(
        rotate(&pair.one, &pair.master, algorithm, soon, now),
        rotate(&pair.two, &pair.master, algorithm, soon, now)
    );
    assert_eq!((one.unwrap(), two.unwrap()), (2, 2));
    let waiting = pair.both().await.0.active(algorithm, soon).unwrap().kid().to_owned();

    assert_eq!(rotate(&pair.one, &pair.master, algorithm, soon + Duration::days(1), now).await.unwrap(), 2);
    assert_eq!(pair.both().await.0.active(algorithm, soon).unwrap().kid(), waiting, "it is never moved back");
    assert_eq!(rotate(&pair.one, &pair.master, algorithm, now, now).await.unwrap(), 2);
    let ring = pair.both().await.0;
    assert_eq!(ring.active(algorithm, now).unwrap().kid(), waiting);
    assert_eq!(pair.slots().await["ES256"], [1, 2]);

    assert_eq!(rotate(&pair.one, &pair.master, algorithm, now, now).await.unwrap(), 3);
    assert_eq!(pair.slots().await["RS256"], [1]);
}

#[tokio::test]
async fn another_master_key_is_refused_at_start() {
    let pair = Pair::new().await;
    pair.both().await;
    let other = Master::new(&Master::generate(), &[]).unwrap();

    assert!(matches!(check_master(&pair.one, &other).await, Err(KeysError::WrongMaster)));
    assert!(matches!(ensure(&pair.one, &other, &POLICY, pair.now()).await, Err(KeysError::WrongMaster)));
    assert!(matches!(load(&pair.one, &other, pair.now()).await, Err(KeysError::Shut(_))));
    assert_eq!(pair.slots().await, Pair::expected(&[1]));
}

#[tokio::test]
async fn a_new_master_key_takes_over_and_the_old_one_may_go_after_rewrapping() {
    let pair = Pair::new().await;
    let first = pair.both().await.0;
    let text = Master::generate();
    let both = Master::new(&text, &[&pair.text]).unwrap();
    let only = Master::new(&text, &[]).unwrap();

    assert_eq!(ensure(&pair.one, &both, &POLICY, pair.now()).await.unwrap().jwks(), first.jwks());
    assert!(matches!(check_master(&pair.one, &only).await, Err(KeysError::WrongMaster)));
    assert_eq!(rewrap(&pair.one, &both).await.unwrap(), 3);
    assert_eq!(rewrap(&pair.one, &both).await.unwrap(), 0);
    assert_eq!(ensure(&pair.one, &only, &POLICY, pair.now()).await.unwrap().jwks(), first.jwks());
    assert!(matches!(check_master(&pair.one, &pair.master).await, Err(KeysError::WrongMaster)));
}

#[tokio::test]
async fn a_sealed_key_in_another_row_or_changed_stays_shut() {
    let pair = Pair::new().await;
    pair.both().await;
    let of = async |algorithm: &str| {
        Entity::find().filter(Column::Algorithm.eq(algorithm)).one(&pair.one).await.unwrap().unwrap()
    };
    let set = async |column: Column, value: Expr| {
        let update = Entity::update_many().col_expr(column, value).filter(Column::Algorithm.eq("ES256"));
        update.exec(&pair.one).await.unwrap();
        let loaded = load(&pair.one, &pair.master, pair.now()).await;
        assert!(matches!(loaded, Err(KeysError::Shut(_))), "{column:?}");
    };
    let good = of("ES256").await;

    set(Column::Sealed, Expr::value(of("EdDSA").await.sealed)).await;
    set(Column::Sealed, Expr::value("")).await;
    let update = Entity::update_many().col_expr(Column::Sealed, Expr::value(good.sealed));
    update.filter(Column::Algorithm.eq("ES256")).exec(&pair.one).await.unwrap();
    assert!(load(&pair.one, &pair.master, pair.now()).await.is_ok());
    set(Column::Slot, Expr::value(9)).await;
    set(Column::Id, Expr::value("other")).await;
}

#[tokio::test]
async fn a_dump_holds_no_private_key_and_no_master_key() {
    let pair = Pair::new().await;
    let ring = pair.both().await.0;
    let token = ring.sign(Algorithm::ES256, None, &json!({}), pair.now()).unwrap();
    assert_eq!(token.split('.').count(), 3);

    let path = pair.folder.path().join("it.sqlite");
    let dump = std::fs::read(path).unwrap();

    let has = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(!has(pair.text.as_bytes()));
    for row in Entity::find().all(&pair.one).await.unwrap() {
        let place = format!("{}/{}/{}", row.algorithm, row.slot, row.id);
        let plain = pair.master.open("signing key", &place, &row.sealed).unwrap();
        assert!(has(row.sealed.as_bytes()));
        let (from, to) = (plain.len() / 2, plain.len() / 2 + 12);
        assert!(!has(&plain[from..to]) && !has(super::b64(&plain).as_bytes()));
    }
}
