//! What holds of every merge, whatever the answers: grouping, denials, abstentions, and names that stay ours.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::domain::answer::members;
use crate::domain::claims::{Audience, RESERVED, ServiceClaims, Spelled, Sub};
use crate::domain::id::{TokenId, UserId};
use crate::domain::permission::{Decision, Merge, Merged, Pattern, Permissions, Verdict, is_name, is_wildcard};
use crate::permission::answer::parse;

/// Names of few letters, so that they meet; some are wildcards.
fn name() -> impl Strategy<Value = String> {
    let first = prop::sample::select(vec!["a", "b", "ab"]);
    let next = prop::sample::select(vec!["a", "b", "ab", "*", "a*", "*b", "a*b", "**"]);
    (first, vec(next, 0..3)).prop_map(|(first, rest)| {
        let name = std::iter::once(first).chain(rest).collect::<Vec<_>>().join(":");
        assert!(is_name(&name), "{name}");
        name
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![9 => name(), 1 => Just("*".to_owned())].prop_map(|text| Pattern::new(&text).unwrap())
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(Verdict::Allow), 1 => Just(Verdict::Abstain)]
}

fn extras() -> impl Strategy<Value = Map<String, Value>> {
    let pair = (prop::sample::select(vec!["x", "y"]), 0..3_u8);
    vec(pair, 0..2).prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect())
}

fn decision() -> impl Strategy<Value = Decision> {
    let permissions = prop::collection::btree_map(name(), any::<bool>(), 0..5);
    (verdict(), permissions, vec(pattern(), 0..2), extras(), extras()).prop_map(
        |(verdict, permissions, denied, limits, claims)| Decision {
            verdict,
            permissions,
            denied,
            limits,
            claims,
            ..Decision::default()
        },
    )
}

fn mode() -> impl Strategy<Value = Merge> {
    prop_oneof![Just(Merge::Union), Just(Merge::First), Just(Merge::Intersect)]
}

fn merged(mode: Merge, answers: &[Decision]) -> Merged {
    let mut merged = Merged::new(mode);
    for answer in answers {
        merged.add(answer.clone());
    }
    merged
}

/// Several answers as one, as a chain within a chain would give it.
fn grouped(mode: Merge, answers: &[Decision]) -> Decision {
    let counted = answers.iter().filter(|answer| answer.verdict == Verdict::Allow);
    let denied = counted.clone().flat_map(|answer| answer.denied.clone()).collect();
    let verdict = if counted.count() > 0 { Verdict::Allow } else { Verdict::Abstain };
    let (permissions, limits, claims) = merged(mode, answers).into_parts();
    Decision { verdict, permissions, denied, limits, claims, ..Decision::default() }
}

/// What is granted, and what else a service reads.
fn grants(merged: Merged) -> (BTreeSet<String>, Map<String, Value>, Map<String, Value>) {
    let (permissions, limits, claims) = merged.into_parts();
    (permissions.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name).collect(), limits, claims)
}

proptest! {
    /// The promise of `union` and `intersect`: a chain that is cut into groups grants the same.
    #[test]
    fn a_chain_in_groups_grants_the_same(
        mode in prop_oneof![Just(Merge::Union), Just(Merge::Intersect)],
        answers in vec(decision(), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(answers.len() + 1);
        let (left, right) = answers.split_at(cut);
        let whole = grants(merged(mode, &answers));

        let both = [grouped(mode, left), grouped(mode, right)];
        prop_assert_eq!(&grants(merged(mode, &both)), &whole);
        let mut last = left.to_vec();
        last.push(grouped(mode, right));
        prop_assert_eq!(&grants(merged(mode, &last)), &whole);
    }

    /// And whom a union or intersection asks first does not matter for what is granted.
    #[test]
    fn the_order_grants_nothing(
        mode in prop_oneof![Just(Merge::Union), Just(Merge::Intersect)],
        answers in vec(decision(), 0..5),
    ) {
        let mut turned = answers.clone();
        turned.reverse();
        prop_assert_eq!(grants(merged(mode, &answers)).0, grants(merged(mode, &turned)).0);
    }

    #[test]
    fn a_denial_wins_in_every_mode_wherever_it_stands(mode in mode(), answers in vec(decision(), 1..6), probes in vec(name(), 0..8)) {
        let granted = grants(merged(mode, &answers)).0;
        for answer in answers.iter().filter(|answer| answer.verdict == Verdict::Allow) {
            for name in answer.permissions.iter().filter(|(_, granted)| !**granted).map(|(name, _)| name) {
                prop_assert!(!granted.contains(name), "{} came back", name);
                let brings_back = |have: &String| is_wildcard(have) && Pattern::new(have).unwrap().matches(name);
                prop_assert!(!granted.iter().any(brings_back), "a wildcard of {:?} brings {} back", granted, name);
            }
            for pattern in &answer.denied {
                prop_assert!(!granted.iter().any(|name| pattern.matches(name)), "{:?} of {:?}", pattern, granted);
                for probe in probes.iter().filter(|probe| pattern.matches(probe)) {
                    let brings_back = |have: &String| Pattern::new(have).unwrap().matches(probe);
                    prop_assert!(!granted.iter().any(brings_back), "{:?} brings {} back", granted, probe);
                }
            }
        }
    }

    #[test]
    fn an_abstention_changes_nothing(
        mode in mode(),
        answers in vec(decision(), 0..5),
        said in decision(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut more = answers.clone();
        more.insert(at.index(answers.len() + 1), Decision { verdict: Verdict::Abstain, ..said });
        prop_assert_eq!(merged(mode, &more), merged(mode, &answers));
    }

    #[test]
    fn nothing_is_granted_that_nobody_grants(mode in mode(), answers in vec(decision(), 0..5)) {
        let granted = grants(merged(mode, &answers)).0;
        let is_said = |name: &String| answers.iter().any(|answer| answer.permissions.get(name) == Some(&true));
        prop_assert!(granted.iter().all(is_said), "{:?}", granted);
    }

    /// Through the reader and into a real token: what is ours stays ours, and nothing stands there twice.
    #[test]
    fn no_answer_sets_a_claim_that_is_ours(body in answer_text()) {
        let Ok(decision) = parse("p", body.as_bytes()) else { return Ok(()) };
        let mut merged = Merged::new(Merge::Union);
        merged.add(decision);
        let (permissions, limits, extra) = merged.into_parts();
        let (ours, token) = (token(&Permissions::new(), Map::new(), Map::new()), token(&permissions, limits, extra));
        for name in ["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "amr", "roles"] {
            prop_assert_eq!(&token[name], &ours[name], "{}", name);
        }
        for name in RESERVED.iter().filter(|name| !["permissions", "limits"].contains(name)) {
            prop_assert_eq!(token.get(*name), ours.get(*name), "{}", name);
        }
    }
}

/// A token as it is signed, read by somebody who takes no member twice.
fn token(permissions: &Permissions, limits: Map<String, Value>, extra: Map<String, Value>) -> Map<String, Value> {
    let claims = ServiceClaims {
        iss: "https://auth.example",
        sub: Sub::User(UserId(uuid::Uuid::from_u128(7))),
        aud: Audience::One("wiki"),
        client_id: "wiki",
        iat: 1,
        exp: 2,
        jti: TokenId(uuid::Uuid::from_u128(8)),
        sid: None,
        auth_time: None,
        amr: vec!["pwd"],
        permissions: Some(Spelled::Map(permissions)),
        permissions_ref: None,
        scope: None,
        roles: vec!["member"],
        limits,
        perm_stale: false,
        extra,
    };
    members(&serde_json::to_vec(&claims).unwrap()).unwrap()
}

/// Answers whose claims have names of ours, nearly names of ours, escaped and repeated.
fn answer_text() -> impl Strategy<Value = String> {
    let escaped = |name: &str| name.chars().fold(String::new(), |text, c| format!("{text}\\u{:04x}", u32::from(c)));
    let name = (prop::sample::select(RESERVED.to_vec()), 0..6_u8).prop_map(move |(name, way)| match way {
        0 => name.to_owned(),
        1 => escaped(name),
        2 => name.to_uppercase(),
        3 => format!("{name} "),
        4 => format!("x{name}"),
        _ => format!("{name}\\u0000"),
    });
    let value = prop::sample::select(vec!["1", "\"x\"", "[\"admin\"]", "{\"sub\": \"x\"}", "null", "true"]);
    let claims = vec((name, value), 0..4);
    (claims, prop::sample::select(vec!["claims", "limits", "permissions", "sub", "cl\\u0061ims"])).prop_map(
        |(pairs, member)| {
            let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            format!("{{\"{member}\": {{{}}}, \"decision\": \"allow\"}}", pairs.join(", "))
        },
    )
}
