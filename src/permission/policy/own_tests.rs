//! The tests that a policy brings: it is used only if they pass.

use super::fault::{Lines, shown};
use super::format::limits;
use super::grants::fits;
use super::json::Node;
use super::reader::{Reader, Word, suggest};
use super::rules::{Limit, Rules};
use super::vocabulary::{Meaning, Scope};
use crate::domain::access::{Access, Item, Said, Wish};

/// Most tests.
const MOST_TESTS: usize = 1000;
/// Most lines of one list of a test.
const MOST_LINES: usize = 1000;

/// Who asks, and who does not.
const ME: &str = "me";
const SOMEBODY: &str = "somebody else";

/// What people with some roles may do, and must not.
pub struct Test<'n> {
    number: usize,
    roles: Vec<&'n str>,
    expected: Vec<(Word<'n>, Meaning<'n>, bool)>,
    limits: Vec<Limit>,
    at: usize,
}

/// The tests; their words are the policy's.
pub fn read<'n>(
    reader: &mut Reader,
    node: Option<&'n Node>,
    policy: &Rules,
    lines: &Lines<'_>,
    room: &mut Option<usize>,
) -> Vec<Test<'n>> {
    let mut tests = Vec::new();
    for (node, number) in reader.list(node, "`tests`", MOST_TESTS).iter().zip(1..) {
        let what = format!("test {number}");
        let known = ["description", "roles", "allow", "deny", "limits"];
        let Some(test) = reader.object(node, &what, &known, false) else { continue };
        reader.remark(test, "description", &what);
        let roles = reader.needed(test, "roles", &what);
        let roles = reader.words(roles, &format!("`roles` of {what}"), MOST_LINES);
        for role in roles.iter().filter(|role| !policy.by_name.contains_key(role.text)) {
            let message = format!("{what} is about the role `{}`, which there is not", shown(role.text));
            reader.wrong(role.at, suggest(message, role.text, policy.by_name.keys().map(String::as_str)));
        }
        let mut expected = Vec::new();
        for (list, is_allowed) in [("allow", true), ("deny", false)] {
            for word in reader.words(test.get(list), &format!("`{list}` of {what}"), MOST_LINES) {
                match policy.words.meaning(word.text) {
                    Ok(meaning) if fits(reader, &word, meaning.deeds.len(), room) => {
                        expected.push((word, meaning, is_allowed));
                    }
                    Ok(_) => {}
                    Err(message) => reader.wrong(word.at, message),
                }
            }
        }
        let limits = limits(reader, test.get("limits"), &what, lines);
        if test.get("allow").or(test.get("deny")).or(test.get("limits")).is_none() {
            reader.wrong(node.at, format!("{what} expects nothing; it needs `allow`, `deny` or `limits`"));
        }
        tests.push(Test { number, roles: roles.iter().map(|role| role.text).collect(), expected, limits, at: node.at });
    }
    tests
}

/// Plays every test; each that comes out otherwise is noted, at its first difference.
pub fn run(reader: &mut Reader, rules: &Rules, tests: &[Test<'_>]) {
    for test in tests {
        let who = people(&test.roles);
        let failed = test.expected.iter().find_map(|(word, meaning, is_allowed)| {
            let played = || meaning.deeds.iter().map(|deed| play(rules, test, *deed, meaning.scope));
            let (deed, access) = played().find(|(_, access)| (access.said == Said::Allowed) != *is_allowed)?;
            let expected = if *is_allowed { "may" } else { "may not" };
            Some((word.at, format!("{who} {expected} {deed}, but {}", came_out(&access))))
        });
        let failed = failed.or_else(|| {
            let have = rules.decide(test.roles.iter().copied()).limits;
            let limit = test
                .limits
                .iter()
                .find(|limit| have.get(&limit.name).and_then(serde_json::Value::as_f64) != limit.most.as_f64())?;
            let came_out =
                have.get(&limit.name).map_or_else(|| "there is none".to_owned(), |most| format!("it is {most}"));
            Some((test.at, format!("{who} have the limit `{}` {}, but {came_out}", limit.name, limit.most)))
        });
        if let Some((at, difference)) = failed {
            reader
                .faults
                .add_failed_test(at, format!("its own test {} fails: expected that {difference}", test.number));
        }
    }
}

/// One deed on the item that the scope stands for: their own, one of that visibility (shared with them; `private` is their own),
/// or somebody else's of which nothing is known.
fn play(rules: &Rules, test: &Test<'_>, deed: u32, scope: Scope) -> (String, Access) {
    let name = rules.words.deed_name(deed);
    let (kind, action) = name.split_once(':').unwrap_or((name, ""));
    let visibility = match scope {
        Scope::Of(_) => Some(rules.words.scope_name(scope).to_owned()),
        Scope::Any | Scope::Own => None,
    };
    let is_own = scope == Scope::Own || visibility.as_deref() == Some("private");
    let item = Item {
        kind: kind.to_owned(),
        owner: Some(if is_own { ME } else { SOMEBODY }.to_owned()),
        shared_with: if visibility.as_deref() == Some("shared") { vec![ME.to_owned()] } else { Vec::new() },
        visibility,
        ..Item::default()
    };
    let wish = Wish { action: action.to_owned(), item };
    let access = rules.access(test.roles.iter().copied(), ME, &wish);
    (format!("`{name}@{}`", rules.words.scope_name(scope)), access)
}

fn people(roles: &[&str]) -> String {
    match roles {
        [] => "people without a role".to_owned(),
        [role] => format!("people with the role `{}`", shown(role)),
        roles => {
            let roles: Vec<_> = roles.iter().map(|role| format!("`{}`", shown(role))).collect();
            format!("people with the roles {}", roles.join(", "))
        }
    }
}

fn came_out(access: &Access) -> String {
    match access.said {
        Said::Allowed => format!("{} allows it", access.by),
        Said::Denied => format!("{} denies it", access.by),
        Said::Silent => "nothing allows it".to_owned(),
    }
}
