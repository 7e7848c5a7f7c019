use super::*;

fn says(grants: &[&str], denials: &[&str], patterns: &[&str]) -> Decision {
    let permissions =
        grants.iter().map(|n| ((*n).to_owned(), true)).chain(denials.iter().map(|n| ((*n).to_owned(), false)));
    Decision {
        permissions: permissions.collect(),
        denied: patterns.iter().map(|text| Pattern::new(text).expect("a pattern")).collect(),
        ..Decision::default()
    }
}

fn merged(merge: Merge, answers: &[Decision]) -> Permissions {
    let mut merged = Merged::new(merge);
    for answer in answers {
        merged.add(answer.clone());
    }
    merged.permissions().clone()
}

fn granted(permissions: &Permissions) -> Vec<&str> {
    permissions.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_name_has_a_grammar() {
    let longest = "a".repeat(LONGEST_NAME);
    for name in ["a", "0", "wiki:read", "wiki:*", "a.b-c_d:e.f-g_h", "wiki:page:*", "wiki:r*d", "wiki:**", &longest] {
        assert!(is_name(name), "{name}");
    }
    let too_long = "a".repeat(LONGEST_NAME + 1);
    for name in [
        "",
        "*",
        ":",
        "a:",
        ":a",
        "a::b",
        "A",
        "wiki:Read",
        "-a",
        "_a",
        ".a",
        "a:-b",
        "a:.b",
        "a b",
        "a*",
        "a\n",
        "ä",
        "a:b/../c",
        "a:%2f",
        "a:\u{0}",
        &too_long,
    ] {
        assert!(!is_name(name), "{name:?}");
    }
}

#[test]
fn a_pattern_stands_for_runs_of_characters() {
    for (pattern, name, matches) in [
        ("*", "wiki:read", true),
        ("wiki:*", "wiki:read", true),
        ("wiki:*", "wiki:page:read", true),
        ("wiki:*", "wiki:*", true),
        ("wiki:*", "wiki", false),
        ("wiki:*", "wikis:read", false),
        ("wiki:*:read", "wiki:page:read", true),
        ("wiki:*:read", "wiki:read", false),
        ("wiki:*a*b", "wiki:ab", true),
        ("wiki:*a*b", "wiki:ba", false),
        ("wiki:*a*ab", "wiki:aab", true),
        ("wiki:a*a", "wiki:a", false),
        ("wiki:read", "wiki:read", true),
        ("wiki:read", "wiki:reader", false),
    ] {
        assert_eq!(Pattern::new(pattern).expect("a pattern").matches(name), matches, "{pattern} {name}");
    }
    assert_eq!(Pattern::new("W"), None);
    assert_eq!(Pattern::new("**"), None);
}

#[test]
fn the_modes_differ_in_what_they_grant() {
    let answers = [says(&["a", "b"], &[], &[]), says(&["b", "c"], &[], &[])];

    assert_eq!(granted(&merged(Merge::Union, &answers)), ["a", "b", "c"]);
    assert_eq!(granted(&merged(Merge::First, &answers)), ["a", "b"]);
    assert_eq!(granted(&merged(Merge::Intersect, &answers)), ["b"]);
}

#[test]
fn every_combination_of_two_answers_follows_the_rule() {
    let words = [None, Some(true), Some(false)];
    for merge in [Merge::Union, Merge::First, Merge::Intersect] {
        for one in words {
            for other in words {
                for pattern in [false, true] {
                    let answer = |word: Option<bool>, pattern: bool| Decision {
                        permissions: word.map(|granted| ("x:y".to_owned(), granted)).into_iter().collect(),
                        denied: pattern.then(|| Pattern("x:*".into())).into_iter().collect(),
                        ..Decision::default()
                    };
                    let denied = one == Some(false) || other == Some(false) || pattern;
                    let wanted = !denied
                        && match merge {
                            Merge::Union => one == Some(true) || other == Some(true),
                            Merge::First => one == Some(true),
                            Merge::Intersect => one == Some(true) && other == Some(true),
                        };

                    let forth = merged(merge, &[answer(one, false), answer(other, pattern)]);
                    let both = merged(merge, &[answer(one, pattern), answer(other, false)]);

                    assert_eq!(forth.get("x:y") == Some(&true), wanted, "{merge:?} {one:?} {other:?} {pattern}");
                    assert_eq!(both.get("x:y") == Some(&true), wanted, "{merge:?} {one:?} {other:?} {pattern}");
                }
            }
        }
    }
}

#[test]
fn a_denial_stays_whoever_speaks_later() {
    for merge in [Merge::Union, Merge::First, Merge::Intersect] {
        let first = merged(merge, &[says(&[], &["a"], &[]), says(&["a"], &[], &[]), says(&["a"], &[], &[])]);
        let last = merged(merge, &[says(&["a"], &[], &[]), says(&["a"], &[], &[]), says(&[], &["a"], &[])]);
        let swept = merged(merge, &[says(&["a", "b:c"], &[], &["*"]), says(&["a", "b:c"], &[], &[])]);

        assert_eq!(first, Permissions::from([("a".into(), false)]));
        assert_eq!(last, first);
        assert_eq!(granted(&swept), [""; 0]);
    }
}

#[test]
fn an_abstention_and_a_deny_verdict_add_nothing() {
    for verdict in [Verdict::Abstain, Verdict::Deny] {
        let silent = Decision { verdict, ..says(&["x"], &["a"], &["*"]) };
        for merge in [Merge::Union, Merge::First, Merge::Intersect] {
            let permissions = merged(merge, &[silent.clone(), says(&["a"], &[], &[]), silent.clone()]);

            assert_eq!(permissions, Permissions::from([("a".into(), true)]), "{merge:?}");
        }
    }
}

#[test]
fn a_granted_wildcard_does_not_bring_a_denied_name_back() {
    let wide = says(&["wiki:*", "wiki:read", "wiki:delete", "shop:*"], &[], &[]);
    let by_name = merged(Merge::Union, &[wide.clone(), says(&[], &["wiki:delete"], &[])]);
    let by_pattern = merged(Merge::Union, &[wide, says(&[], &[], &["wiki:d*"])]);
    let across = merged(Merge::Union, &[says(&["wiki:page:*"], &[], &[]), says(&[], &[], &["wiki:*:delete"])]);

    assert_eq!(granted(&by_name), ["shop:*", "wiki:read"]);
    assert_eq!(granted(&by_pattern), ["shop:*", "wiki:read"]);
    assert_eq!(granted(&across), [""; 0]);
}

#[test]
fn the_earlier_limit_and_claim_stay() {
    let answer = |limit: u64, claim: &str| Decision {
        limits: [("uploads".to_owned(), limit.into())].into_iter().collect(),
        claims: [("tenant".to_owned(), claim.into())].into_iter().collect(),
        ..Decision::default()
    };
    let mut both = Merged::new(Merge::Union);
    both.add(answer(5, "acme"));
    both.add(answer(9, "other"));

    let (_, limits, claims) = both.into_parts();

    assert_eq!(limits["uploads"], 5);
    assert_eq!(claims["tenant"], "acme");
}
