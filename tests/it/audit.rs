//! The audit trail: linked without a fork, held against what was written, read page by page, cut and forgotten in time.

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};
use time::Duration;
use uuid::Uuid;

use super::stage::{House, Stage, erase};
use crate::domain::audit::{Actor, By, Event, What};
use crate::domain::id::UserId;
use crate::jobs;
use crate::store;
use crate::store::audit::chained::{Verified, verify};
use crate::store::audit::search::{Cursor, Filter};
use crate::store::chain::Break;
use crate::store::entity::{audit_event, fact, session};

mod deeds;

/// Somebody somewhere.
fn by(actor: Actor) -> By {
    By {
        actor,
        ip: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("Firefox".into()),
        reference: Some(Uuid::now_v7().to_string()),
    }
}

async fn happens(house: &House, by: &By, what: What) {
    store::audit::append(house.app.store().write(), by, what, house.app.store().now()).await.unwrap();
}

/// This many sign-ins of anybody.
async fn sign_ins(house: &House, count: usize) {
    for _ in 0..count {
        happens(house, &by(Actor::Anonymous), What::new(Event::UserLogin)).await;
    }
}

async fn look(house: &House) -> Verified {
    verify(house.app.store(), &house.app.house.master, |_| {}).await.unwrap()
}

async fn rows(house: &House) -> Vec<audit_event::Model> {
    let rows = audit_event::Entity::find().order_by_asc(audit_event::Column::Seq);
    rows.all(house.app.store().read()).await.unwrap()
}

/// Five linked rows.
async fn five() -> Stage {
    let stage = Stage::open().await;
    sign_ins(&stage, 5).await;
    jobs::chain(&stage.app).await.unwrap();
    stage
}

#[tokio::test]
async fn rows_are_linked_later_and_what_is_not_linked_yet_is_counted() {
    let stage = five().await;
    sign_ins(&stage, 2).await;

    let found = look(&stage).await;
    assert_eq!((found.sound, found.waiting, found.end.seq, found.broken), (5, 2, 5, None));
    jobs::chain(&stage.app).await.unwrap();
    let found = look(&stage).await;
    assert_eq!((found.sound, found.waiting, found.end.seq, found.broken), (7, 0, 7, None));
}

#[tokio::test]
async fn nothing_happened_and_nothing_is_wrong() {
    let stage = Stage::open().await;
    jobs::chain(&stage.app).await.unwrap();
    let found = look(&stage).await;
    assert_eq!((found.sound, found.waiting, found.broken), (0, 0, None));
}

#[tokio::test]
async fn a_changed_row_is_named() {
    let stage = five().await;
    let changed = audit_event::Entity::update_many()
        .col_expr(audit_event::Column::Event, Expr::value("user.logout"))
        .filter(audit_event::Column::Seq.eq(3));
    changed.exec(stage.app.store().write()).await.unwrap();

    let id = rows(&stage).await[2].id;
    let found = look(&stage).await;
    assert_eq!((found.broken, found.sound), (Some(Break::Changed { seq: 3, id }), 2));
}

async fn remove(house: &House, which: Expr) {
    audit_event::Entity::delete_many().filter(which).exec(house.app.store().write()).await.unwrap();
}

#[tokio::test]
async fn removed_rows_are_named_at_the_front_in_the_middle_and_at_the_end() {
    let seq = audit_event::Column::Seq;
    for (which, broken) in [
        (seq.eq(1), Break::Removed { from: 1, to: 1 }),
        (seq.gt(1).and(seq.lt(5)), Break::Removed { from: 2, to: 4 }),
        (seq.gt(3), Break::Cut { from: 4, to: 5 }),
        (seq.gt(0), Break::Cut { from: 1, to: 5 }),
    ] {
        let stage = five().await;
        remove(&stage, which).await;
        assert_eq!(look(&stage).await.broken, Some(broken));
    }
}

#[tokio::test]
async fn the_chain_goes_on_behind_a_removed_end_and_does_not_hide_it() {
    let stage = five().await;
    remove(&stage, audit_event::Column::Seq.eq(5)).await;

    sign_ins(&stage, 1).await;
    jobs::chain(&stage.app).await.unwrap();

    assert_eq!(look(&stage).await.broken, Some(Break::Removed { from: 5, to: 5 }));
}

#[tokio::test]
async fn inserted_rows_are_named() {
    for seq in [-1, 0, 6, 77] {
        let stage = five().await;
        let row = audit_event::Model { id: Uuid::now_v7(), seq: Some(seq), ..rows(&stage).await[1].clone() };
        let id = row.id;
        let inserted = audit_event::Entity::insert(row.into_active_model());
        inserted.exec_without_returning(stage.app.store().write()).await.unwrap();

        assert_eq!(look(&stage).await.broken, Some(Break::Inserted { seq, id }));
    }
}

async fn fact(house: &House, name: &str) -> Option<String> {
    fact::Entity::find_by_id(name).one(house.app.store().read()).await.unwrap().map(|fact| fact.value)
}

async fn set_fact(house: &House, name: &str, value: &str) {
    let changed = fact::Entity::update_many().col_expr(fact::Column::Value, Expr::value(value));
    changed.filter(fact::Column::Name.eq(name)).exec(house.app.store().write()).await.unwrap();
}

#[tokio::test]
async fn who_cuts_the_end_off_cannot_make_the_remembered_end_fit() {
    let stage = five().await;
    let true_end = fact(&stage, "audit.end").await.unwrap();
    let mac = true_end.rsplit(' ').next().unwrap();
    remove(&stage, audit_event::Column::Seq.gt(3)).await;
    let hash = rows(&stage).await[2].hash.clone().unwrap();

    set_fact(&stage, "audit.end", &format!("3 {hash} {mac}")).await;
    assert_eq!(look(&stage).await.broken, Some(Break::Forged { which: "end" }));

    fact::Entity::delete_by_id("audit.end").exec(stage.app.store().write()).await.unwrap();
    assert_eq!(look(&stage).await.broken, Some(Break::Forged { which: "end" }));
    sign_ins(&stage, 1).await;
    assert!(jobs::chain(&stage.app).await.is_err(), "nothing is linked to an end that is not ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_link_side_by_side_and_the_chain_has_no_fork() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let work = (0..6).map(|nth| {
        let house = if nth % 2 == 0 { (*stage).clone() } else { twin.clone() };
        tokio::spawn(async move {
            for _ in 0..5 {
                sign_ins(&house, 4).await;
                jobs::chain(&house.app).await.unwrap();
            }
        })
    });
    for done in work.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    jobs::chain(&stage.app).await.unwrap();

    let found = look(&twin).await;
    assert_eq!((found.sound, found.waiting, found.broken), (120, 0, None));
}

#[tokio::test]
async fn whole_days_are_cut_when_their_time_is_over_and_the_chain_still_holds() {
    let stage = Stage::with("[audit]\nretention = \"30d\"").await;
    for _ in 0..4 {
        sign_ins(&stage, 3).await;
        stage.wait(Duration::days(1));
    }
    jobs::chain(&stage.app).await.unwrap();
    let first_day = rows(&stage).await[0].at.div_euclid(86_400);

    // The second day is 30 days old since a while, and not over its 30 days at its end.
    stage.wait(Duration::days(27) + Duration::HOUR);
    jobs::forget(&stage.app).await.unwrap();
    let kept = rows(&stage).await;
    assert!(kept.iter().all(|row| row.at.div_euclid(86_400) > first_day), "{kept:?}");
    assert_eq!(kept.len(), 9);
    let found = look(&stage).await;
    assert_eq!((found.broken, found.begin.seq, found.sound), (None, 3, 9));

    stage.wait(Duration::days(60));
    jobs::forget(&stage.app).await.unwrap();
    assert!(rows(&stage).await.is_empty());
    assert_eq!(look(&stage).await.broken, None);
    sign_ins(&stage, 1).await;
    jobs::chain(&stage.app).await.unwrap();
    let found = look(&stage).await;
    assert_eq!((found.broken, found.begin.seq, found.end.seq), (None, 12, 13));
}

#[tokio::test]
async fn a_forged_beginning_hides_no_removed_rows() {
    let stage = Stage::with("[audit]\nretention = \"1d\"").await;
    sign_ins(&stage, 2).await;
    jobs::chain(&stage.app).await.unwrap();
    stage.wait(Duration::days(3));
    jobs::forget(&stage.app).await.unwrap();
    sign_ins(&stage, 3).await;
    jobs::chain(&stage.app).await.unwrap();
    let begin = fact(&stage, "audit.begin").await.unwrap();
    let end = fact(&stage, "audit.end").await.unwrap();

    remove(&stage, audit_event::Column::Seq.eq(3)).await;
    assert_eq!(look(&stage).await.broken, Some(Break::Removed { from: 3, to: 3 }));
    set_fact(&stage, "audit.begin", &begin.replacen('2', "3", 1)).await;
    assert_eq!(look(&stage).await.broken, Some(Break::Forged { which: "beginning" }));
    set_fact(&stage, "audit.begin", &end).await;
    assert_eq!(look(&stage).await.broken, Some(Break::Forged { which: "beginning" }));
}

#[tokio::test]
async fn addresses_are_forgotten_and_the_rows_still_prove_what_they_say() {
    let stage = Stage::with("[privacy]\nip_retention = \"30d\"").await;
    stage.browser().sign_in().await;
    jobs::chain(&stage.app).await.unwrap();

    stage.wait(Duration::days(30) - Duration::SECOND);
    jobs::forget(&stage.app).await.unwrap();
    assert!(rows(&stage).await.iter().all(|row| row.ip.is_some() && row.user_agent.is_some()));
    stage.wait(Duration::seconds(2));
    jobs::forget(&stage.app).await.unwrap();

    let kept = rows(&stage).await;
    assert!(!kept.is_empty());
    assert!(kept.iter().all(|row| row.ip.is_none() && row.user_agent.is_none() && row.salt.is_none()), "{kept:?}");
    let found = look(&stage).await;
    assert_eq!((found.broken, found.forgotten), (None, kept.len() as u64));
    let sessions = session::Entity::find().all(stage.app.store().read()).await.unwrap();
    assert!(
        !sessions.is_empty()
            && sessions.iter().all(|session| session.ip.is_none() && !session.data.contains(r#""ip""#))
    );
}

#[tokio::test]
async fn what_is_forgotten_of_somebody_who_is_gone_breaks_no_chain() {
    let stage = Stage::open().await;
    stage.browser().sign_in().await;
    let ada = stage.user("ada@example.org").await;
    jobs::chain(&stage.app).await.unwrap();

    assert!(erase(&stage, &ada).await.unwrap());
    jobs::chain(&stage.app).await.unwrap();

    let theirs = rows(&stage).await.into_iter().filter(|row| row.actor_id == Some(ada.id.to_string()));
    assert!(theirs.into_iter().all(|row| row.ip.is_none() && row.user_agent.is_none() && row.salt.is_none()));
    let found = look(&stage).await;
    assert!(found.broken.is_none() && found.forgotten >= 1, "{found:?}");
}

#[tokio::test]
async fn events_are_found_by_who_whom_what_when_and_reference() {
    let stage = Stage::open().await;
    let (ada, bob) = (UserId::new(), UserId::new());
    let begun = stage.now();
    happens(&stage, &by(Actor::User(ada)), What::new(Event::UserLogin).target(ada).service(Some("wiki"))).await;
    stage.wait(Duration::MINUTE);
    happens(&stage, &by(Actor::User(bob)), What::new(Event::UserLocked).target(ada)).await;
    happens(&stage, &by(Actor::User(bob)), What::new(Event::PasskeyAdded).target(bob)).await;
    let last = by(Actor::Anonymous);
    happens(&stage, &last, What::new(Event::PasswordReset).target(bob)).await;

    let found = async |filter: Filter| {
        let page = stage.app.store().audit(&filter, None, 100).await.unwrap();
        page.events.into_iter().map(|event| event.event).collect::<Vec<_>>()
    };
    let id = |user: UserId| Some(user.to_string());
    let none = Filter::default();
    assert_eq!(found(none.clone()).await.len(), 4);
    assert_eq!(found(Filter { actor: id(ada), ..none.clone() }).await, ["user.login"]);
    assert_eq!(found(Filter { target: id(ada), ..none.clone() }).await, ["user.locked", "user.login"]);
    assert_eq!(found(Filter { about: id(bob), ..none.clone() }).await.len(), 3);
    assert_eq!(found(Filter { events: vec!["user.*".into()], ..none.clone() }).await.len(), 2);
    assert_eq!(
        found(Filter { events: vec!["user.login".into(), "credential.*".into()], ..none.clone() }).await.len(),
        3
    );
    assert_eq!(found(Filter { service: Some("wiki".into()), ..none.clone() }).await, ["user.login"]);
    assert_eq!(found(Filter { reference: last.reference, ..none.clone() }).await, ["credential.password_reset"]);
    assert_eq!(found(Filter { since: Some(begun + 1), ..none.clone() }).await.len(), 3);
    assert_eq!(found(Filter { until: Some(begun + 60), ..none.clone() }).await, ["user.login"]);
    assert_eq!(found(Filter { actor: Some("' or 1=1 --".into()), ..none }).await.len(), 0);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let stage = Stage::open().await;
    for _ in 0..5 {
        sign_ins(&stage, 5).await;
        stage.wait(Duration::SECOND);
    }

    let (mut seen, mut behind) = (Vec::new(), None);
    loop {
        let page = stage.app.store().audit(&Filter::default(), behind, 4).await.unwrap();
        seen.extend(page.events.iter().map(|event| event.id));
        // Whatever happens meanwhile is newer, and not on the pages that follow.
        sign_ins(&stage, 1).await;
        behind = match page.next {
            Some(next) => Some(next.to_string().parse::<Cursor>().unwrap()),
            None => break,
        };
    }
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((all, seen.len()), (25, 25));
    assert!("".parse::<Cursor>().is_err() && "1.x".parse::<Cursor>().is_err() && "x".parse::<Cursor>().is_err());
}
