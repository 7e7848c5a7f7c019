//! One action on one item, by Cedar policies.

use std::future::Future as _;
use std::task::{Context, Waker};

use super::{Shelf, asked};
use crate::domain::access::{Access, Item, Said, Wish};
use crate::domain::permission::Permissions;
use crate::it::permission::service;
use crate::permission::{Ask, Who};

const SCHEMA: &str = r#"
entity User = { id: String, roles: Set<String> };
entity Page = { id: String, owner?: String, visibility?: String, shared_with: Set<String>, is_orphaned: Bool };
entity Target;
action "page:view", "page:edit" appliesTo { principal: User, resource: Page };
action "report:read" appliesTo { principal: User, resource: Target };
"#;
const POLICIES: &str = r#"
@id("public") permit (principal, action == Action::"page:view", resource)
when { resource has visibility && resource.visibility == "public" };
@id("shared") permit (principal, action == Action::"page:view", resource)
when { resource.shared_with.contains(principal.id) };
@id("own") permit (principal, action, resource is Page) when { resource has owner && resource.owner == principal.id };
@id("front") permit (principal, action, resource == Page::"front");
@id("locked") forbid (principal, action, resource) when { principal.roles.contains("locked") };
@id("orphans") forbid (principal, action, resource is Page) when { resource.is_orphaned };
@id("sum") permit (principal, action, resource == Page::"sum") when { 9223372036854775807 + 1 > 0 };
"#;

#[test]
fn an_item_is_judged_by_its_owner_its_visibility_and_who_it_is_shared_with() {
    let provider = Shelf::with(SCHEMA, POLICIES).provider("");
    let ada = asked(&["member"]);
    let id = ada.user.id.to_string();
    let says = |asked: &super::Asked, action: &str, item: Item| {
        let wish = Wish { action: action.into(), item: Item { kind: "page".into(), ..item } };
        asked.ask(|ask| provider.access(ask, &wish)).unwrap()
    };
    let access = |said, by: &str| Access { said, by: by.into() };
    let item = Item::default;
    let of = |owner: &str| Item { owner: Some(owner.into()), ..item() };
    let seen = |visibility: &str| Item { visibility: Some(visibility.into()), ..item() };

    assert_eq!(says(&ada, "view", seen("public")), access(Said::Allowed, "policy public"));
    assert_eq!(says(&ada, "edit", seen("public")), Access::silent());
    assert_eq!(says(&ada, "view", seen("private")), Access::silent());
    assert_eq!(says(&ada, "view", item()), Access::silent());
    assert_eq!(says(&ada, "edit", of(&id)), access(Said::Allowed, "policy own"));
    assert_eq!(says(&ada, "edit", of("usr_other")), Access::silent());
    assert_eq!(says(&ada, "edit", of("")), Access::silent());
    let shared = Item { shared_with: vec!["usr_other".into(), id.clone()], ..seen("shared") };
    assert_eq!(says(&ada, "view", shared.clone()), access(Said::Allowed, "policy shared"));
    assert_eq!(says(&ada, "edit", shared), Access::silent());
    let both = Item { visibility: Some("public".into()), ..of(&id) };
    assert_eq!(says(&ada, "view", both.clone()), access(Said::Allowed, "policy own, policy public"));
    assert_eq!(says(&asked(&["locked"]), "view", both.clone()), access(Said::Denied, "policy locked"));
    let orphan = Item { is_orphaned: true, ..both };
    assert_eq!(says(&ada, "view", orphan), access(Said::Denied, "policy orphans"));
    let named = |name: &str| Item { id: Some(name.into()), ..item() };
    assert_eq!(says(&ada, "edit", named("front")), access(Said::Allowed, "policy front"));
    let failed = says(&ada, "edit", named("sum"));
    assert!(failed.said == Said::Denied && failed.by.contains("`sum`"), "{failed:?}");
}

#[test]
fn what_the_schema_does_not_tell_apart_is_decided_by_name() {
    let provider = Shelf::with(SCHEMA, POLICIES).provider("");
    for (kind, action) in [("report", "read"), ("page", "delete"), ("house", "view"), ("page", "")] {
        let wish = Wish { action: action.into(), item: Item { kind: kind.into(), ..Item::default() } };
        assert_eq!(asked(&[]).ask(|ask| provider.access(ask, &wish)), None, "{kind}:{action}");
    }
}

#[tokio::test]
async fn all_permissions_are_about_no_particular_item() {
    let with_owner = asked(&["member"]).of(Shelf::with(SCHEMA, POLICIES).provider("").as_ref()).await;

    assert_eq!(with_owner, super::said(&[]));
}

#[test]
fn a_machine_that_the_schema_does_not_know_is_told_nothing() {
    let provider = Shelf::with(SCHEMA, POLICIES).provider("");
    let wish = Wish { action: "view".into(), item: Item { kind: "page".into(), ..Item::default() } };
    let machine = super::Asked { machine: Some("batch"), ..asked(&[]) };

    assert_eq!(machine.ask(|ask| provider.access(ask, &wish)), Some(Access::silent()));
}

#[tokio::test]
async fn a_hundred_items_are_judged_as_one_by_one_and_no_request_waits_for_the_thread() {
    let provider = Shelf::with(SCHEMA, POLICIES).provider("");
    let ada = asked(&["member"]);
    let wish = |nth: usize| {
        let visibility = nth.is_multiple_of(2).then(|| "public".to_owned());
        let kind = if nth.is_multiple_of(3) { "report" } else { "page" };
        Wish { action: "view".into(), item: Item { kind: kind.into(), visibility, ..Item::default() } }
    };
    let wishes: Vec<_> = (0..100).map(wish).collect();
    let (wiki, previous) = (service("wiki", &["a"]), Permissions::new());
    let who = Who::Person(&ada.user);
    let ask = Ask { service: &wiki, who, provider: "github", ip: None, is_multi_factor: false, previous: &previous };

    let mut all = std::pin::pin!(provider.access_all(&ask, &wishes));
    let at_once = all.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let all = all.await.unwrap();

    assert!(at_once.is_pending());
    assert_eq!(all, wishes.iter().map(|wish| provider.access(&ask, wish)).collect::<Vec<_>>());
}
