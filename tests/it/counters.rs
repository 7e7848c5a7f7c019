//! What several processes count together: attempts, and values that can be spent once.

use std::sync::Arc;

use sea_orm::EntityTrait as _;
use time::Duration;

use super::stage::clock::ManualClock;
use super::stage::database::Empty;
use crate::clock::Clock as _;
use crate::config::{Rate, Span};
use crate::store::limits::{self, Pass};
use crate::store::{Store, spent};

/// One database and two processes.
struct Pair {
    _place: Empty,
    clock: Arc<ManualClock>,
    one: Store,
    two: Store,
}

impl Pair {
    async fn open() -> Self {
        let (place, clock) = (Empty::new().await, Arc::new(ManualClock::new()));
        let one = Store::connect(&place.settings, clock.clone()).await.unwrap();
        one.migrate().await.unwrap();
        let two = Store::connect(&place.settings, clock.clone()).await.unwrap();
        Self { _place: place, clock, one, two }
    }

    fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    async fn count(&self, rate: Rate) -> Pass {
        limits::count(self.one.write(), "key", rate, self.now()).await.unwrap()
    }
}

fn rate(limit: u32, per: Duration, burst: u32) -> Rate {
    Rate { limit, per: Span(per), burst }
}

#[tokio::test]
async fn a_burst_is_free_and_then_one_by_one() {
    let two = Pair::open().await;
    let rate = rate(2, Duration::minutes(1), 3);

    for _ in 0..3 {
        assert_eq!(two.count(rate).await, Pass::Free);
    }
    let Pass::Wait(wait) = two.count(rate).await else { panic!("a fourth was free") };
    assert!(wait >= Duration::seconds(30) && wait <= Duration::seconds(31), "{wait}");
    two.clock.advance(Duration::seconds(29));
    assert!(matches!(two.count(rate).await, Pass::Wait(_)));
    two.clock.advance(Duration::seconds(1));
    assert_eq!(two.count(rate).await, Pass::Free);
    assert!(matches!(two.count(rate).await, Pass::Wait(_)));
    two.clock.advance(Duration::hours(1));
    for _ in 0..3 {
        assert_eq!(two.count(rate).await, Pass::Free, "no more than a burst is saved up");
    }
    assert!(matches!(two.count(rate).await, Pass::Wait(_)));
}

#[tokio::test]
async fn who_waits_as_long_as_told_may_go_on() {
    for rate in
        [rate(7, Duration::seconds(10), 1), rate(1, Duration::seconds(1), 1), rate(600, Duration::minutes(1), 1)]
    {
        let two = Pair::open().await;
        while two.count(rate).await == Pass::Free {}
        let Pass::Wait(wait) = two.count(rate).await else { panic!() };
        two.clock.advance(wait);
        assert_eq!(two.count(rate).await, Pass::Free, "{rate:?}");
    }
}

#[tokio::test]
async fn a_refused_attempt_costs_nothing() {
    let two = Pair::open().await;
    let rate = rate(1, Duration::minutes(1), 1);
    assert_eq!(two.count(rate).await, Pass::Free);
    for _ in 0..10 {
        assert!(matches!(two.count(rate).await, Pass::Wait(_)));
    }
    two.clock.advance(Duration::minutes(1));
    assert_eq!(two.count(rate).await, Pass::Free);
}

#[tokio::test]
async fn a_forgiven_attempt_is_free_again_and_no_credit_grows_from_it() {
    let two = Pair::open().await;
    let rate = rate(1, Duration::minutes(1), 2);
    for _ in 0..20 {
        assert_eq!(two.count(rate).await, Pass::Free);
        limits::forgive(two.two.write(), "key", rate).await.unwrap();
    }
    limits::forgive(two.two.write(), "key", rate).await.unwrap();
    limits::forgive(two.two.write(), "nobody", rate).await.unwrap();
    assert_eq!((two.count(rate).await, two.count(rate).await), (Pass::Free, Pass::Free));
    assert!(matches!(two.count(rate).await, Pass::Wait(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_count_together_exactly() {
    let two = Pair::open().await;
    let (rate, now) = (rate(5, Duration::hours(1), 5), two.now());

    let tries = (0..40).map(|number| {
        let store = if number % 2 == 0 { two.one.clone() } else { two.two.clone() };
        tokio::spawn(async move { limits::count(store.write(), "key", rate, now).await.unwrap() })
    });
    let mut free = 0;
    for pass in tries.collect::<Vec<_>>() {
        free += u32::from(pass.await.unwrap() == Pass::Free);
    }
    assert_eq!(free, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_spent_once_whoever_comes() {
    let two = Pair::open().await;
    let until = two.now() + 60;

    let tries = (0..40).map(|number| {
        let store = if number % 2 == 0 { two.one.clone() } else { two.two.clone() };
        tokio::spawn(async move { spent::spend(store.write(), "value", until).await.unwrap() })
    });
    let mut first = 0;
    for was_first in tries.collect::<Vec<_>>() {
        first += u32::from(was_first.await.unwrap());
    }
    assert_eq!(first, 1);
    assert!(spent::is_spent(two.two.read(), "value").await.unwrap());
    assert!(!spent::is_spent(two.two.read(), "other").await.unwrap());
}

#[tokio::test]
async fn a_spent_value_is_not_forgotten_before_its_time() {
    let two = Pair::open().await;
    assert!(spent::spend(two.one.write(), "value", two.now() + 60).await.unwrap());

    two.clock.advance(Duration::seconds(60));
    assert_eq!(spent::sweep(two.one.write(), two.now()).await.unwrap(), 0);
    two.clock.advance(Duration::seconds(1));
    assert_eq!(spent::sweep(two.one.write(), two.now()).await.unwrap(), 1);
    assert_eq!(crate::store::entity::spent::Entity::find().all(two.one.read()).await.unwrap().len(), 0);
}
