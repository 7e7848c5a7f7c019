//! What is remembered of a chain's answers, for how long, and what is asked only once.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration as Patience;

use time::Duration;
use tokio::sync::Semaphore;

use super::{Act, Scripted, ada, allow, chain, deny, names, policy, question, service, stage};
use crate::clock::Clock as _;
use crate::domain::permission::Decision;
use crate::domain::user::User;
use crate::it::stage::Stage;
use crate::permission::chain::{ChainError, Granted, Question};
use crate::permission::{OnError, ProviderPolicy, Vary};

#[tokio::test]
async fn an_answer_is_remembered_until_its_time_is_over() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, from_ref(&provider));
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
        let chain = chain(&clock, &state, from_ref(&provider));
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
    let chain = chain(&clock, &state, from_ref(&provider));
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
    let chain = chain(&clock, &state, from_ref(&provider));
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
    let chain_now = chain(&clock, &state, from_ref(&provider));
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    let base = question(&wiki, &user);
    chain_now.decide(&base).await.unwrap();
    chain_now.decide(&base).await.unwrap();
    assert_eq!(provider.calls(), 1);

    let newer = User { version: 2, ..user.clone() };
    let other = ada();
    let shop = service("shop", &["a"]);
    let variants = [
        question(&wiki, &newer),
        question(&wiki, &other),
        question(&shop, &user),
        Question { ip: Some("192.0.2.1".parse().unwrap()), ..base },
        Question { provider: "password", ..base },
    ];
    for (so_far, variant) in (1..).zip(variants) {
        chain_now.decide(&variant).await.unwrap();
        assert_eq!(provider.calls(), so_far + 1, "{variant:?}");
    }

    let changed = Scripted::new(ProviderPolicy { config_hash: 2, ..vary }, Act::Say(allow(&["wiki:read"])));
    chain(&clock, &state, from_ref(&changed)).decide(&base).await.unwrap();
    assert_eq!(changed.calls(), 1);
}

#[tokio::test]
async fn an_address_that_is_not_varied_by_does_not_ask_again() {
    let (clock, state) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, from_ref(&provider));
    let (user, wiki) = (ada(), service("wiki", &["a"]));
    for address in ["192.0.2.1", "192.0.2.2"] {
        let ip = Some(address.parse().unwrap());
        chain.decide(&Question { ip, ..question(&wiki, &user) }).await.unwrap();
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

    let granted = chain(&clock, &state, from_ref(&after)).decide(&question(&wiki, &user)).await.unwrap();

    assert_eq!(names(&granted), ["wiki:read"]);
    assert_eq!(after.calls(), 0);
}

/// Asks the same question fifty times at once, and lets the provider answer when all of them wait.
async fn fifty_at_once(policy: ProviderPolicy) -> (usize, Vec<Result<Granted, ChainError>>) {
    let (clock, state) = stage();
    let gate = Arc::new(Semaphore::new(0));
    let provider = Scripted::new(policy, Act::Await(Arc::clone(&gate), allow(&["wiki:read"])));
    let chain = Arc::new(chain(&clock, &state, from_ref(&provider)));
    let user = ada();
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let (chain, user) = (Arc::clone(&chain), user.clone());
            tokio::spawn(async move { chain.decide(&question(&service("wiki", &["a"]), &user)).await })
        })
        .collect();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(100);
    let mut outcomes = Vec::new();
    for outcome in asked {
        outcomes.push(outcome.await.unwrap());
    }
    (provider.calls(), outcomes)
}

#[tokio::test]
async fn the_same_question_is_asked_once_however_many_wait() {
    let (calls, outcomes) = fifty_at_once(policy()).await;

    assert_eq!(calls, 1);
    assert!(outcomes.iter().all(|granted| names(granted.as_ref().unwrap()) == ["wiki:read"]));
}

#[tokio::test]
async fn an_answer_that_may_not_be_kept_still_serves_all_who_wait() {
    let (calls, outcomes) = fifty_at_once(ProviderPolicy { cache_ttl: Duration::ZERO, ..policy() }).await;

    assert_eq!(calls, 1);
    assert!(outcomes.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_failure_of_one_call_is_one_failure_for_all_who_wait() {
    let (clock, state) = stage();
    let late = ProviderPolicy { timeout: Patience::from_millis(50), breaker_failures: 2, ..policy() };
    let provider = Scripted::new(late, Act::Hang);
    let chain = Arc::new(chain(&clock, &state, from_ref(&provider)));
    let user = ada();
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (chain, user) = (Arc::clone(&chain), user.clone());
            tokio::spawn(async move { chain.decide(&question(&service("wiki", &["a"]), &user)).await })
        })
        .collect();
    for outcome in asked {
        assert!(outcome.await.unwrap().is_err());
    }
    assert_eq!(provider.calls(), 1);

    chain.decide(&question(&service("wiki", &["a"]), &user)).await.unwrap_err();

    assert_eq!(provider.calls(), 2, "one failure does not open the breaker");
}

#[tokio::test]
async fn what_a_provider_granted_that_is_taken_out_is_gone_at_once() {
    let far = "[permissions.far]\nkind = \"http\"\nurl = \"https://far.test/\"\nsecret = \"a secret of 16 bytes or more\"\non_error = \"stale\"\n";
    let stage = Stage::with(&format!("{far}[services.wiki]\npermissions = [\"house\", \"far\"]")).await;
    let answer = || async { r#"{"permissions": ["wiki:far"]}"# };
    stage.internet.host("far.test", axum::Router::new().fallback(answer));
    let token = stage.browser().login_token().await;
    let granted = async || stage.get("/auth/authorize?service=wiki").bearer(&token).await.json()["permissions"].clone();
    assert_eq!(granted().await, serde_json::json!({ "wiki:far": true, "wiki:read": true }));

    let refused = stage.reload("[permissions]\nfar = \"gone\"");
    assert!(refused.is_err(), "a service may not name who is not there");
    stage.reload("[permissions]\nfar = \"gone\"\n[services.wiki]\npermissions = [\"house\"]").unwrap();

    assert_eq!(granted().await, serde_json::json!({ "wiki:read": true }));
}

#[tokio::test]
async fn what_is_kept_of_somebody_can_be_looked_at_and_that_changes_nothing() {
    let (clock, state) = stage();
    let fails = Scripted::new(ProviderPolicy { on_error: OnError::Skip, ..policy() }, Act::Fail);
    let varies = ProviderPolicy { vary: vec![Vary::Mfa], ..policy() };
    let provider = Scripted::new(varies, Act::Say(allow(&["wiki:read"])));
    let chain = chain(&clock, &state, &[provider.clone(), fails]);
    let (user, wiki, shop) = (ada(), service("wiki", &["a", "b"]), service("shop", &["a"]));
    assert!(chain.kept(&wiki, &user).await.is_empty());
    chain.decide(&question(&wiki, &user)).await.unwrap();
    let first = [("a".to_owned(), clock.now() + Duration::seconds(60))].into();

    assert_eq!(chain.kept(&wiki, &user).await, first, "a failure is not remembered");
    assert!(chain.kept(&shop, &user).await.is_empty(), "another service");
    assert!(chain.kept(&wiki, &User { version: user.version + 1, ..user.clone() }).await.is_empty(), "since changed");
    assert!(chain.kept(&wiki, &ada()).await.is_empty(), "another person");

    clock.advance(Duration::seconds(30));
    let with_mfa = Question { is_multi_factor: true, ..question(&wiki, &user) };
    chain.decide(&with_mfa).await.unwrap();
    let last = clock.now() + Duration::seconds(60);
    assert_eq!(chain.kept(&wiki, &user).await["a"], last, "of several it is the one that lasts longest");
    clock.advance(Duration::seconds(59));
    assert_eq!(chain.kept(&wiki, &user).await["a"], last);
    clock.advance(Duration::SECOND);
    assert!(chain.kept(&wiki, &user).await.is_empty());
    assert_eq!(provider.calls(), 2, "nobody was asked");

    chain.decide(&question(&wiki, &user)).await.unwrap();
    state.forget(Some("wiki"), Some(user.id));
    assert!(chain.kept(&wiki, &user).await.is_empty(), "what is to be forgotten is not shown");
}
