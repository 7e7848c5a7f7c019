//! Observers: never heard, always compared, and listed with what they would change.

use std::time::{Duration as Patience, Instant};

use serde_json::json;
use time::Duration;

use super::{Act, Scripted, ada, allow, chain, deny, names, policy, question, service, stage};
use crate::domain::permission::{Decision, Merge, Pattern, Verdict};
use crate::it::stage::{Stage, erase};
use crate::jobs;
use crate::permission::ProviderPolicy;
use crate::permission::chain::ChainError;
use crate::permission::compare::{Difference, Said, differences};
use crate::store::shadows::{Counted, Differing, Shadow};

/// The usual house, and a static observer beside it.
const OBSERVED: &str = r#"
[permissions.next]
kind = "static"
observe = true
roles = { member = ["wiki:read", "wiki:new"] }
[services.wiki]
permissions = ["house", "next"]
"#;

fn observing() -> ProviderPolicy {
    ProviderPolicy { observe: true, ..policy() }
}

#[tokio::test]
async fn whatever_an_observer_does_nobody_feels_it() {
    let bad = [Act::Say(deny("no")), Act::Say(allow(&["other"])), Act::Fail, Act::Hang];
    for (place, act) in [["b", "a"], ["a", "b"]].iter().flat_map(|place| bad.iter().map(move |act| (place, act))) {
        let (clock, state) = stage();
        let old = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
        let new = Scripted::new(observing(), act.clone());
        let chain = chain(&clock, &state, &[old.clone(), new.clone()]);
        let began = Instant::now();

        let granted = chain.decide(&question(&service("wiki", place), &ada())).await.unwrap();

        assert_eq!(names(&granted), ["wiki:read"]);
        assert_eq!(old.previous(), [""; 0], "what it says is not handed on");
        assert!(began.elapsed() < Patience::from_secs(1));
        while new.calls() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_observer_is_asked_what_it_would_be_asked_in_its_place_and_no_oftener() {
    let (clock, state) = stage();
    let old = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let new = Scripted::new(observing(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[old, new.clone()]);
    let (wiki, user) = (service("wiki", &["a", "b"]), ada());
    for (wait, calls) in [(0, 1), (59, 1), (1, 2)] {
        clock.advance(Duration::seconds(wait));
        for _ in 0..3 {
            chain.decide(&question(&wiki, &user)).await.unwrap();
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(new.calls(), calls, "{wait}");
    }
    assert_eq!(new.previous(), ["wiki:read"]);
}

#[tokio::test]
async fn an_observer_is_asked_about_those_whom_the_others_deny_and_not_where_they_have_no_answer() {
    for (act, calls) in [(Act::Say(deny("")), 1), (Act::Fail, 0)] {
        let (clock, state) = stage();
        let old = Scripted::new(policy(), act);
        let new = Scripted::new(observing(), Act::Say(allow(&["wiki:read"])));
        let chain = chain(&clock, &state, &[old, new.clone()]);

        chain.decide(&question(&service("wiki", &["a", "b"]), &ada())).await.unwrap_err();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }

        assert_eq!(new.calls(), calls);
    }
}

#[tokio::test]
async fn a_chain_of_observers_is_an_empty_set() {
    let (clock, state) = stage();
    let new = Scripted::new(observing(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[new]);

    let granted = chain.decide(&question(&service("wiki", &["a"]), &ada())).await.unwrap();
    assert!(granted.permissions.is_empty());

    let gone = chain.decide(&question(&service("wiki", &["a", "b"]), &ada())).await.unwrap_err();
    assert!(matches!(gone, ChainError::Unavailable { .. }));
}

#[test]
fn what_differs_is_named() {
    let said = |decision: Decision| Said::of(&decision);
    let limit = |value: i64| Decision { limits: json!({ "n": value }).as_object().unwrap().clone(), ..allow(&["a"]) };
    let denying = |name: &str| Decision { permissions: [(name.to_owned(), false)].into(), ..Decision::default() };
    let pattern = Decision { denied: vec![Pattern::new("a:*").unwrap()], ..allow(&["a:x", "b"]) };
    let abstains = Decision { verdict: Verdict::Abstain, ..Decision::default() };
    for (was, would, wanted) in [
        (said(allow(&["a"])), said(allow(&["a"])), vec![]),
        (said(allow(&["a"])), said(allow(&["b"])), vec!["a granted nothing", "b nothing granted"]),
        (said(allow(&["a"])), said(denying("a")), vec!["a granted denied"]),
        (said(allow(&[])), said(denying("a")), vec!["a nothing denied"]),
        (said(allow(&["a"])), said(deny("")), vec!["(token) allow deny"]),
        (said(deny("x")), said(deny("y")), vec![]),
        (said(allow(&[])), said(abstains.clone()), vec!["(token) allow abstain"]),
        (Said::deny(), Said::alone(allow(&["a"]), Merge::Union), vec!["(token) deny allow"]),
        (said(allow(&[])), Said::alone(abstains, Merge::First), vec![]),
        (said(allow(&["b"])), Said::alone(pattern, Merge::Union), vec!["a:x nothing denied"]),
        (said(limit(1)), said(limit(2)), vec!["limits[n] 1 2"]),
        (said(limit(1)), said(allow(&["a"])), vec!["limits[n] 1 nothing"]),
    ] {
        let found = differences(&was, &would);

        let shown: Vec<_> =
            found.iter().map(|Difference { permission, was, would }| format!("{permission} {was} {would}")).collect();
        assert_eq!(shown, wanted);
        let felt = found.iter().filter(|difference| difference.is_felt()).count();
        assert_eq!(felt, wanted.iter().filter(|line| !line.ends_with("nothing denied")).count(), "{wanted:?}");
    }
}

/// What is known of the observer, once it was asked so often.
async fn shadow(stage: &Stage, asked: i64) -> Shadow {
    for _ in 0..1000 {
        jobs::note(&stage.app).await.unwrap();
        let shadow = stage.app.shadow("next").await.unwrap();
        if shadow.counts.agreed + shadow.counts.differed >= asked {
            return shadow;
        }
        tokio::task::yield_now().await;
    }
    panic!("the observer was not asked");
}

#[tokio::test]
async fn what_an_observer_would_change_is_counted_and_listed_for_every_process() {
    let stage = Stage::with(OBSERVED).await;
    let token = stage.browser().login_token().await;
    let ask = async || stage.get("/auth/authorize?service=wiki").bearer(&token).await;

    let reply = ask().await;
    assert_eq!(reply.json()["permissions"], json!({ "wiki:read": true }), "{}", reply.body);
    let first = shadow(&stage, 1).await;
    stage.wait(Duration::seconds(61));
    ask().await;
    let second = shadow(&stage, 2).await;

    assert_eq!(first.counts, Counted { asked: 1, differed: 1, ..Counted::default() });
    assert_eq!(second.counts, Counted { asked: 2, differed: 2, ..Counted::default() });
    let [row] = second.differences.as_slice() else { panic!("{second:?}") };
    assert_eq!(
        (row.service.as_str(), row.permission.as_str(), row.was.as_str(), row.would.as_str(), row.times),
        ("wiki", "wiki:new", "nothing", "granted", 2)
    );
    assert_eq!(row.last_at - row.first_at, 61);
    assert_eq!(stage.twin().await.app.shadow("next").await.unwrap(), second);
    assert_eq!((stage.app.observes("next"), stage.app.observes("house")), (Some(true), Some(false)));

    let user = stage.app.store().user(row.who.parse().unwrap()).await.unwrap().unwrap();
    assert!(erase(&stage, &user).await.unwrap());
    let left = stage.app.shadow("next").await.unwrap();
    assert_eq!((left.differences.len(), left.counts.asked), (0, 2), "nothing is kept of who is gone");
    let late = [row.clone(), Differing { who: "shop".into(), ..row.clone() }];
    stage.app.house.chain_state.notes.differ(late.into());
    jobs::note(&stage.app).await.unwrap();
    let left: Vec<_> = stage.app.shadow("next").await.unwrap().differences.into_iter().map(|row| row.who).collect();
    assert_eq!(left, ["shop"], "nor is it written down late");
    stage.app.forget_shadow("next").await.unwrap();
    assert_eq!(stage.app.shadow("next").await.unwrap().counts, Counted::default());
}

#[tokio::test]
async fn a_service_that_only_has_observers_is_warned_about() {
    let text = format!("{OBSERVED}\n[services.frag]\npermissions = [\"next\"]");
    let stage = Stage::with(&text).await;
    assert!(stage.reload("").is_ok());
    let parsed = crate::config::parse(
        vec![crate::config::Input::text("x", &crate::it::stage::script::usual_with(&text))],
        &crate::config::World::none(),
    );

    let warnings: Vec<_> = parsed.report.warnings().iter().filter(|found| found.code == "CS-C170").collect();

    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("`frag`"));
}
