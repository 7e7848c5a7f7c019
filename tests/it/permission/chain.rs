//! The chain: order, deadlines, memory, and what a failure means.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::{Duration as Patience, Instant};

use time::Duration;

use super::{Act, Scripted, ada, allow, chain, deny, names, policy, question, service, stage};
use crate::domain::permission::{Merge, Permissions};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::chain::{ChainError, Granted};
use crate::permission::{OnError, ProviderPolicy};

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
        let wiki = Service { merge, ..service("wiki", &["a", "b"]) };

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
async fn a_stale_answer_serves_until_it_is_too_old() {
    let (clock, state) = stage();
    let lenient = ProviderPolicy { on_error: OnError::Stale, breaker_failures: 100, ..policy() };
    let provider = Scripted::new(lenient, Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, from_ref(&provider));
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
    let lenient = ProviderPolicy { on_error: OnError::Stale, ..policy() };
    let provider = Scripted::new(lenient.clone(), Act::Say(allow(&["wiki:read"])));
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    let chain_now = chain(&clock, &state, from_ref(&provider));
    chain_now.decide(&question(&wiki, &user)).await.unwrap();
    provider.act(Act::Fail);
    clock.advance(Duration::minutes(2));

    let newer = User { version: 2, ..user.clone() };
    chain_now.decide(&question(&wiki, &newer)).await.unwrap_err();
    let changed = Scripted::new(ProviderPolicy { config_hash: 2, ..lenient }, Act::Fail);
    chain(&clock, &state, &[changed]).decide(&question(&wiki, &user)).await.unwrap_err();
}

#[tokio::test]
async fn a_stale_deny_stays_a_deny() {
    let (clock, state) = stage();
    let provider = Scripted::new(ProviderPolicy { on_error: OnError::Stale, ..policy() }, Act::Say(deny("no")));
    let chain = chain(&clock, &state, from_ref(&provider));
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
    let chain = chain(&clock, &state, from_ref(&provider));
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
    let chain = chain(&clock, &state, from_ref(&provider));
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
    let _ = chain.trace(&question(&wiki, &user)).await;
    assert!(chain.kept(&wiki, &user).await.is_empty(), "what was traced is not remembered");
    chain.decide(&question(&wiki, &user)).await.unwrap();
    assert_eq!(first.calls(), 2);

    let (steps, granted) = chain.trace(&question(&wiki, &user)).await;

    assert_eq!(first.calls(), 3);
    assert_eq!(steps.iter().map(|step| step.provider.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(steps[0].answer.is_ok() && steps[1].answer.is_err());
    assert_eq!(names(&granted.unwrap()), ["wiki:read"]);
}
