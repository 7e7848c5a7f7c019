//! The permission model of authnzerver: the same decisions as the ancestor's own, and as its documented rules.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Played, with};
use crate::domain::access::{ANYONE, Item, Said, Wish, by_name};
use crate::domain::user::User;

/// The policy that authnzerver publishes as its default.
const DEFAULT: &str = include_str!("ancestor.json");
/// What authnzerver itself decides with it.
const DECIDED: &str = include_str!("ancestor.txt");

const ROLES: [&str; 6] = ["superuser", "staff", "authenticated", "anonymous", "locked", "stranger"];
const ITEMS: [&str; 8] = ["object", "dataset", "collection", "user", "session", "apikey", "preference", "planet"];
const ACTIONS: [&str; 8] = ["list", "view", "create", "delete", "edit", "change_visibility", "change_owner", "paint"];
const VISIBILITIES: [&str; 5] = ["public", "unlisted", "shared", "private", "secret"];
const RELATIONS: [&str; 6] = ["own", "own-shared", "other", "listed", "elsewhere", "anyone"];

/// An item as the relation says: whose it is, and who is in its share list.
fn item(kind: &str, visibility: &str, relation: &str, me: &str) -> Item {
    let list: &[&str] = match relation {
        "own-shared" | "listed" => &[me, "usr_12"],
        "elsewhere" => &["usr_12"],
        "anyone" => &[ANYONE, "usr_12"],
        _ => &[],
    };
    Item {
        kind: kind.into(),
        owner: Some(if relation.starts_with("own") { me } else { "usr_9" }.to_owned()),
        visibility: Some(visibility.into()),
        shared_with: list.iter().map(|with| (*with).to_owned()).collect(),
        ..Item::default()
    }
}

fn wish(action: &str, item: &Item) -> Wish {
    Wish { action: action.into(), item: item.clone() }
}

/// Every item that can be asked about.
fn items(me: &str) -> Vec<([&'static str; 3], Item)> {
    let mut items = Vec::new();
    for kind in ITEMS {
        for visibility in VISIBILITIES {
            for relation in RELATIONS {
                items.push(([kind, visibility, relation], item(kind, visibility, relation, me)));
            }
        }
    }
    items
}

#[test]
fn the_default_policy_decides_as_the_ancestor_itself() {
    let policy = Played::ancestors(DEFAULT);
    let lines = DECIDED.lines().filter(|line| !line.starts_with('#') && !line.starts_with("limit "));
    let allowed: HashMap<Vec<&str>, HashSet<&str>> = lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words[..4].to_vec(), words[4..].iter().copied().collect())
        })
        .collect();
    let mut decisions = (0, 0);
    for role in ROLES {
        let user = with(&[role]);
        for ([kind, visibility, relation], item) in items(&user.id.to_string()) {
            for action in ACTIONS {
                let said = policy.access(&user, &wish(action, &item)).said == Said::Allowed;
                let expected =
                    allowed.get([role, kind, visibility, relation].as_slice()).is_some_and(|all| all.contains(action));
                assert_eq!(said, expected, "{role} {action} {kind} {visibility} {relation}");
                decisions.0 += 1;
                decisions.1 += usize::from(said);
            }
        }
    }

    assert_eq!(decisions, (11_520, 1_144));
}

#[test]
fn the_default_limits_are_kept_as_the_ancestor_keeps_them() {
    let policy = Played::ancestors(DEFAULT);
    let mut decisions = 0;
    for line in DECIDED.lines().filter_map(|line| line.strip_prefix("limit ")) {
        let mut words = line.split(' ');
        let (role, name) = (words.next().unwrap(), words.next().unwrap());
        for word in words {
            let (number, sign) = word.split_at(word.len() - 1);
            let said = policy.within(&with(&[role]), name, number.parse().unwrap());
            assert_eq!(said == Said::Allowed, sign == "+", "{role} {name} {number}");
            decisions += 1;
        }
    }

    assert_eq!(decisions, 468);
}

/// The documented rules, word by word, over the policy's JSON.
mod documented {
    use serde_json::Value;

    use crate::domain::access::{ANYONE, Wish};

    fn has(list: &Value, word: &str) -> bool {
        list.as_array().is_some_and(|list| list.iter().any(|have| have == word))
    }

    /// Whether one role may.
    fn role_may(policy: &Value, role: &str, me: &str, Wish { action, item }: &Wish) -> bool {
        let (rules, kind) = (&policy["role_policy"][role], &policy["item_policy"][&item.kind]);
        if !rules.is_object() || !kind.is_object() || item.is_orphaned {
            return false;
        }
        let is_owner = item.owner.as_deref() == Some(me);
        let is_listed = item.shared_with.iter().any(|with| with == me || with == ANYONE);
        let visibility = item.visibility.as_deref().unwrap_or("");
        let gate = match (role, visibility) {
            ("superuser" | "staff", _) | (_, "unlisted" | "public") => true,
            (_, "private") => is_owner,
            (_, "shared") => is_owner || is_listed,
            _ => false,
        };
        let actions = match (is_owner, has(&rules["can_own_items"], &item.kind)) {
            (true, true) => &rules["allowed_actions_for_owned"],
            (true, false) => return false,
            (false, _) => &rules["allowed_actions_for_other"][visibility],
        };
        let is_valid = !has(&kind["invalid_roles"], role) && has(&kind["valid_visibilities"], visibility);
        gate && is_valid && has(actions, action) && has(&kind["valid_role_actions"], action)
    }

    /// Whether somebody with these roles may.
    pub fn may(policy: &Value, roles: &[&str], me: &str, wish: &Wish) -> bool {
        !roles.contains(&"locked") && roles.iter().any(|role| role_may(policy, role, me, wish))
    }

    /// Whether the value is within the limit of the role.
    pub fn is_within(policy: &Value, role: &str, name: &str, value: f64) -> bool {
        let rules = &policy["role_policy"][role];
        let limit = &rules["limits"][name];
        if !rules.is_object() || !limit.is_object() {
            return rules.is_object();
        }
        let kind = &policy["limits"][limit["type"].as_str().unwrap()];
        let (mut value, mut bound) = (value, limit["limit"].as_f64().unwrap());
        if kind["type"] == "int" {
            if !value.is_finite() {
                return false;
            }
            (value, bound) = (value.trunc(), bound.trunc());
        }
        if kind["operator"] == "lt" { value < bound } else { value > bound }
    }
}

/// A policy of somebody's own: a visibility without a meaning, an item that nobody may own, actions that an item does not have.
fn custom() -> Value {
    json!({
        "comment": "members that it does not know are ignored",
        "roles": ["staff", "authenticated", "guest", "locked", "idle"],
        "items": ["dataset", "report", "ghost"],
        "actions": ["view", "edit", "print"],
        "visibilities": ["public", "unlisted", "shared", "private", "secret"],
        "limits": { "most": { "type": "float", "operator": "lt" }, "least": { "type": "int", "operator": "gt" } },
        "item_policy": {
            "dataset": { "valid_role_actions": ["view", "edit"], "valid_visibilities": ["public", "shared", "private", "secret"],
                         "invalid_roles": ["locked"] },
            "report": { "valid_role_actions": ["view", "print"], "valid_visibilities": ["public", "unlisted", "shared"],
                        "invalid_roles": ["guest"] }
        },
        "role_policy": {
            "staff": { "limits": {}, "can_own_items": ["dataset"], "allowed_actions_for_owned": ["view"],
                "allowed_actions_for_other": { "public": ["view", "edit"], "shared": ["view"], "private": ["view"], "secret": ["view"] } },
            "authenticated": { "limits": { "weight": { "type": "most", "limit": 2.5 }, "age": { "type": "least", "limit": 17.9 } },
                "can_own_items": ["dataset", "report"], "allowed_actions_for_owned": ["view", "edit", "print"],
                "allowed_actions_for_other": { "public": ["view"], "shared": ["view", "edit"], "secret": ["view"] } },
            "guest": { "limits": { "weight": { "type": "most", "limit": 1 }, "age": { "type": "least", "limit": 5 } },
                "can_own_items": [], "allowed_actions_for_owned": ["view"],
                "allowed_actions_for_other": { "public": ["view", "print"], "unlisted": ["print"], "shared": ["view"], "private": ["view"] } },
            "locked": { "limits": { "age": { "type": "least", "limit": 100 } }, "can_own_items": ["dataset"],
                "allowed_actions_for_owned": ["view"], "allowed_actions_for_other": { "public": ["view"] } }
        }
    })
}

/// Every set of up to three roles of the model, and one that it does not know.
fn sets_of_roles(policy: &Value) -> Vec<Vec<&str>> {
    let all: Vec<&str> =
        policy["roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).chain(["stranger"]).collect();
    let mut sets = vec![Vec::new()];
    for role in all {
        let more: Vec<Vec<&str>> =
            sets.iter().filter(|set| set.len() < 3).map(|set| [set.as_slice(), &[role]].concat()).collect();
        sets.extend(more);
    }
    sets
}

#[test]
fn every_decision_follows_from_the_documented_rules() {
    let mut decisions = 0;
    for policy in [serde_json::from_str(DEFAULT).unwrap(), custom()] {
        let played = Played::ancestors(&policy.to_string());
        for roles in sets_of_roles(&policy) {
            let user = with(&roles);
            let me = user.id.to_string();
            let kinds = policy["items"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap());
            let items = items(&me).into_iter().filter(|([kind, ..], _)| kinds.clone().any(|have| have == *kind));
            let custom =
                kinds.clone().filter(|kind| !ITEMS.contains(kind)).map(|kind| item(kind, "public", "own", &me));
            for mut item in items.map(|(_, item)| item).chain(custom) {
                for is_orphaned in [false, true] {
                    item.is_orphaned = is_orphaned;
                    for action in policy["actions"].as_array().unwrap() {
                        let wish = wish(action.as_str().unwrap(), &item);
                        let expected = documented::may(&policy, &roles, &me, &wish);
                        let said = played.access(&user, &wish).said;
                        assert_eq!(said == Said::Allowed, expected, "{roles:?} {wish:?}");
                        decisions += 1;
                    }
                }
            }
        }
    }

    assert!(decisions >= 100_000, "{decisions}");
}

#[test]
fn names_never_open_what_the_ancestor_refuses_and_open_what_they_can_say() {
    let default: Value = serde_json::from_str(DEFAULT).unwrap();
    for policy in [default.clone(), custom()] {
        let played = Played::ancestors(&policy.to_string());
        for roles in sets_of_roles(&policy) {
            let user = with(&roles);
            let me = user.id.to_string();
            let permissions = played.decision(&user).permissions;
            for (_, item) in items(&me) {
                let Some(kind) = policy["item_policy"].get(&item.kind) else { continue };
                let visibility = item.visibility.as_deref().unwrap();
                if !kind["valid_visibilities"].as_array().unwrap().iter().any(|have| have == visibility) {
                    continue;
                }
                for action in policy["actions"].as_array().unwrap() {
                    let wish = wish(action.as_str().unwrap(), &item);
                    let named = by_name(&permissions, &me, &wish).said == Said::Allowed;
                    let may = documented::may(&policy, &roles, &me, &wish);
                    assert!(may || !named, "{roles:?} {wish:?} {permissions:?}");
                    let can_be_said = roles.iter().all(|role| !["superuser", "staff"].contains(role));
                    if can_be_said && policy == default {
                        assert_eq!(named, may, "{roles:?} {wish:?} {permissions:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_limit_follows_from_the_documented_rules() {
    let policy = custom();
    let played = Played::ancestors(&policy.to_string());
    let mut decisions = 0;
    for roles in sets_of_roles(&policy) {
        let judged: Vec<&str> = if roles.contains(&"locked") { vec!["locked"] } else { roles.clone() };
        for name in ["weight", "age", "depth"] {
            for value in
                [-1.0, 0.0, 0.9, 1.0, 2.4, 2.5, 5.0, 5.9, 6.0, 17.0, 17.9, 18.0, 100.9, 101.0, f64::INFINITY, f64::NAN]
            {
                let expected = judged.iter().any(|role| documented::is_within(&policy, role, name, value));
                let said = played.within(&with(&roles), name, value);
                assert_eq!(said == Said::Allowed, expected, "{roles:?} {name} {value}");
                assert_ne!(said, Said::Silent);
                decisions += 1;
            }
        }
    }

    assert!(decisions >= 1_500, "{decisions}");
}

/// Nia, who asks.
fn nia(role: &str) -> (User, String) {
    let user = with(&[role]);
    let me = user.id.to_string();
    (user, me)
}

#[test]
fn the_worked_examples_come_out_as_they_are_told() {
    let policy = Played::ancestors(DEFAULT);
    let (authenticated, me) = nia("authenticated");
    let mut dataset = item("dataset", "shared", "listed", &me);
    let said = |user: &User, action: &str, item: &Item| policy.access(user, &wish(action, item)).said == Said::Allowed;

    assert!(said(&authenticated, "edit", &dataset));
    assert!(!said(&authenticated, "delete", &dataset));
    dataset.is_orphaned = true;
    assert!(!said(&authenticated, "edit", &dataset));
    let public = Item { is_orphaned: true, ..item("dataset", "public", "other", &me) };
    assert!(!said(&authenticated, "view", &public), "public data of a locked owner");
    assert!(said(&authenticated, "view", &Item { is_orphaned: false, ..public }));

    let (anonymous, nobody) = nia("anonymous");
    let open = |me: &str| item("dataset", "shared", "anyone", me);
    assert!(said(&authenticated, "edit", &open(&me)));
    assert!(!said(&anonymous, "view", &open(&nobody)), "the gate is open, and there is nothing behind it");

    for action in ["list", "view", "edit"] {
        assert!(!said(&authenticated, action, &item("collection", "public", "own", &me)));
    }
    assert!(said(&authenticated, "view", &item("collection", "public", "other", &me)));
}

#[test]
fn it_says_which_role_and_line_allows_it() {
    let policy = Played::ancestors(DEFAULT);
    let (user, me) = nia("authenticated");

    let access = policy.access(&user, &wish("edit", &item("dataset", "shared", "listed", &me)));

    assert!(access.by.starts_with("`edit` of the role `authenticated` ("), "{}", access.by);
    let line: usize = access.by.trim_end_matches(')').rsplit(':').next().unwrap().parse().unwrap();
    assert!(DEFAULT.lines().nth(line - 1).unwrap().contains(r#""shared": ["list", "view", "edit"]"#), "{}", access.by);
}

#[test]
fn rules_name_the_role_and_the_line_of_each_permission() {
    let policy = Played::ancestors(DEFAULT);

    let rules = policy.rules(&with(&["anonymous", "stranger"]));

    let said: Vec<_> = rules.iter().map(|rule| (rule.permission.as_str(), rule.granted)).collect();
    assert!(said.contains(&("dataset:view.public", true)) && said.contains(&("dataset:create.own", true)), "{said:?}");
    assert!(said.contains(&("collection:view.own", false)), "{said:?}");
    for rule in rules.iter().filter(|rule| rule.permission == "dataset:list.public") {
        let line: usize = rule.at.as_deref().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        assert!(DEFAULT.lines().nth(line - 1).unwrap().contains(r#""public": ["list", "view"]"#), "{rule:?}");
    }
    let locked = policy.rules(&with(&["staff", "locked"]));
    assert_eq!((locked.len(), locked[0].permission.as_str(), locked[0].granted), (1, "*", false));
}

#[test]
fn several_roles_have_the_widest_limits_and_whoever_is_locked_those_of_that_role() {
    let policy = Played::ancestors(DEFAULT);
    let limits = |roles: &[&str]| Value::Object(policy.decision(&with(roles)).limits);

    assert_eq!(
        limits(&["anonymous", "authenticated"]),
        json!({ "max_requests": 500_000, "max_requests_per_minute": 6000 })
    );
    assert_eq!(limits(&["superuser", "locked"]), json!({ "max_requests": 0, "max_requests_per_minute": 0 }));
    assert_eq!(limits(&["stranger"]), json!({}));
    let custom = Played::ancestors(&custom().to_string());
    let limits = |roles: &[&str]| Value::Object(custom.decision(&with(roles)).limits);
    assert_eq!(limits(&["authenticated", "guest"]), json!({ "age": 5, "weight": 2.5 }));
    assert_eq!(limits(&["authenticated", "staff"]), json!({}), "staff has no limit");
}

#[test]
fn a_model_that_does_not_fit_together_is_refused_with_its_place() {
    let refused = |from: &str, to: &str| {
        assert!(DEFAULT.contains(from), "{from}");
        let folder = super::folder(&DEFAULT.replacen(from, to, 1));
        crate::it::permission::mistakes(&super::section(folder.path(), "authnzerver"))
    };
    for (from, to, expected) in [
        ("\"roles\"", "\"rolls\"", "1:1: the model has no `roles`"),
        ("\"superuser\", \"staff\"", "\"superuser\", 7", "2:26: `roles` holds something that is not a string"),
        ("\"operator\": \"lt\"", "\"operator\": \"le\"", "`operator` of `limits.max` is neither `lt` nor `gt`"),
        ("\"type\": \"int\"", "\"type\": \"text\"", "`type` of `limits.max` is neither `int` nor `float`"),
        ("\"item_policy\": {\n", "\"item_policy\": {\n\"planet\": {},", "`planet` is not in `items`"),
        ("\"role_policy\": {\n", "\"role_policy\": {\n\"guest\": {},", "`guest` is not in `roles`"),
        ("\"invalid_roles\"", "\"invalid_rolls\"", "`item_policy.object` has no `invalid_roles`"),
        ("\"can_own_items\"", "\"may_own_items\"", "`role_policy.superuser` has no `can_own_items`"),
        (
            "\"type\": \"max\", \"limit\": 5000000",
            "\"type\": \"most\", \"limit\": 5000000",
            "`type` of `limits.max_requests` of `role_policy.superuser` is not in `limits` of the model",
        ),
        (
            "\"limit\": 5000000",
            "\"limit\": \"5000000\"",
            "`limit` of `limits.max_requests` of `role_policy.superuser` is not a number",
        ),
    ] {
        let found = refused(from, to);
        assert!(found.iter().any(|found| found.contains(expected)), "{to}: {found:?}");
        assert!(found.iter().all(|found| found.starts_with("CS-C131 ")), "{to}: {found:?}");
    }
    let found = refused("\"valid_visibilities\": [\"public\"", "\"valid_visibilities\": [\"pubic\"");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("`pubic` is not in `visibilities`; did you mean `public`?"), "{found:?}");
}
