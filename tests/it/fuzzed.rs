//! What comes from outside breaks nothing: the doors of the fuzz targets, opened to bytes at random and to valid inputs with accidents.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::fuzzing;

/// Longest time for one input, in debug code on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

const ANSWERS: &[&str] = &[
    r#"{ "version": 1, "decision": "allow", "permissions": { "wiki:read": true, "wiki:delete": false },
         "limits": { "uploads_per_day": 100 }, "claims": { "tenant": "acme", "deep": [[1, {"a": null}]] },
         "cache_ttl": 60, "reason": "staff of acme", "message": "" }"#,
    r#"{"permissions": ["a:b", "c:*"], "decision": "abstain"}"#,
    r#"{"decision": "deny", "message": "not \u00e9ver", "claims": {"sub": 1}}"#,
    r#"{"decision": "allow", "claims": {"plan": {"seats": 3}}}"#,
];

const POLICIES: &[&str] = &[
    r#"{ "version": 1,
         "targets": { "page": { "actions": ["view", "edit"], "visibilities": ["public", "shared", "private"] } },
         "roles": {
           "guest": { "grants": ["page:view@public"], "limits": { "requests_per_minute": 60 } },
           "member": { "inherits": ["guest"], "grants": ["page:*@own"], "limits": { "requests_per_minute": 600 } },
           "staff": { "inherits": ["member"], "grants": ["page:view@any", "page:edit@any"] },
           "locked": { "deny": ["*"], "limits": { "requests_per_minute": 0 } } },
         "tests": [ { "roles": ["member"], "allow": ["page:edit@own"], "deny": ["page:edit@any"] } ] }"#,
    r#"{"version": 1, "targets": {}, "roles": {"a": {"inherits": ["b"]}, "b": {"inherits": ["a"]}}}"#,
    r#"{"roles": {"a": {"allowed_actions": ["view"], "disallowed_actions": []}}, "items": ["page"]}"#,
];

const RULES: &[&str] = &[
    "claims.hd == 'acme.org' && email_verified\n{\"hd\": \"acme.org\"}",
    "'staff' in claims.groups || email.endsWith('@acme.org')\n{\"groups\": [\"staff\", 1, null]}",
    "groups.exists(g, g.startsWith('sso:')) && size(claims) < 3\n{\"a\": {\"b\": [1.5, -2]}}",
    "has(claims.a.b) ? claims.a.b[0] > 1 : roles.all(r, r != 'guest') && mfa",
    "provider.matches('^s+o$') || int(claims.n) % 7 == 0u\n{\"n\": \"12\"}",
    "{'a': [1, 2].map(x, x * 9223372036854775807)}.a[1] / 0 == timestamp('2026-01-01T00:00:00Z').getFullYear()",
];

/// One thing that happens to a text on its way.
#[derive(Debug, Clone)]
enum Accident {
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Replace(prop::sample::Index, u8),
    Swap(prop::sample::Index, prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index, u8),
    Drop(prop::sample::Index, prop::sample::Index),
}

fn accident() -> impl Strategy<Value = Accident> {
    let at = any::<prop::sample::Index>;
    let telling = prop::sample::select(b"{}[](),:\"'\\*.0-9eE+ntf \n\0\xff\xc3@!&|?".to_vec());
    prop_oneof![
        at().prop_map(Accident::Cut),
        (at(), telling.clone()).prop_map(|(at, byte)| Accident::Insert(at, byte)),
        (at(), prop_oneof![telling, any::<u8>()]).prop_map(|(at, byte)| Accident::Replace(at, byte)),
        (at(), at()).prop_map(|(one, other)| Accident::Swap(one, other)),
        (at(), at(), 1..30_u8).prop_map(|(from, to, times)| Accident::Repeat(from, to, times)),
        (at(), at()).prop_map(|(from, to)| Accident::Drop(from, to)),
    ]
}

fn happens(bytes: &mut Vec<u8>, accident: &Accident) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    let between = |one: &prop::sample::Index, other: &prop::sample::Index| {
        let (one, other) = (one.index(length), other.index(length));
        one.min(other)..one.max(other)
    };
    match accident {
        Accident::Cut(at) => bytes.truncate(at.index(length)),
        Accident::Insert(at, byte) => bytes.insert(at.index(length), *byte),
        Accident::Replace(at, byte) => bytes[at.index(length)] = *byte,
        Accident::Swap(one, other) => bytes.swap(one.index(length), other.index(length)),
        Accident::Repeat(from, to, times) => {
            let part = bytes[between(from, to)].repeat(usize::from(*times));
            let at = between(from, to).end;
            drop(bytes.splice(at..at, part.into_iter().take(4096)));
        }
        Accident::Drop(from, to) => drop(bytes.drain(between(from, to))),
    }
}

/// Bytes at random, or one of these with accidents.
fn input(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let broken = (prop::sample::select(seeds), vec(accident(), 0..6)).prop_map(|(seed, accidents)| {
        let mut bytes = seed.as_bytes().to_vec();
        for accident in &accidents {
            happens(&mut bytes, accident);
        }
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..600), 4 => broken]
}

/// What is long or deep, and what repeats.
fn monsters() -> Vec<Vec<u8>> {
    let big = 64 * 1024;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(big / 2), close.repeat(big / 2));
    let mut all = vec![
        deep("[", "]"),
        deep("(", ")"),
        deep("{\"a\":", "}"),
        deep("!", ""),
        deep("-", ""),
        "1".repeat(big),
        format!("\"{}\"", "\\u0041".repeat(big / 6)),
        format!("{{\"claims\": {{\"a\": 1e{}}}}}", "9".repeat(1000)),
        format!("{{{}}}", (0..5000).map(|n| format!("\"n{n}\": {n}")).collect::<Vec<_>>().join(",")),
        format!("{{\"permissions\": [{}]}}", vec!["\"a\""; 20_000].join(",")),
    ];
    all.extend(["a && ", "a ? b : ", "[1].map(x, ", "x.y", "'a' + "].map(|part| part.repeat(big / part.len())));
    all.into_iter().map(String::into_bytes).collect()
}

fn in_time(door: fn(&[u8]), bytes: &[u8]) {
    let began = Instant::now();
    door(bytes);
    assert!(began.elapsed() < PATIENCE, "{:?} for {} bytes", began.elapsed(), bytes.len());
}

proptest! {
    #[test]
    fn an_answer_of_a_permission_provider(bytes in input(ANSWERS)) {
        in_time(fuzzing::permission_answer, &bytes);
    }

    #[test]
    fn an_answer_of_an_extension(bytes in input(ANSWERS)) {
        in_time(fuzzing::hook_answer, &bytes);
    }
}

proptest! {
    #[test]
    fn a_policy(bytes in input(POLICIES)) {
        in_time(fuzzing::policy, &bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_rule_and_its_claims(bytes in input(RULES)) {
        in_time(fuzzing::policy, &bytes);
        in_time(fuzzing::rule, &bytes);
    }
}

#[test]
fn what_is_long_or_deep_is_read_in_time() {
    for bytes in monsters() {
        in_time(fuzzing::permission_answer, &bytes);
        in_time(fuzzing::hook_answer, &bytes);
        in_time(fuzzing::rule, &bytes);
        in_time(fuzzing::rule, &bytes[..bytes.len().min(2000)]);
    }
}
