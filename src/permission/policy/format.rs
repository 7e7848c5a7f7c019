//! Our own format: targets, roles and the policy's own tests. Everything wrong is found in one run, but what follows from a mistake.
//!
//! ```json
//! { "version": 1,
//!   "targets": { "page": { "actions": ["view", "edit"], "visibilities": ["public", "shared"] } },
//!   "roles": {
//!     "guest": { "grants": ["page:view@public"], "limits": { "uploads": 5 } },
//!     "member": { "inherits": ["guest"], "grants": ["page:*@own", "page:view@shared"], "deny": ["page:edit@public"] } },
//!   "tests": [{ "roles": ["member"], "allow": ["page:edit@own"], "deny": ["page:edit"], "limits": { "uploads": 5 } }] }
//! ```
//!
//! A rule is `target:action@scope`; `*` stands for every target or action, and alone for everything. The scope is `own`, `any`, which
//! need not be written, or a visibility: `@shared` asks for a place in the share list, `@private` is one's own, any other is open.
//! Whatever is for people may stand in a `description`.

use std::collections::{HashMap, HashSet};

use super::fault::{Fault, Lines, shown};
use super::json::{Node, Value, parse};
use super::reader::{Object, Reader, Word};
use super::rules::{Limit, Names, Role, Rules};
use super::vocabulary::{Vocabulary, is_target, is_word};
use super::{grants, inherit, own_tests};
use crate::domain::permission::is_name;

/// Most targets.
const MOST_TARGETS: usize = 1000;
/// Most actions of a target.
const MOST_ACTIONS: usize = 100;
/// Most visibilities of a target.
const MOST_VISIBILITIES: usize = 16;
/// Most roles.
pub const MOST_ROLES: usize = 2000;
/// Most grants and most denials of a role.
pub const MOST_RULES: usize = 10_000;
/// Most limits of a role.
const MOST_LIMITS: usize = 64;
/// Longest name of a role, in bytes.
const LONGEST_ROLE: usize = 64;

/// A role as it stands in the file.
pub struct Draft<'n> {
    pub at: usize,
    pub name: &'n str,
    pub inherits: Vec<Word<'n>>,
    pub grants: Vec<Word<'n>>,
    pub deny: Vec<Word<'n>>,
    pub limits: Vec<Limit>,
}

/// The policy, whose own tests have passed.
pub fn read(file: &str, text: &str) -> Result<Rules, Vec<Fault>> {
    let lines = Lines::new(file, text);
    let root = parse(text).map_err(|fault| vec![fault])?;
    let mut reader = Reader::default();
    let known = ["version", "description", "targets", "roles", "tests"];
    let policy = reader.object(&root, "a policy", &known, false).ok_or_else(|| reader.faults.take())?;
    reader.remark(policy, "description", "the policy");
    version(&mut reader, policy);
    let words = targets(&mut reader, policy);
    let drafts = roles(&mut reader, policy, &lines);
    let by_name: HashMap<&str, u32> = drafts.iter().map(|draft| draft.name).zip(0..).collect();
    let closures = inherit::closures(&mut reader, &drafts, &by_name);
    let mut rules = Rules {
        by_name: by_name.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect(),
        roles: Vec::with_capacity(drafts.len()),
        sources: Vec::new(),
        names: Names::default(),
        file: file.to_owned(),
        words,
    };
    let mut room = Some(grants::MOST_MEANINGS);
    for (draft, closure) in drafts.iter().zip(closures) {
        let role = Role {
            name: draft.name.to_owned(),
            closure,
            limits: draft.limits.clone(),
            ..grants::of(&mut reader, &mut rules, draft, &lines, &mut room)
        };
        rules.roles.push(role);
    }
    let tests = own_tests::read(&mut reader, policy.get("tests"), &rules, &lines, &mut room);
    reader.faults.check()?;
    own_tests::run(&mut reader, &rules, &tests);
    reader.faults.check()?;
    Ok(rules)
}

fn version(reader: &mut Reader, policy: Object<'_>) {
    if let Some(node) = reader.needed(policy, "version", "the policy")
        && !matches!(&node.value, Value::Number(number) if number.as_u64() == Some(1))
    {
        reader.wrong(node.at, "`version` is not 1".into());
    }
}

fn targets(reader: &mut Reader, policy: Object<'_>) -> Vocabulary {
    let mut words = Vocabulary::default();
    let node = reader.needed(policy, "targets", "the policy");
    for member in reader.named(node, "`targets`", MOST_TARGETS) {
        let what = format!("the target `{}`", shown(&member.name));
        if !is_target(&member.name) {
            reader.wrong(member.at, format!("{what} {NOT_A_WORD}, with dots where you like"));
        }
        let known = ["description", "actions", "visibilities"];
        let Some(target) = reader.object(&member.node, &what, &known, false) else { continue };
        reader.remark(target, "description", &what);
        let actions = reader.needed(target, "actions", &what);
        let actions = distinct(reader, actions, &format!("`actions` of {what}"), MOST_ACTIONS);
        let visibilities = target.get("visibilities");
        let visibilities = distinct(reader, visibilities, &format!("`visibilities` of {what}"), MOST_VISIBILITIES);
        for word in visibilities.iter().filter(|word| ["own", "any"].contains(&word.text)) {
            reader.wrong(word.at, format!("`{}` has a meaning of its own and is no visibility", word.text));
        }
        words.add(&member.name, &actions, &visibilities);
    }
    words
}

const NOT_A_WORD: &str = "is not a name; expected up to 40 characters of a-z, 0-9, `_` and `-`";

/// The words of a list, each of which stands there once.
fn distinct<'n>(reader: &mut Reader, node: Option<&'n Node>, what: &str, most: usize) -> Vec<Word<'n>> {
    let words = reader.words(node, what, most);
    let mut seen = HashSet::new();
    for word in &words {
        if !is_word(word.text) {
            reader.wrong(word.at, format!("`{}` in {what} {NOT_A_WORD}", shown(word.text)));
        } else if !seen.insert(word.text) {
            reader.wrong(word.at, format!("`{}` stands twice in {what}", word.text));
        }
    }
    words
}

fn roles<'n>(reader: &mut Reader, policy: Object<'n>, lines: &Lines<'_>) -> Vec<Draft<'n>> {
    let node = reader.needed(policy, "roles", "the policy");
    let mut drafts = Vec::new();
    for member in reader.named(node, "`roles`", MOST_ROLES) {
        let what = format!("the role `{}`", shown(&member.name));
        if member.name.is_empty() || member.name.len() > LONGEST_ROLE || member.name.contains(char::is_control) {
            reader.wrong(member.at, format!("{what} is not a role's name; expected 1 to {LONGEST_ROLE} characters"));
        }
        let known = ["description", "inherits", "grants", "deny", "limits"];
        let role = reader.object(&member.node, &what, &known, false);
        let mut list = |name: &str, most| {
            let node = role.and_then(|role| role.get(name));
            reader.words(node, &format!("`{name}` of {what}"), most)
        };
        let (inherits, grants, deny) =
            (list("inherits", MOST_ROLES), list("grants", MOST_RULES), list("deny", MOST_RULES));
        let limits = limits(reader, role.and_then(|role| role.get("limits")), &what, lines);
        if let Some(role) = role {
            reader.remark(role, "description", &what);
        }
        drafts.push(Draft { at: member.at, name: &member.name, inherits, grants, deny, limits });
    }
    drafts
}

/// Named numbers; none is below zero.
pub fn limits(reader: &mut Reader, node: Option<&Node>, what: &str, lines: &Lines<'_>) -> Vec<Limit> {
    let mut limits = Vec::new();
    for member in reader.named(node, &format!("`limits` of {what}"), MOST_LIMITS) {
        let name = &member.name;
        if !is_name(name) {
            reader.wrong(member.at, format!("`{}` in `limits` of {what} is not a limit's name", shown(name)));
        }
        match &member.node.value {
            Value::Number(most) if most.as_f64().is_some_and(|most| most >= 0.0) => {
                limits.push(Limit { name: name.clone(), most: most.clone(), line: lines.number(member.at) });
            }
            _ => {
                reader.wrong(member.node.at, format!("`{}` in `limits` of {what} is not a number from 0", shown(name)));
            }
        }
    }
    limits
}
