//! Which rules of `static` speak about somebody, and where they are written.

use std::sync::Arc;

use super::{ada, opened, question, service};
use crate::domain::permission::Permissions;
use crate::domain::user::{Address, User};
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::Chain;
use crate::permission::{Ask, Rule, Who};

const SECTION: &str = r#"kind = "static"
deny = { locked = ["*"] }
services = { wiki = ["wiki:sync"] }
[permissions.a.roles]
member = ["wiki:read", "wiki:list"]
staff = [
  "wiki:*",
  "wiki:delete",
]
[permissions.a.users]
"ADA@example.com" = ["wiki:own"]
"#;

fn rules(who: Who<'_>) -> Vec<Rule> {
    let clock = Arc::new(ManualClock::new());
    let chain = Chain::new(&opened(clock.clone(), SECTION).unwrap(), Arc::default(), clock);
    let (service, user, none) = (service("wiki", &["a"]), ada(), Permissions::new());
    let asked = question(&service, &user);
    let ask =
        Ask { service: &service, who, provider: asked.provider, ip: None, is_multi_factor: false, previous: &none };
    chain.provider("a").unwrap().rules(&ask)
}

fn said(user: &User) -> Vec<String> {
    let say = |rule: Rule| {
        let line = rule.at.unwrap();
        let line = line.rsplit(':').next().unwrap().to_owned();
        format!("{}{} {} {line}", if rule.granted { "+" } else { "-" }, rule.permission, rule.name)
    };
    rules(Who::Person(user)).into_iter().map(say).collect()
}

fn with(roles: &[&str]) -> User {
    User { roles: roles.iter().map(|role| (*role).to_owned()).collect(), email: None, ..ada() }
}

#[test]
fn each_entry_is_a_rule_with_the_line_of_its_text() {
    let first = said(&with(&["member"]));
    let start: usize = first[0].rsplit(' ').next().unwrap().parse().unwrap();

    let at = |more: usize| start + more;
    assert_eq!(first, [format!("+wiki:read role member {}", at(0)), format!("+wiki:list role member {}", at(0))]);
    assert_eq!(
        said(&with(&["staff"])),
        [format!("+wiki:* role staff {}", at(2)), format!("+wiki:delete role staff {}", at(3))]
    );
    assert_eq!(said(&with(&["locked"])), [format!("-* role locked {}", at(0) - 3)]);
}

#[test]
fn nobody_is_spoken_about_by_rules_of_others() {
    assert_eq!(said(&with(&[])), [""; 0]);
    assert_eq!(said(&with(&["stranger"])), [""; 0]);
    let address = |verified| Some(Address { email: "ada@example.com".parse().unwrap(), verified });
    assert_eq!(said(&User { email: address(false), ..with(&[]) }), [""; 0]);
    let own = said(&User { email: address(true), ..with(&[]) });
    assert!(own.len() == 1 && own[0].starts_with("+wiki:own user ADA@example.com "), "{own:?}");
}

#[test]
fn a_service_that_acts_for_itself_has_its_own() {
    let names: Vec<_> = rules(Who::Machine("wiki")).into_iter().map(|rule| (rule.permission, rule.role)).collect();
    assert_eq!(names, [("wiki:sync".to_owned(), None)]);
    assert_eq!(rules(Who::Machine("shop")), []);
}
