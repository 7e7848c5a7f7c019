//! The permission contract, version 1, as it comes back.

use crate::domain::permission::{Decision, MOST_NAMES, Verdict};
use crate::permission::answer::parse;

fn read(json: &str) -> Decision {
    parse("billing", json.as_bytes()).unwrap()
}

#[test]
fn a_whole_answer_is_read() {
    let decision = read(
        r#"{ "version": 1, "decision": "allow", "permissions": { "wiki:read": true, "wiki:delete": false },
             "limits": { "uploads_per_day": 100 }, "claims": { "tenant": "acme" },
             "cache_ttl": 60, "reason": "staff of acme", "message": "" }"#,
    );

    assert_eq!(decision.verdict, Verdict::Allow);
    assert_eq!(decision.permissions, [("wiki:read".into(), true), ("wiki:delete".into(), false)].into());
    assert_eq!(decision.limits["uploads_per_day"], 100);
    assert_eq!(decision.claims["tenant"], "acme");
    assert_eq!(decision.cache_ttl, Some(60));
    assert_eq!(decision.reason, "staff of acme");
}

#[test]
fn most_of_an_answer_may_be_left_out() {
    assert_eq!(read("{}"), Decision::default());
    assert_eq!(read(r#"{"permissions": ["a", "b"]}"#).permissions, [("a".into(), true), ("b".into(), true)].into());
    assert_eq!(read(r#"{"decision": "deny", "message": "no"}"#).verdict, Verdict::Deny);
    assert_eq!(read(r#"{"decision": "abstain"}"#).verdict, Verdict::Abstain);
}

#[test]
fn what_is_not_an_answer_is_refused_without_being_repeated() {
    let deep = format!(r#"{{"claims": {{"secretname": {}1{}}}}}"#, "[".repeat(200), "]".repeat(200));
    let many = format!(r#"{{"permissions": [{}]}}"#, vec!["\"secretname\""; MOST_NAMES + 1].join(","));
    let long = format!(r#"{{"permissions": ["{}"]}}"#, "secretname".repeat(13));
    for body in [
        "",
        "<html>secretname</html>",
        "[]",
        "null",
        "\"yes\"",
        "true",
        "{\"permissions\": {\"secretname\": true}",
        "{} {}",
        r#"{"version": 2}"#,
        r#"{"version": "1"}"#,
        r#"{"decision": "yes"}"#,
        r#"{"decision": true}"#,
        r#"{"decision": null}"#,
        r#"{"decision": {"allow": null}}"#,
        r#"{"decison": "deny"}"#,
        r#"{"permissions": "secretname"}"#,
        r#"{"permissions": null}"#,
        r#"{"permissions": {"secretname": 1}}"#,
        r#"{"permissions": {"secretname": "true"}}"#,
        r#"{"permissions": [true]}"#,
        r#"{"permissions": {"SecretName": true}}"#,
        r#"{"permissions": {"*": true}}"#,
        r#"{"permissions": {"secretname\u0000": true}}"#,
        r#"{"permissions": {"secretname": true, "secretname": false}}"#,
        r#"{"decision": "deny", "decision": "allow"}"#,
        r#"{"claims": {"x": {"secretname": 1, "secretname": 2}}}"#,
        r#"{"limits": {"secretname": "many"}}"#,
        r#"{"limits": {"secretname": NaN}}"#,
        r#"{"limits": {"secretname": 1e999}}"#,
        r#"{"limits": []}"#,
        r#"{"claims": []}"#,
        r#"{"claims": {"": 1}}"#,
        r#"{"cache_ttl": -1}"#,
        r#"{"cache_ttl": 1.5}"#,
        r#"{"cache_ttl": "60"}"#,
        r#"{"reason": 1}"#,
        r#"{"message": {}}"#,
        &deep,
        &many,
        &long,
    ] {
        let error = parse("billing", body.as_bytes()).unwrap_err().to_string();

        assert!(error.contains("`billing`"), "{body}: {error}");
        assert!(!error.contains("secretname"), "{body}: {error}");
    }
    assert!(parse("billing", &[b'"', 0xff, b'"']).is_err());
}

#[test]
fn a_reserved_claim_is_refused_by_name() {
    for name in crate::domain::claims::RESERVED {
        let error = parse("billing", format!(r#"{{"claims": {{"{name}": 1}}}}"#).as_bytes()).unwrap_err().to_string();

        assert_eq!(error, format!("its answer is not to be used: `billing`: it sets the reserved claim `{name}`"));
    }
}

#[test]
fn five_hundred_names_and_sixteen_levels_are_read() {
    let many: Vec<_> = (0..MOST_NAMES).map(|number| format!("\"p{number}\"")).collect();
    assert_eq!(read(&format!(r#"{{"permissions": [{}]}}"#, many.join(","))).permissions.len(), MOST_NAMES);
    let nested = |levels: usize| format!(r#"{{"claims": {{"x": {}{}}}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(parse("billing", nested(14).as_bytes()).is_ok());
    assert!(parse("billing", nested(15).as_bytes()).is_err());
}

#[test]
fn what_people_read_is_one_short_line() {
    let said = format!(r#"{{"reason": "a\nb\u202e", "message": "{}"}}"#, "x".repeat(300));

    let decision = read(&said);

    assert_eq!(decision.reason, "ab");
    assert_eq!(decision.message.len(), 200);
}
