//! What is wrong in a policy file is refused, with its place and a sentence.

use serde_json::{Value, json};

use super::{WIKI, folder, section};
use crate::it::permission::mistakes;

/// The mistakes of a policy file, without what stands before its name.
fn refused(policy: &str, format: &str) -> Vec<String> {
    let folder = folder(policy);
    let found = mistakes(&section(folder.path(), format));
    let prefix = format!("{}/", folder.path().display());
    found.into_iter().map(|text| text.replace(&prefix, "")).collect()
}

fn ours(policy: &str) -> Vec<String> {
    refused(policy, "countersign")
}

/// The one mistake of a policy in which `from` is written as `to`.
fn with(from: &str, to: &str) -> String {
    assert!(WIKI.contains(from), "{from}");
    let found = ours(&WIKI.replacen(from, to, 1));
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn the_policy_of_the_manual_is_taken() {
    assert_eq!(ours(WIKI), [""; 0]);
}

#[test]
fn what_is_not_json_is_refused_where_it_stops_to_be() {
    let at = |text: &str| ours(text).remove(0);

    assert_eq!(at(""), "CS-C131 wiki.json:1:1: this is not JSON: EOF while parsing a value");
    assert_eq!(at("{\n  \"version\": 1,,"), "CS-C131 wiki.json:2:16: this is not JSON: key must be a string");
    assert!(at("{} {}").starts_with("CS-C131 wiki.json:1:4: this is not JSON: trailing characters"), "{}", at("{} {}"));
    assert!(at("[]").contains("wiki.json:1:1: a policy is not an object"));
    assert!(at("{\"version\": NaN}").contains("wiki.json:1:13: this is not JSON"), "{}", at("{\"version\": NaN}"));
}

/// What is written in the policy of the manual, what stands there instead, and what is said of it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("\"version\": 1", "\"version\": 2", "2:14: `version` is not 1"),
    ("\"version\": 1,", "", "1:1: the policy has no `version`"),
    (
        "\"version\"",
        "\"verzion\": 1, \"version\"",
        "2:3: unknown member `verzion` in a policy; did you mean `version`?",
    ),
    ("\"version\": 1", "\"version\": 1, \"version\": 1", "2:17: `version` stands twice in one object"),
    ("\"version\": 1", "\"version\": 1, \"description\": 7", "2:32: `description` of the policy is not a string"),
    ("\"page\": {", "\"Page\": { \"actions\": [] }, \"page\": {", "3:16: the target `Page` is not a name"),
    (
        "\"shared\", \"private\"",
        "\"shared\", \"private\", \"own\"",
        "`own` has a meaning of its own and is no visibility",
    ),
    (
        "\"shared\", \"private\"",
        "\"shared\", \"private\", \"shared\"",
        "`shared` stands twice in `visibilities` of the target `page`",
    ),
    ("\"delete\"]", "\"delete\", \"print.all\"]", "`print.all` in `actions` of the target `page` is not a name"),
    ("\"delete\"]", "\"delete\", 7]", "`actions` of the target `page` holds something that is not a string"),
    ("\"guest\": {", "\"\": {}, \"guest\": {", "5:5: the role `` is not a role's name"),
    (
        "\"inherits\": [\"guest\"]",
        "\"inherits\": [\"gest\"]",
        "6:30: `member` inherits the role `gest`, which there is not; did you mean `guest`?",
    ),
    ("\"inherits\": [\"guest\"]", "\"inherits\": \"guest\"", "6:29: `inherits` of the role `member` is not a list"),
    (
        "\"inherits\": [\"guest\"]",
        "\"inherit\": [\"guest\"]",
        "6:17: unknown member `inherit` in the role `member`; did you mean `inherits`?",
    ),
    (
        "\"inherits\": [\"guest\"]",
        "\"inherits\": [\"staff\"]",
        "6:5: these roles inherit each other in a circle: `member` → `staff` → `member`",
    ),
    (
        "\"inherits\": [\"guest\"]",
        "\"inherits\": [\"member\"]",
        "6:5: these roles inherit each other in a circle: `member` → `member`",
    ),
    ("page:view@public", "pge:view@public", "5:27: `pge:view@public`: there is no target `pge`; did you mean `page`?"),
    (
        "page:view@public",
        "page:veiw@public",
        "5:27: `page:veiw@public`: the target `page` has no action `veiw`; did you mean `view`?",
    ),
    (
        "page:view@public",
        "page:view@pubic",
        "5:27: `page:view@pubic`: the target `page` has no visibility `pubic`; did you mean `public`?",
    ),
    ("page:view@public", "*:print", "5:27: `*:print`: the targets have no action `print`"),
    (
        "page:view@public",
        "page:view:public",
        "5:27: `page:view:public` is not a rule; expected something like `page:edit@own`",
    ),
    ("page:view@public", "page", "5:27: `page` is not a rule"),
    ("page:view@public", "**", "5:27: `**` is not a rule"),
    ("page:delete@own", "page:burn", "9:26: `page:burn`: the target `page` has no action `burn`"),
    (
        "\"requests_per_minute\": 60 ",
        "\"requests_per_minute\": -1 ",
        "5:83: `requests_per_minute` in `limits` of the role `guest` is not a number from 0",
    ),
    ("\"requests_per_minute\": 60 ", "\"requests_per_minute\": \"60\" ", "is not a number from 0"),
    (
        "\"requests_per_minute\": 60 ",
        "\"Requests\": 60 ",
        "5:60: `Requests` in `limits` of the role `guest` is not a limit's name",
    ),
    (
        "\"roles\": [\"member\"]",
        "\"roles\": [\"membr\"]",
        "11:26: test 1 is about the role `membr`, which there is not; did you mean `member`?",
    ),
    ("\"roles\": [\"member\"], \"allow\"", "\"allow\"", "11:14: test 1 has no `roles`"),
    (
        "\"allow\": [\"page:edit@own\"], \"deny\": [\"page:edit@any\"]",
        "\"description\": \"nothing\"",
        "11:14: test 1 expects nothing",
    ),
    (
        "page:edit@any\"] }",
        "page:edt@any\"] }",
        "11:74: `page:edt@any`: the target `page` has no action `edt`; did you mean `edit`?",
    ),
    ("\"tests\": [", "\"tests\": [ true, ", "11:14: test 1 is not an object"),
];

#[test]
fn each_mistake_has_a_place_and_a_sentence() {
    let mut wrong = Vec::new();
    for (from, to, expected) in MISTAKES {
        let found = with(from, to);
        if !found.starts_with("CS-C131 wiki.json:") || !found.contains(expected) {
            wrong.push(format!("{to}: {found}"));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_policy_that_fails_a_test_of_its_own_says_which_and_how() {
    assert_eq!(
        with("page:*@own", "page:view@own"),
        "CS-C132 wiki.json:11:47: its own test 1 fails: expected that people with the role `member` may `page:edit@own`, \
         but nothing allows it"
    );
    assert_eq!(
        with("\"page:*@own\"", "\"page:*@own\", \"page:edit\""),
        "CS-C132 wiki.json:11:74: its own test 1 fails: expected that people with the role `member` may not `page:edit@any`, \
         but `page:edit` of the role `member` (wiki.json:6) allows it"
    );
    let limits = "\"tests\": [ { \"roles\": [], \"limits\": { \"uploads\": 1 } }, \
                  { \"roles\": [\"guest\", \"member\"], \"limits\": { \"requests_per_minute\": 60 } }, ";
    let found = ours(&WIKI.replace("\"tests\": [ ", limits));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("expected that people without a role have the limit `uploads` 1, but there is none"));
    assert!(found[1].ends_with(
        "its own test 2 fails: expected that people with the roles `guest`, `member` have the limit `requests_per_minute` 60, \
         but it is 600"
    ));
}

#[test]
fn tests_are_played_on_the_item_that_a_rule_of_the_same_words_is_about() {
    let policy = |grants: &str, allow: &str| {
        json!({
            "version": 1, "roles": { "r": { "grants": [grants] } },
            "targets": { "page": { "actions": ["view"], "visibilities": ["public", "shared", "private"] } },
            "tests": [{ "roles": ["r"], "allow": [allow] }]
        })
        .to_string()
    };
    let scopes = ["page:view@public", "page:view@shared", "page:view@private", "page:view@own", "page:view"];
    for granted in scopes {
        for asked in scopes {
            let passes = granted == asked
                || granted == "page:view"
                || (granted == "page:view@own" && asked == "page:view@private");
            assert_eq!(ours(&policy(granted, asked)).is_empty(), passes, "{granted} {asked}");
        }
    }
}

#[test]
fn everything_wrong_is_found_at_once_and_the_first_twenty_are_shown() {
    let grants: Vec<String> = (0..25).map(|number| format!("page:do{number}")).collect();
    let policy = |count: usize| {
        json!({ "version": 1, "targets": {}, "roles": { "r": { "grants": grants[..count] } } }).to_string()
    };

    let found = ours(&policy(25));
    assert_eq!(found.len(), 21);
    assert_eq!(found[20], "CS-C131 5 more mistakes in the policy");
    assert_eq!(ours(&policy(20)).len(), 20);
}

fn nested(levels: usize) -> String {
    format!("{{\"version\": {}{}}}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn nothing_is_nested_deeper_than_sixteen_levels() {
    assert!(ours(&nested(15)).iter().any(|found| found.contains("`version` is not 1")));
    assert!(
        ours(&nested(16)).iter().any(|found| found.contains("1:28: nested deeper than 16 levels")),
        "{:?}",
        ours(&nested(16))
    );
    assert_eq!(ours(&nested(100_000)).len(), 1);
}

/// A policy with this many targets, actions of each, and roles with these grants.
fn large(targets: usize, actions: usize, roles: &Value) -> String {
    let actions: Vec<String> = (0..actions).map(|number| format!("a{number}")).collect();
    let targets: serde_json::Map<_, _> =
        (0..targets).map(|number| (format!("t{number}"), json!({ "actions": actions }))).collect();
    json!({ "version": 1, "targets": targets, "roles": roles }).to_string()
}

#[test]
fn everything_has_a_bound() {
    let roles = |count: usize| -> Value {
        (0..count).map(|number| (format!("r{number}"), json!({}))).collect::<serde_json::Map<_, _>>().into()
    };
    assert_eq!(ours(&large(1000, 1, &json!({}))), [""; 0]);
    assert!(ours(&large(1001, 1, &json!({})))[0].contains("`targets` has 1001 members, expected at most 1000"));
    assert_eq!(ours(&large(1, 100, &json!({}))), [""; 0]);
    assert!(
        ours(&large(1, 101, &json!({})))[0]
            .contains("`actions` of the target `t0` has 101 items, expected at most 100")
    );
    assert_eq!(ours(&large(1, 1, &roles(2000))), [""; 0]);
    assert!(ours(&large(1, 1, &roles(2001)))[0].contains("`roles` has 2001 members, expected at most 2000"));
    let everything = |count: usize| json!({ "r": { "grants": vec!["*"; count] } });
    assert_eq!(ours(&large(100, 100, &everything(20))), [""; 0]);
    let found = ours(&large(100, 100, &everything(21)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("its rules stand for more than 200000 permissions"), "{found:?}");
    let grants = |count: usize| json!({ "r": { "grants": vec!["t0:a0"; count] } });
    assert_eq!(ours(&large(1, 1, &grants(10_000))), [""; 0]);
    assert!(ours(&large(1, 1, &grants(10_001)))[0].contains("`grants` of the role `r` has 10001 items"));
    let limits = |count: usize| {
        let limits: serde_json::Map<_, _> = (0..count).map(|number| (format!("l{number}"), json!(1))).collect();
        json!({ "r": { "limits": limits } })
    };
    assert_eq!(ours(&large(1, 1, &limits(64))), [""; 0]);
    assert!(ours(&large(1, 1, &limits(65)))[0].contains("`limits` of the role `r` has 65 members"));
}

#[test]
fn a_role_of_a_long_line_has_everything_that_the_line_has() {
    let mut roles = serde_json::Map::new();
    roles.insert("r0".into(), json!({ "grants": ["t0:a0"] }));
    for number in 1..2000 {
        roles.insert(format!("r{number}"), json!({ "inherits": [format!("r{}", number - 1)] }));
    }
    let policy = super::Played::ours(&large(1, 1, &Value::Object(roles)));

    assert_eq!(policy.names(&["r1999"]), ["t0:a0"]);
}

#[test]
fn a_file_that_lost_a_character_is_taken_or_refused_with_a_place() {
    for (policy, format, step) in [(WIKI, "countersign", 2), (include_str!("ancestor.json"), "authnzerver", 11)] {
        let folder = folder(policy);
        let section = section(folder.path(), format);
        let file = folder.path().join("wiki.json");
        for at in (0..policy.len()).step_by(step) {
            std::fs::write(&file, [&policy[..at], &policy[at + 1..]].concat()).unwrap();
            let all = mistakes(&section);
            for found in all.iter().filter(|found| !found.ends_with("more mistakes in the policy")) {
                let (_, place) = found.split_once("wiki.json:").unwrap_or_else(|| panic!("{at}: {found}"));
                let numbers: Vec<_> = place.splitn(3, ':').take(2).map(str::parse::<usize>).collect();
                assert!(numbers.iter().all(|number| number.as_ref().is_ok_and(|number| *number > 0)), "{at}: {found}");
            }
        }
    }
}

#[test]
fn columns_are_characters() {
    let found = ours("{ \"äöü\": 1, \"version\": 1, \"targets\": {}, \"roles\": { \"ä\": { \"grant\": [] } } }");

    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("CS-C131 wiki.json:1:3: unknown member `äöü`"), "{found:?}");
    assert!(found[1].starts_with("CS-C131 wiki.json:1:60: unknown member `grant` in the role `ä`"), "{found:?}");
    assert!(
        ours("{ \"ä\": ö }")[0].starts_with("CS-C131 wiki.json:1:8: this is not JSON"),
        "{:?}",
        ours("{ \"ä\": ö }")
    );
}
