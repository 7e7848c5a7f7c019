//! Answers are asked for anew before they are too old, and whoever stops waiting takes nothing from the others.

use std::slice::from_ref;
use std::sync::Arc;

use time::Duration;
use tokio::sync::Semaphore;

use super::{Act, Scripted, ada, allow, chain, deny, names, policy, question, service, stage};
use crate::domain::user::User;
use crate::permission::ProviderPolicy;
use crate::permission::chain::{Chain, ChainError, Granted};

async fn decide(chain: &Chain, user: &User) -> Result<Granted, ChainError> {
    chain.decide(&question(&service("wiki", &["a"]), user)).await
}

/// Lets other tasks go on until this is so.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to be");
}

async fn a_while() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn in_the_last_fifth_of_its_time_an_answer_is_asked_for_anew_and_nobody_waits() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["old"])));
    let chain = chain(&clock, &state, from_ref(&provider));
    let user = ada();
    decide(&chain, &user).await.unwrap();
    let gate = Arc::new(Semaphore::new(0));
    provider.act(Act::Await(Arc::clone(&gate), allow(&["new"])));

    clock.advance(Duration::seconds(47));
    decide(&chain, &user).await.unwrap();
    a_while().await;
    assert_eq!(provider.calls(), 1, "four fifths are not over");

    clock.advance(Duration::SECOND);
    for _ in 0..5 {
        assert_eq!(names(&decide(&chain, &user).await.unwrap()), ["old"]);
        a_while().await;
    }
    assert_eq!(provider.calls(), 2, "one at a time");

    gate.add_permits(1);
    a_while().await;
    assert_eq!(names(&decide(&chain, &user).await.unwrap()), ["new"]);
    clock.advance(Duration::seconds(47));
    assert_eq!(names(&decide(&chain, &user).await.unwrap()), ["new"]);
    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn when_asking_anew_fails_the_old_answer_stays_for_its_time_and_is_tried_once() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["old"])));
    let chain = chain(&clock, &state, from_ref(&provider));
    let user = ada();
    decide(&chain, &user).await.unwrap();
    provider.act(Act::Fail);

    clock.advance(Duration::seconds(48));
    for _ in 0..10 {
        assert_eq!(names(&decide(&chain, &user).await.unwrap()), ["old"]);
        a_while().await;
    }
    assert_eq!(provider.calls(), 2);

    clock.advance(Duration::seconds(11));
    assert_eq!(names(&decide(&chain, &user).await.unwrap()), ["old"]);
    clock.advance(Duration::SECOND);
    decide(&chain, &user).await.unwrap_err();
}

#[tokio::test]
async fn a_deny_is_asked_for_anew_too() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(deny("")));
    let chain = chain(&clock, &state, from_ref(&provider));
    let user = ada();
    decide(&chain, &user).await.unwrap_err();
    provider.act(Act::Say(allow(&["new"])));

    clock.advance(Duration::seconds(4));
    decide(&chain, &user).await.unwrap_err();
    until(|| provider.calls() == 2).await;
    a_while().await;

    assert_eq!(names(&decide(&chain, &user).await.unwrap()), ["new"]);
}

#[tokio::test]
async fn a_provider_that_is_left_alone_is_not_asked_anew() {
    let (clock, state) = stage();
    let provider = Scripted::new(ProviderPolicy { breaker_failures: 1, ..policy() }, Act::Say(allow(&["old"])));
    let chain = chain(&clock, &state, from_ref(&provider));
    let user = ada();
    decide(&chain, &user).await.unwrap();
    clock.advance(Duration::seconds(48));
    provider.act(Act::Fail);
    decide(&chain, &ada()).await.unwrap_err();
    assert_eq!(provider.calls(), 2);

    decide(&chain, &user).await.unwrap();
    a_while().await;

    assert_eq!(provider.calls(), 2);
}

#[tokio::test]
async fn who_stops_waiting_takes_nothing_from_the_others() {
    let (clock, state) = stage();
    let gate = Arc::new(Semaphore::new(0));
    let provider = Scripted::new(policy(), Act::Await(Arc::clone(&gate), allow(&["wiki:read"])));
    let chain = Arc::new(chain(&clock, &state, from_ref(&provider)));
    let user = ada();
    let wait = || {
        let (chain, user) = (Arc::clone(&chain), user.clone());
        tokio::spawn(async move { decide(&chain, &user).await })
    };
    let leader = wait();
    until(|| provider.calls() == 1).await;
    let others = [wait(), wait()];
    a_while().await;

    leader.abort();
    a_while().await;
    gate.add_permits(1);
    for other in others {
        assert_eq!(names(&other.await.unwrap().unwrap()), ["wiki:read"]);
    }

    assert_eq!(provider.calls(), 1);
    decide(&chain, &user).await.unwrap();
    assert_eq!(provider.calls(), 1, "it is remembered, too");
}

#[tokio::test]
async fn a_chain_that_is_short_of_time_fails_alone() {
    let (clock, state) = stage();
    let patient = ProviderPolicy { timeout: std::time::Duration::from_secs(10), ..policy() };
    let gate = Arc::new(Semaphore::new(0));
    let provider = Scripted::new(patient, Act::Await(Arc::clone(&gate), allow(&["wiki:read"])));
    let chain = Arc::new(chain(&clock, &state, from_ref(&provider)));
    let user = ada();

    let short = decide(&chain, &user).await;
    assert!(matches!(short, Err(ChainError::Unavailable { .. })), "two seconds are over");
    let (again, person) = (Arc::clone(&chain), user.clone());
    let late = tokio::spawn(async move { decide(&again, &person).await });
    a_while().await;
    gate.add_permits(1);

    assert_eq!(names(&late.await.unwrap().unwrap()), ["wiki:read"]);
    assert_eq!(provider.calls(), 1, "the question went on");
}
