//! Permissions that stand in the file.

use std::sync::Arc;

use super::{ada, mistakes, opened, question, service};
use crate::domain::user::{Address, User};
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{Chain, Granted};

const SECTION: &str = r#"
kind = "static"
roles = { member = ["wiki:read"], staff = ["wiki:read", "wiki:write"], admin = ["wiki:*"], root = ["*"] }
deny = { locked = ["*"], intern = ["wiki:w*", "wiki:delete"] }
users = { "Ada@Example.com" = ["wiki:admin"] }
"#;

async fn granted(section: &str, user: &User) -> Granted {
    let clock = Arc::new(ManualClock::new());
    let registry = opened(clock.clone(), section).unwrap();
    let chain = Chain::new(&registry, Arc::default(), clock);
    chain.decide(&question(&service("wiki", &["a"]), user)).await.unwrap()
}

async fn names(user: &User) -> Vec<String> {
    let granted = granted(SECTION, user).await;
    granted.permissions.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name).collect()
}

fn with(roles: &[&str]) -> User {
    User { email: None, roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..ada() }
}

#[tokio::test]
async fn roles_grant_what_the_file_says_and_nobody_else_anything() {
    assert_eq!(names(&with(&["member"])).await, ["wiki:read"]);
    assert_eq!(names(&with(&["member", "staff"])).await, ["wiki:read", "wiki:write"]);
    assert_eq!(names(&with(&["stranger"])).await, [""; 0]);
    assert_eq!(names(&with(&[])).await, [""; 0]);
}

#[tokio::test]
async fn a_wildcard_grants_itself_and_every_name_of_the_section_that_it_matches() {
    let all = ["wiki:*", "wiki:admin", "wiki:delete", "wiki:read", "wiki:write"];

    assert_eq!(names(&with(&["admin"])).await, all);
    assert_eq!(names(&with(&["root"])).await, [&["*"], &all[1..]].concat());
}

#[tokio::test]
async fn only_a_verified_address_counts() {
    let address = |verified| Some(Address { email: "ada@example.com".parse().unwrap(), verified });

    assert_eq!(names(&User { email: address(true), ..with(&[]) }).await, ["wiki:admin"]);
    assert_eq!(names(&User { email: address(false), ..with(&[]) }).await, [""; 0]);
}

#[tokio::test]
async fn a_user_may_be_named_by_id() {
    let user = with(&[]);
    let section = format!("kind = \"static\"\nusers = {{ {} = [\"wiki:read\"] }}", user.id);

    assert_eq!(granted(&section, &user).await.permissions, [("wiki:read".into(), true)].into());
    assert_eq!(granted(&section, &with(&[])).await.permissions, [].into());
}

#[tokio::test]
async fn a_denied_role_loses_what_any_other_role_grants() {
    assert_eq!(names(&with(&["admin", "locked"])).await, [""; 0]);
    assert_eq!(names(&with(&["staff", "intern"])).await, ["wiki:read"]);
    assert_eq!(names(&with(&["admin", "intern"])).await, ["wiki:admin", "wiki:read"]);
}

#[tokio::test]
async fn a_denial_reaches_over_the_whole_chain() {
    let clock = Arc::new(ManualClock::new());
    let sections = [
        crate::config::Section::for_test("a", SECTION),
        crate::config::Section::for_test("b", "kind = \"static\"\nroles = { locked = [\"shop:buy\"] }"),
    ];
    let tools = super::tools(clock.clone());
    let registry = crate::plugin::Registry::open(&sections, crate::permission::KINDS, &tools).unwrap();
    let chain = Chain::new(&registry, Arc::default(), clock);
    for order in [["a", "b"], ["b", "a"]] {
        let granted = chain.decide(&question(&service("wiki", &order), &with(&["locked"]))).await.unwrap();

        assert_eq!(granted.permissions, [("shop:buy".into(), false)].into());
    }
}

#[test]
fn an_empty_section_is_a_section() {
    assert_eq!(mistakes("kind = \"static\""), [""; 0]);
}

#[test]
fn everything_wrong_is_found_at_once() {
    let found = mistakes(
        r#"
kind = "static"
roles = { member = ["Wiki:Read", "wiki read"] }
deny = { locked = ["**"] }
users = { ada = ["wiki:read"] }
"#,
    );

    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("CS-C120 `Wiki:Read` is not a permission name"), "{found:?}");
    assert!(found[3].starts_with("CS-C121 `ada` is neither an address nor a user id"), "{found:?}");
}

#[test]
fn wrong_types_and_unknown_keys_stop_the_start() {
    for text in [
        "roles = { member = \"wiki:read\" }",
        "roles = { member = [true] }",
        "roles = [\"member\"]",
        "rules = {}",
        "observe = 1",
        "timeout = \"0ms\"",
        "timeout = \"11s\"",
        "cache_ttl = \"61m\"",
        "negative_ttl = \"61s\"",
        "stale_max_age = \"0s\"",
        "stale_max_age = \"25h\"",
        "on_error = \"allow\"",
        "breaker = { failures = 0 }",
        "breaker = { open_for = \"0s\" }",
        "breaker = { failure = 1 }",
        "vary = [\"mood\"]",
    ] {
        assert_eq!(mistakes(&format!("kind = \"static\"\n{text}")).len(), 1, "{text}");
    }
    for text in [
        "timeout = \"1ms\"",
        "timeout = \"10s\"",
        "cache_ttl = \"0s\"",
        "cache_ttl = \"1h\"",
        "stale_max_age = \"24h\"",
        "breaker = { failures = 1 }",
        "vary = [\"ip\", \"provider\"]",
        "on_error = \"skip\"",
    ] {
        assert_eq!(mistakes(&format!("kind = \"static\"\n{text}")), [""; 0], "{text}");
    }
}
