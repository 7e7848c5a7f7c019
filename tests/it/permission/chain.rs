//! The chain: order, deadlines, memory, and what a failure means.

use std::sync::Arc;
use std::time::{Duration as Patience, Instant};

use time::Duration;
use tokio::sync::Semaphore;

use super::{Act, Scripted, ada, allow, chain, policy, question, service};
use crate::domain::permission::{Decision, Merge, Permissions, Verdict};
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{ChainError, ChainState, Granted};
use crate::permission::{OnError, ProviderPolicy, Vary};

fn stage() -> (Arc<ManualClock>, Arc<ChainState>) {
    (Arc::new(ManualClock::new()), Arc::default())
}

fn names(granted: &Granted) -> Vec<&str> {
    granted.permissions.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str()).collect()
}

fn deny(message: &str) -> Decision {
    Decision { verdict: Verdict::Deny, message: message.into(), ..Decision::default() }
}

#[tokio::test]
async fn an_empty_chain_is_an_empty_set() {
    let (clock, state) = stage();
    let (user, wiki) = (ada(), service("wiki", &[]));

    let granted = chain(&clock, &state, &[]).decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(granted, Granted::default());
}

#[tokio::test]
async fn providers_run_in_the_order_of_the_service_and_hand_on_what_they_said() {
    let (clock, state) = stage();
    let first = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let second = Scripted::new(policy(), Act::Say(allow(&["wiki:write"])));
    let (user, wiki) = (ada(), service("wiki", &["b", "a"]));

    let granted =
        chain(&clock, &state, &[first.clone(), second.clone()]).decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(names(&granted), ["wiki:read", "wiki:write"]);
    assert_eq!(first.previous(), ["wiki:write"]);
    assert_eq!(second.previous(), [""; 0]);
}

#[tokio::test]
async fn the_service_says_how_answers_come_together() {
    let (clock, state) = stage();
    let first = Scripted::new(policy(), Act::Say(allow(&["a", "b"])));
    let second = Scripted::new(policy(), Act::Say(allow(&["b", "c"])));
    let chain = chain(&clock, &state, &[first, second]);
    let user = ada();
    for (merge, wanted) in
        [(Merge::Union, vec!["a", "b", "c"]), (Merge::First, vec!["a", "b"]), (Merge::Intersect, vec!["b"])]
    {
        let wiki = crate::domain::service::Service { merge, ..service("wiki", &["a", "b"]) };

        let granted = chain.decide(&question(&wiki, &user)).await.unwrap();

        assert_eq!(names(&granted), wanted, "{merge:?}");
    }
}

#[tokio::test]
async fn a_deny_ends_the_chain_and_says_who_and_why() {
    let (clock, state) = stage();
    let first = Scripted::new(policy(), Act::Say(deny("ask your manager")));
    let second = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let (user, wiki) = (ada(), service("wiki", &["a", "b"]));

    let refused = chain(&clock, &state, &[first, second.clone()]).decide(&question(&wiki, &user)).await.unwrap_err();

    assert!(
        matches!(&refused, ChainError::Denied { provider, message } if provider == "a" && message == "ask your manager")
    );
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_provider_that_is_not_there_means_no_token() {
    let (clock, state) = stage();
    let (user, wiki) = (ada(), service("wiki", &["gone"]));

    let refused = chain(&clock, &state, &[]).decide(&question(&wiki, &user)).await.unwrap_err();

    assert!(matches!(refused, ChainError::Unavailable { provider, .. } if provider == "gone"));
}

#[tokio::test]
async fn a_failure_means_no_token_even_if_another_provider_grants() {
    let (clock, state) = stage();
    let good = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let bad = Scripted::new(policy(), Act::Fail);
    let (user, wiki) = (ada(), service("wiki", &["a", "b"]));

    let refused = chain(&clock, &state, &[good, bad]).decide(&question(&wiki, &user)).await.unwrap_err();

    assert!(matches!(refused, ChainError::Unavailable { provider, .. } if provider == "b"));
}

#[tokio::test]
async fn a_failure_may_be_skipped() {
    let (clock, state) = stage();
    let bad = Scripted::new(ProviderPolicy { on_error: OnError::Skip, ..policy() }, Act::Fail);
    let good = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let (user, wiki) = (ada(), service("wiki", &["a", "b"]));

    let granted = chain(&clock, &state, &[bad, good]).decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(names(&granted), ["wiki:read"]);
    assert!(!granted.is_stale);
}

#[tokio::test]
async fn an_answer_is_remembered_until_its_time_is_over() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    chain.decide(&question(&wiki, &user)).await.unwrap();

    clock.advance(Duration::seconds(59));
    chain.decide(&question(&wiki, &user)).await.unwrap();
    assert_eq!(provider.calls(), 1);

    clock.advance(Duration::seconds(1));
    chain.decide(&question(&wiki, &user)).await.unwrap();
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn an_answer_may_ask_to_be_remembered_for_less_but_not_for_more() {
    for (said, lives) in [(10, 10), (0, 0), (3600, 60), (u64::MAX, 60)] {
        let (clock, state) = stage();
        let answer = Decision { cache_ttl: Some(said), ..allow(&["wiki:read"]) };
        let provider = Scripted::new(policy(), Act::Say(answer));
        let chain = chain(&clock, &state, &[provider.clone()]);
        let (user, wiki) = (ada(), service("wiki", &["a"]));
        chain.decide(&question(&wiki, &user)).await.unwrap();

        if lives > 0 {
            clock.advance(Duration::seconds(lives - 1));
            chain.decide(&question(&wiki, &user)).await.unwrap();
            assert_eq!(provider.calls(), 1, "{said}");
            clock.advance(Duration::SECOND);
        }
        chain.decide(&question(&wiki, &user)).await.unwrap();
        assert_eq!(provider.calls(), 2, "{said}");
    }
}

#[tokio::test]
async fn a_deny_is_remembered_for_a_time_of_its_own() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(deny("")));
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    chain.decide(&question(&wiki, &user)).await.unwrap_err();
    provider.act(Act::Say(allow(&["wiki:read"])));

    clock.advance(Duration::seconds(4));
    chain.decide(&question(&wiki, &user)).await.unwrap_err();
    clock.advance(Duration::SECOND);
    let granted = chain.decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(names(&granted), ["wiki:read"]);
}

#[tokio::test]
async fn a_failure_is_never_remembered() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Fail);
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    chain.decide(&question(&wiki, &user)).await.unwrap_err();
    provider.act(Act::Say(allow(&["wiki:read"])));

    let granted = chain.decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(names(&granted), ["wiki:read"]);
}

#[tokio::test]
async fn everything_an_answer_depends_on_asks_again() {
    let (clock, state) = stage();
    let vary = ProviderPolicy { vary: vec![Vary::Ip], ..policy() };
    let provider = Scripted::new(vary.clone(), Act::Say(allow(&["wiki:read"])));
    let chain_now = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    let base = question(&wiki, &user);
    chain_now.decide(&base).await.unwrap();
    chain_now.decide(&base).await.unwrap();
    assert_eq!(provider.calls(), 1);

    let newer = crate::domain::user::User { version: 2, ..user.clone() };
    let other = ada();
    let shop = service("shop", &["a"]);
    let variants = [
        question(&wiki, &newer),
        question(&wiki, &other),
        question(&shop, &user),
        crate::permission::chain::Question { ip: Some("192.0.2.1".parse().unwrap()), ..base },
        crate::permission::chain::Question { provider: "password", ..base },
    ];
    for (so_far, variant) in (1..).zip(variants) {
        chain_now.decide(&variant).await.unwrap();
        assert_eq!(provider.calls(), so_far + 1, "{variant:?}");
    }

    let changed = Scripted::new(ProviderPolicy { config_hash: 2, ..vary }, Act::Say(allow(&["wiki:read"])));
    chain(&clock, &state, &[changed.clone()]).decide(&base).await.unwrap();
    assert_eq!(changed.calls(), 1);
}

#[tokio::test]
async fn an_address_that_is_not_varied_by_does_not_ask_again() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    for address in ["192.0.2.1", "192.0.2.2"] {
        let ip = Some(address.parse().unwrap());
        chain.decide(&crate::permission::chain::Question { ip, ..question(&wiki, &user) }).await.unwrap();
    }

    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn a_reload_keeps_what_is_remembered_of_unchanged_providers() {
    let (clock, state) = stage();
    let before = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let after = Scripted::new(policy(), Act::Fail);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    chain(&clock, &state, &[before]).decide(&question(&wiki, &user)).await.unwrap();

    let granted = chain(&clock, &state, &[after.clone()]).decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(names(&granted), ["wiki:read"]);
    assert_eq!(after.calls(), 0);
}

#[tokio::test]
async fn one_persons_answers_can_be_dropped() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, other, wiki) = (ada(), ada(), service("wiki", &["a"]));
    chain.decide(&question(&wiki, &user)).await.unwrap();
    chain.decide(&question(&wiki, &other)).await.unwrap();

    state.drop_user(user.id);

    chain.decide(&question(&wiki, &other)).await.unwrap();
    assert_eq!(provider.calls(), 2);
    chain.decide(&question(&wiki, &user)).await.unwrap();
    assert_eq!(provider.calls(), 3);
}

#[tokio::test]
async fn an_answer_that_was_asked_for_before_a_drop_is_not_remembered() {
    let (clock, state) = stage();
    let gate = Arc::new(Semaphore::new(0));
    let provider = Scripted::new(policy(), Act::Await(Arc::clone(&gate), allow(&["wiki:read"])));
    let chain = Arc::new(chain(&clock, &state, &[provider.clone()]));
    let user = ada();
    let asked = tokio::spawn({
        let (chain, user) = (Arc::clone(&chain), user.clone());
        async move { chain.decide(&question(&service("wiki", &["a"]), &user)).await.unwrap() }
    });
    while provider.calls() == 0 {
        tokio::task::yield_now().await;
    }

    state.drop_user(user.id);
    gate.add_permits(10);
    asked.await.unwrap();
    chain.decide(&question(&service("wiki", &["a"]), &user)).await.unwrap();

    assert_eq!(provider.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_is_asked_once_however_many_wait() {
    let (clock, state) = stage();
    for act in [|gate: Arc<Semaphore>| Act::Await(gate, allow(&["wiki:read"]))] {
        let gate = Arc::new(Semaphore::new(0));
        let provider = Scripted::new(policy(), act(Arc::clone(&gate)));
        let chain = Arc::new(chain(&clock, &state, &[provider.clone()]));
        let user = ada();
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let (chain, user) = (Arc::clone(&chain), user.clone());
                tokio::spawn(async move { chain.decide(&question(&service("wiki", &["a"]), &user)).await })
            })
            .collect();
        while provider.calls() == 0 {
            tokio::task::yield_now().await;
        }

        gate.add_permits(100);
        for granted in asked {
            assert_eq!(names(&granted.await.unwrap().unwrap()), ["wiki:read"]);
        }

        assert_eq!(provider.calls(), 1);
    }
}

#[tokio::test]
async fn a_stale_answer_serves_until_it_is_too_old() {
    let (clock, state) = stage();
    let stale = ProviderPolicy { on_error: OnError::Stale, breaker_failures: 100, ..policy() };
    let provider = Scripted::new(stale, Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    assert!(!chain.decide(&question(&wiki, &user)).await.unwrap().is_stale);
    provider.act(Act::Fail);

    clock.advance(Duration::minutes(15));
    let granted = chain.decide(&question(&wiki, &user)).await.unwrap();
    assert_eq!(names(&granted), ["wiki:read"]);
    assert!(granted.is_stale);

    clock.advance(Duration::SECOND);
    let refused = chain.decide(&question(&wiki, &user)).await.unwrap_err();
    assert!(matches!(refused, ChainError::Unavailable { .. }));
}

#[tokio::test]
async fn a_stale_answer_does_not_outlive_a_change_of_the_user_or_the_section() {
    let (clock, state) = stage();
    let stale = ProviderPolicy { on_error: OnError::Stale, ..policy() };
    let provider = Scripted::new(stale.clone(), Act::Say(allow(&["wiki:read"])));
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    let chain_now = chain(&clock, &state, &[provider.clone()]);
    chain_now.decide(&question(&wiki, &user)).await.unwrap();
    provider.act(Act::Fail);
    clock.advance(Duration::minutes(2));

    let newer = crate::domain::user::User { version: 2, ..user.clone() };
    chain_now.decide(&question(&wiki, &newer)).await.unwrap_err();
    let changed = Scripted::new(ProviderPolicy { config_hash: 2, ..stale }, Act::Fail);
    chain(&clock, &state, &[changed]).decide(&question(&wiki, &user)).await.unwrap_err();
}

#[tokio::test]
async fn a_stale_deny_stays_a_deny() {
    let (clock, state) = stage();
    let provider = Scripted::new(ProviderPolicy { on_error: OnError::Stale, ..policy() }, Act::Say(deny("no")));
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    chain.decide(&question(&wiki, &user)).await.unwrap_err();
    provider.act(Act::Fail);
    clock.advance(Duration::seconds(30));

    let refused = chain.decide(&question(&wiki, &user)).await.unwrap_err();

    assert!(matches!(refused, ChainError::Denied { .. }));
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_and_tried_again() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Fail);
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    for _ in 0..5 {
        chain.decide(&question(&wiki, &user)).await.unwrap_err();
    }
    assert_eq!(provider.calls(), 3);

    clock.advance(Duration::seconds(9));
    chain.decide(&question(&wiki, &user)).await.unwrap_err();
    assert_eq!(provider.calls(), 3);

    clock.advance(Duration::SECOND);
    for _ in 0..3 {
        chain.decide(&question(&wiki, &user)).await.unwrap_err();
    }
    assert_eq!(provider.calls(), 4);

    provider.act(Act::Say(allow(&["wiki:read"])));
    clock.advance(Duration::seconds(10));
    chain.decide(&question(&wiki, &user)).await.unwrap();
    provider.act(Act::Fail);
    let other = ada();
    for _ in 0..2 {
        chain.decide(&question(&wiki, &other)).await.unwrap_err();
    }
    assert_eq!(provider.calls(), 7);
}

#[tokio::test]
async fn a_late_provider_fails_at_its_own_deadline() {
    let (clock, state) = stage();
    let late = ProviderPolicy { timeout: Patience::from_millis(20), on_error: OnError::Skip, ..policy() };
    let provider = Scripted::new(late, Act::Hang);
    let chain = chain(&clock, &state, &[provider.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    let began = Instant::now();

    let granted = chain.decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(granted.permissions, Permissions::new());
    assert!(began.elapsed() < Patience::from_secs(1));
}

#[tokio::test]
async fn a_chain_takes_two_seconds_at_most() {
    let (clock, state) = stage();
    let patient = ProviderPolicy { timeout: Patience::from_secs(10), on_error: OnError::Skip, ..policy() };
    let hanging: Vec<_> = (0..2).map(|_| Scripted::new(patient.clone(), Act::Hang)).collect();
    let chain = chain(&clock, &state, &hanging);
    let (user, wiki) = (ada(), service("wiki", &["a", "b"]));
    let began = Instant::now();

    chain.decide(&question(&wiki, &user)).await.unwrap();

    let took = began.elapsed();
    assert!((Patience::from_millis(1900)..Patience::from_millis(3500)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_hanging_provider_slows_no_other_service() {
    let (clock, state) = stage();
    let hanging = Scripted::new(ProviderPolicy { breaker_failures: 1000, ..policy() }, Act::Hang);
    let healthy = Scripted::new(policy(), Act::Say(allow(&["shop:buy"])));
    let chain = Arc::new(chain(&clock, &state, &[hanging.clone(), healthy]));
    let stuck: Vec<_> = (0..500)
        .map(|_| {
            let chain = Arc::clone(&chain);
            tokio::spawn(async move { chain.decide(&question(&service("wiki", &["a"]), &ada())).await.map(|_| ()) })
        })
        .collect();
    while hanging.calls() < 64 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();

    let shop = service("shop", &["b"]);
    for _ in 0..50 {
        chain.decide(&question(&shop, &ada())).await.unwrap();
    }

    assert!(began.elapsed() < Patience::from_secs(1));
    assert_eq!(hanging.calls(), 64, "no more than the gate lets through");
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_trace_shows_every_step_and_leaves_the_memory_alone() {
    let (clock, state) = stage();
    let first = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let second = Scripted::new(ProviderPolicy { on_error: OnError::Skip, ..policy() }, Act::Fail);
    let chain = chain(&clock, &state, &[first.clone(), second.clone()]);
    let (user, wiki) = (ada(), service("wiki", &["a", "b"]));
    let (steps, _) = chain.trace(&question(&wiki, &user)).await;
    assert!(!steps[0].is_remembered);
    chain.decide(&question(&wiki, &user)).await.unwrap();
    assert_eq!(first.calls(), 2);

    let (steps, granted) = chain.trace(&question(&wiki, &user)).await;

    assert_eq!(first.calls(), 3);
    assert!(steps[0].is_remembered);
    assert_eq!(steps.iter().map(|step| step.provider.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(steps[0].answer.is_ok() && steps[1].answer.is_err());
    assert_eq!(names(&granted.unwrap()), ["wiki:read"]);
}
