//! `Chain::access` and `Chain::within`: the questions that no map answers.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;

use super::{Act, Scripted, ada, allow, chain, deny, policy, question, service, stage};
use crate::domain::access::{Access, Item, Said, Wish, by_name, denying};
use crate::domain::permission::{Decision, Merge, Pattern, Verdict};
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::permission::chain::{Chain, ChainError, ChainState};
use crate::permission::{Ask, OnError, PermissionError, PermissionProvider, ProviderPolicy};

/// A provider that knows items, and one limit.
struct Knowing {
    policy: ProviderPolicy,
    said: Said,
    decision: Decision,
}

#[async_trait]
impl PermissionProvider for Knowing {
    async fn permissions(&self, _: &Ask<'_>) -> Result<Decision, PermissionError> {
        Ok(self.decision.clone())
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }

    fn access(&self, _: &Ask<'_>, wish: &Wish) -> Option<Access> {
        (wish.item.kind == "page").then(|| Access { said: self.said, by: "rule".into() })
    }

    fn within(&self, _: &Ask<'_>, name: &str, value: f64) -> Option<Access> {
        let said = if value < 10.0 { Said::Allowed } else { Said::Denied };
        (name == "odd").then(|| Access { said, by: "rule".into() })
    }
}

fn knows(said: Said) -> Arc<dyn PermissionProvider> {
    Arc::new(Knowing { policy: policy(), said, decision: Decision::default() })
}

fn maps(decision: Decision) -> Arc<dyn PermissionProvider> {
    Scripted::new(policy(), Act::Say(decision))
}

fn of(providers: &[Arc<dyn PermissionProvider>]) -> (Chain, Vec<String>) {
    let (clock, state) = stage();
    let ids: Vec<String> = (0..providers.len()).map(|nth| format!("p{nth}")).collect();
    let chain = Chain::of(ids.iter().cloned().zip(providers.iter().cloned()), state, clock);
    (chain, ids)
}

fn wish(kind: &str, action: &str) -> Wish {
    Wish { action: action.into(), item: Item { kind: kind.into(), ..Item::default() } }
}

async fn said(providers: &[Arc<dyn PermissionProvider>], merge: Merge, wish: Wish) -> Said {
    let (chain, ids) = of(providers);
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let wiki = Service { merge, ..service("wiki", &ids) };
    chain.access(&question(&wiki, &ada()), &[wish]).await.unwrap()[0].said
}

#[tokio::test]
async fn voices_come_together_as_the_service_says_and_a_no_always_wins() {
    use Said::{Allowed, Denied, Silent};
    let voice = |said| match said {
        Allowed => [knows(Allowed), maps(allow(&["page:edit"]))],
        Silent => [knows(Silent), maps(allow(&["page:view"]))],
        Denied => {
            let no = Decision { permissions: [("page:edit".to_owned(), false)].into(), ..Decision::default() };
            [knows(Denied), maps(no)]
        }
    };
    let table = [
        // two voices, then what union, first and intersect make of them
        (Allowed, Allowed, [Allowed, Allowed, Allowed]),
        (Allowed, Silent, [Allowed, Allowed, Silent]),
        (Silent, Allowed, [Allowed, Silent, Silent]),
        (Silent, Silent, [Silent, Silent, Silent]),
        (Allowed, Denied, [Denied, Denied, Denied]),
        (Denied, Allowed, [Denied, Denied, Denied]),
        (Silent, Denied, [Denied, Denied, Denied]),
    ];
    for (one, other, expected) in table {
        for (merge, expected) in [Merge::Union, Merge::First, Merge::Intersect].into_iter().zip(expected) {
            for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let providers = [voice(one)[first].clone(), voice(other)[second].clone()];
                let heard = said(&providers, merge, wish("page", "edit")).await;
                assert_eq!(heard, expected, "{one:?} {other:?} {merge:?} {first} {second}");
            }
        }
    }
}

#[tokio::test]
async fn who_abstains_has_no_voice_who_denies_ends_it_and_patterns_deny_items() {
    let abstains = Decision { verdict: Verdict::Abstain, ..allow(&["page:edit"]) };
    assert_eq!(said(&[maps(abstains.clone())], Merge::Union, wish("page", "edit")).await, Said::Silent);
    let silent: Arc<dyn PermissionProvider> =
        Arc::new(Knowing { policy: policy(), said: Said::Allowed, decision: abstains });
    assert_eq!(said(&[silent], Merge::Union, wish("page", "edit")).await, Said::Silent);
    assert_eq!(said(&[knows(Said::Allowed)], Merge::Union, wish("report", "edit")).await, Said::Silent);

    let pattern = Decision { denied: vec![Pattern::new("page:*").unwrap()], ..Decision::default() };
    for (kind, expected) in [("page", Said::Denied), ("pages", Said::Silent)] {
        let providers = [knows(Said::Allowed), maps(pattern.clone())];
        assert_eq!(said(&providers, Merge::Union, wish(kind, "edit")).await, expected);
    }
    let (chain, _) = of(&[knows(Said::Allowed), maps(deny("no"))]);
    let (wiki, user) = (service("wiki", &["p0", "p1"]), ada());
    let denied = chain.access(&question(&wiki, &user), &[wish("page", "edit")]).await;
    assert!(matches!(denied, Err(ChainError::Denied { provider, .. }) if provider == "p1"));
}

#[tokio::test]
async fn a_failure_means_what_it_means_for_tokens() {
    for (on_error, expected) in [(OnError::Deny, None), (OnError::Stale, None), (OnError::Skip, Some(Said::Allowed))] {
        let (clock, state) = stage();
        let fails = Scripted::new(ProviderPolicy { on_error, ..policy() }, Act::Fail);
        let good = Scripted::new(policy(), Act::Say(allow(&["page:edit"])));
        let chain = chain(&clock, &state, &[fails, good]);
        let (wiki, user) = (service("wiki", &["a", "b"]), ada());
        let said = chain.access(&question(&wiki, &user), &[wish("page", "edit")]).await;
        assert_eq!(said.ok().map(|said| said[0].said), expected, "{on_error:?}");
    }
    let (clock, state) = stage();
    let provider =
        Scripted::new(ProviderPolicy { on_error: OnError::Stale, ..policy() }, Act::Say(allow(&["page:edit"])));
    let chain = chain(&clock, &state, std::slice::from_ref(&provider));
    let (wiki, user) = (service("wiki", &["a"]), ada());
    chain.decide(&question(&wiki, &user)).await.unwrap();
    provider.act(Act::Fail);
    clock.advance(time::Duration::seconds(61));
    let said = chain.access(&question(&wiki, &user), &[wish("page", "edit")]).await.unwrap();
    assert_eq!(said[0].said, Said::Allowed, "the last answer of the same memory");
}

#[tokio::test]
async fn a_provider_that_only_runs_beside_has_no_voice() {
    let observed = Scripted::new(ProviderPolicy { observe: true, ..policy() }, Act::Say(allow(&["page:edit"])));
    assert_eq!(said(&[observed], Merge::Union, wish("page", "edit")).await, Said::Silent);
}

#[test]
fn a_grant_by_visibility_is_for_what_is_open_to_them_and_a_denial_for_whatever_has_it() {
    let item = |visibility: &str, owner: &str| Wish {
        action: "edit".into(),
        item: Item {
            kind: "page".into(),
            visibility: Some(visibility.into()),
            owner: Some(owner.into()),
            ..Item::default()
        },
    };
    let named = |names: &[(&str, bool)]| names.iter().map(|(name, granted)| ((*name).to_owned(), *granted)).collect();
    for visibility in ["private", "shared"] {
        let only = format!("page:edit.{visibility}");
        for (owner, granted, but) in [("me", Said::Allowed, Said::Denied), ("bob", Said::Silent, Said::Denied)] {
            let wish = item(visibility, owner);
            assert_eq!(by_name(&named(&[(&only, true)]), "me", &wish).said, granted, "{visibility} {owner}");
            let all_but = named(&[("page:edit", true), (&only, false)]);
            assert_eq!(by_name(&all_but, "me", &wish).said, but, "{visibility} {owner}");
            let pattern = [Pattern::new(&only).unwrap()];
            assert!(denying(&pattern, "me", &wish).is_some(), "{visibility} {owner}");
        }
        assert_eq!(
            by_name(&named(&[("page:edit", true), (&only, false)]), "me", &item("public", "bob")).said,
            Said::Allowed
        );
    }
}

#[tokio::test]
async fn the_first_that_speaks_about_a_limit_decides() {
    let limits = |most: f64| {
        let limits = [("odd".to_owned(), most.into()), ("uploads".to_owned(), most.into())].into_iter().collect();
        maps(Decision { limits, ..Decision::default() })
    };
    let (user, silent) = (ada(), maps(Decision::default()));
    type Case<'a> = (&'a [Arc<dyn PermissionProvider>], Merge, &'a str, f64, Said, Option<f64>);
    let cases: [Case<'_>; 9] = [
        (&[limits(5.0), limits(9.0)], Merge::Union, "uploads", 5.0, Said::Allowed, Some(5.0)),
        (&[limits(5.0), limits(9.0)], Merge::Union, "uploads", 5.5, Said::Denied, Some(5.0)),
        (&[silent.clone(), limits(9.0)], Merge::Union, "uploads", 9.0, Said::Allowed, Some(9.0)),
        (&[silent.clone(), limits(9.0)], Merge::First, "uploads", 9.0, Said::Silent, None),
        (&[limits(9.0)], Merge::Union, "unknown", 0.0, Said::Silent, None),
        (&[knows(Said::Allowed), limits(99.0)], Merge::Union, "odd", 10.0, Said::Denied, Some(99.0)),
        (&[limits(99.0), knows(Said::Allowed)], Merge::Union, "odd", 10.0, Said::Allowed, Some(99.0)),
        (&[knows(Said::Allowed)], Merge::Union, "odd", 9.0, Said::Allowed, None),
        // Whom nothing hinders there is hindered by whoever knows the limit.
        (&[knows(Said::Allowed), limits(5.0)], Merge::Union, "odd", 9.0, Said::Denied, Some(5.0)),
    ];
    for (nth, (providers, merge, name, value, said, limit)) in cases.into_iter().enumerate() {
        let (chain, ids) = of(providers);
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let wiki = Service { merge, ..service("wiki", &ids) };
        let within = chain.within(&question(&wiki, &user), name, value).await.unwrap();
        assert_eq!((within.said.said, within.limit), (said, limit), "case {nth}");
    }
}

fn some_name() -> impl Strategy<Value = String> {
    let action = prop_oneof!["edit", "view", "\\*"];
    let suffix = prop_oneof!["", "\\.own", "\\.public", "\\.shared", "\\.private"];
    (prop_oneof!["page", "note"], action, suffix).prop_map(|(kind, action, suffix)| format!("{kind}:{action}{suffix}"))
}

fn some_decision() -> impl Strategy<Value = Decision> {
    let permissions = prop::collection::btree_map(some_name(), any::<bool>(), 0..6);
    let denied = prop::collection::vec(some_name(), 0..2);
    let verdict = prop_oneof![4 => Just(Verdict::Allow), 1 => Just(Verdict::Abstain)];
    (permissions, denied, verdict).prop_map(|(permissions, denied, verdict)| Decision {
        permissions,
        denied: denied.iter().filter_map(|name| Pattern::new(name)).collect(),
        verdict,
        ..Decision::default()
    })
}

fn some_wish(user: &User) -> impl Strategy<Value = Wish> + use<> {
    let who = user.id.to_string();
    let somebody = prop_oneof![Just(who), Just("other".to_owned()), Just("anyone".to_owned())];
    let visibility = prop_oneof!["public", "shared", "private"];
    let kind = prop_oneof!["page", "note"];
    let item =
        (kind, prop::option::of(somebody.clone()), prop::option::of(visibility), prop::collection::vec(somebody, 0..2));
    (prop_oneof!["edit", "view"], item).prop_map(|(action, (kind, owner, visibility, shared_with))| Wish {
        action,
        item: Item { kind, owner, visibility, shared_with, ..Item::default() },
    })
}

proptest! {
    /// Providers that know names only say about an item what the names say that they grant together; a pattern by which one of them
    /// denies a name that would open the item denies it, also where nobody grants that very name.
    #[test]
    fn names_say_about_items_what_they_say_in_tokens(
        decisions in prop::collection::vec(some_decision(), 0..4),
        merge in prop_oneof![Just(Merge::Union), Just(Merge::First), Just(Merge::Intersect)],
        (user, wishes) in Just(ada()).prop_flat_map(|user| {
            let wishes = prop::collection::vec(some_wish(&user), 1..5);
            (Just(user), wishes)
        }),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let providers: Vec<_> = decisions.iter().cloned().map(maps).collect();
        let (chain, ids) = of(&providers);
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let wiki = Service { merge, ..service("wiki", &ids) };
        let (said, granted) = runtime.block_on(async {
            let question = question(&wiki, &user);
            (chain.access(&question, &wishes).await.unwrap(), chain.decide(&question).await.unwrap())
        });
        let who = user.id.to_string();
        let counted = decisions.iter().filter(|decision| decision.verdict == Verdict::Allow);
        let denied: Vec<_> = counted.flat_map(|decision| decision.denied.clone()).collect();
        for (said, wish) in said.iter().zip(&wishes) {
            let named = by_name(&granted.permissions, &who, wish);
            let is_denied = denying(&denied, &who, wish).is_some();
            prop_assert_eq!(said.is_allowed(), named.is_allowed() && !is_denied, "{:?} {:?}", wish, granted.permissions);
            if !is_denied {
                prop_assert_eq!(said, &named);
            }
        }
    }
}

#[tokio::test]
async fn both_questions_share_one_memory_with_tokens() {
    let (clock, state): (_, Arc<ChainState>) = stage();
    let provider = Scripted::new(policy(), Act::Say(allow(&["page:edit"])));
    let chain = chain(&clock, &state, std::slice::from_ref(&provider));
    let (wiki, user) = (service("wiki", &["a"]), ada());
    chain.decide(&question(&wiki, &user)).await.unwrap();
    chain.access(&question(&wiki, &user), &vec![wish("page", "edit"); 100]).await.unwrap();
    chain.within(&question(&wiki, &user), "uploads", 1.0).await.unwrap();

    assert_eq!(provider.calls(), 1);
}

/// A provider that has a name for everything and no answer about items.
struct Failing(ProviderPolicy, bool);

#[async_trait]
impl PermissionProvider for Failing {
    async fn permissions(&self, _: &Ask<'_>) -> Result<Decision, PermissionError> {
        Ok(allow(&["page:*"]))
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.0
    }

    async fn access_all(&self, _: &Ask<'_>, _: &[Wish]) -> Result<Vec<Option<Access>>, PermissionError> {
        if self.1 {
            std::future::pending::<()>().await;
        }
        Err(PermissionError::Unreachable("gone".into()))
    }
}

#[tokio::test]
async fn who_has_no_answer_about_items_or_none_in_time_is_not_heard_by_name_instead() {
    let table = [(OnError::Deny, None), (OnError::Stale, None), (OnError::Skip, Some([Said::Allowed, Said::Silent]))];
    for (on_error, expected) in table {
        for hangs in [false, true] {
            let timeout = std::time::Duration::from_millis(10);
            let failing = Failing(ProviderPolicy { timeout, on_error, ..policy() }, hangs);
            let (chain, _) = of(&[Arc::new(failing), maps(allow(&["page:edit"]))]);
            let (wiki, user) = (service("wiki", &["p0", "p1"]), ada());
            let wishes = [wish("page", "edit"), wish("page", "view")];
            match (chain.access(&question(&wiki, &user), &wishes).await, expected) {
                (Ok(said), Some(expected)) => assert_eq!([said[0].said, said[1].said], expected),
                (Err(ChainError::Unavailable { provider, .. }), None) => assert_eq!(provider, "p0"),
                (said, _) => panic!("{said:?} {on_error:?} {hangs}"),
            }
        }
    }
}
