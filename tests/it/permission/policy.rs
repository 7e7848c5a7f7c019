//! Permissions from a policy file: what it grants, and on which items.

mod ancestor;
mod file;
mod refusals;
mod service;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::{ada, opened, service as wiki};
use crate::domain::access::{ANYONE, Access, Item, Said, Wish};
use crate::domain::permission::{Decision, Pattern, Permissions};
use crate::domain::user::User;
use crate::it::stage::clock::ManualClock;
use crate::permission::{Ask, PermissionProvider, Rule};

const WIKI: &str = r#"{
  "version": 1,
  "targets": { "page": { "actions": ["view", "edit", "delete"], "visibilities": ["public", "shared", "private"] } },
  "roles": {
    "guest": { "grants": ["page:view@public"], "limits": { "requests_per_minute": 60 } },
    "member": { "inherits": ["guest"], "grants": ["page:*@own", "page:view@shared"],
                "limits": { "requests_per_minute": 600 } },
    "staff": { "inherits": ["member"], "grants": ["page:view@any", "page:edit"] },
    "intern": { "deny": ["page:delete@own", "page:edit"] },
    "locked": { "deny": ["*"], "limits": { "requests_per_minute": 0 } } },
  "tests": [ { "roles": ["member"], "allow": ["page:edit@own"], "deny": ["page:edit@any"] } ]
}"#;

/// A policy provider, and the folder of its file.
pub struct Played {
    pub provider: Arc<dyn PermissionProvider>,
    _folder: TempDir,
}

/// What stands below the header of the section.
fn section(folder: &Path, format: &str) -> String {
    format!("kind = \"policy\"\nfile = '{}'\nformat = \"{format}\"", folder.join("wiki.json").display())
}

fn folder(policy: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wiki.json"), policy).unwrap();
    folder
}

fn play(policy: &str, format: &str) -> Played {
    let folder = folder(policy);
    let registry = opened(Arc::new(ManualClock::new()), &section(folder.path(), format)).unwrap();
    Played { provider: Arc::clone(registry.get("a").unwrap()), _folder: folder }
}

/// Ada with these roles.
pub fn with(roles: &[&str]) -> User {
    User { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..ada() }
}

impl Played {
    fn ours(policy: &str) -> Self {
        play(policy, "countersign")
    }

    fn ancestors(policy: &str) -> Self {
        play(policy, "authnzerver")
    }

    fn ask<T>(&self, user: &User, ask: impl FnOnce(&dyn PermissionProvider, &Ask<'_>) -> T) -> T {
        let (service, previous) = (wiki("wiki", &["a"]), Permissions::new());
        let who = user.into();
        let asked =
            Ask { service: &service, who, provider: "github", ip: None, is_multi_factor: false, previous: &previous };
        ask(self.provider.as_ref(), &asked)
    }

    fn decision(&self, user: &User) -> Decision {
        self.ask(user, |provider, ask| futures_now(provider.permissions(ask)).unwrap())
    }

    fn access(&self, user: &User, wish: &Wish) -> Access {
        self.ask(user, |provider, ask| provider.access(ask, wish).unwrap())
    }

    fn within(&self, user: &User, name: &str, value: f64) -> Said {
        self.ask(user, |provider, ask| provider.within(ask, name, value).unwrap().said)
    }

    fn rules(&self, user: &User) -> Vec<Rule> {
        self.ask(user, |provider, ask| provider.rules(ask))
    }

    /// What is granted, in order, and after a `!` what is denied.
    fn names(&self, roles: &[&str]) -> Vec<String> {
        let decision = self.decision(&with(roles));
        let said = |(name, granted)| if granted { name } else { format!("!{name}") };
        decision.permissions.into_iter().map(said).collect()
    }
}

/// The result of a future that waits for nothing.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a policy answers at once"),
    }
}

fn wish(action: &str, owner: &str, visibility: Option<&str>, shared_with: &[&str]) -> Wish {
    let item = Item {
        kind: "page".into(),
        owner: Some(owner.into()),
        visibility: visibility.map(str::to_owned),
        shared_with: shared_with.iter().map(|with| (*with).to_owned()).collect(),
        ..Item::default()
    };
    Wish { action: action.into(), item }
}

#[test]
fn a_role_has_its_grants_and_those_of_the_roles_it_inherits() {
    let policy = Played::ours(WIKI);
    let member = ["page:delete.own", "page:edit.own", "page:view.own", "page:view.public", "page:view.shared"];

    assert_eq!(policy.names(&["guest"]), ["page:view.public"]);
    assert_eq!(policy.names(&["member"]), member);
    assert_eq!(
        policy.names(&["staff"]),
        [
            "page:delete.own",
            "page:edit",
            "page:edit.own",
            "page:view",
            "page:view.own",
            "page:view.public",
            "page:view.shared"
        ]
    );
    assert_eq!(policy.names(&["stranger"]), [""; 0]);
    assert_eq!(policy.names(&["guest", "stranger", "guest"]), ["page:view.public"]);
}

#[test]
fn a_service_that_acts_for_itself_has_no_role_and_nothing() {
    let policy = Played::ours(WIKI);
    let (service, previous) = (wiki("wiki", &["a"]), Permissions::new());
    let who = crate::permission::Who::Machine("nightly");
    let ask = Ask { service: &service, who, provider: "", ip: None, is_multi_factor: false, previous: &previous };

    assert_eq!(futures_now(policy.provider.permissions(&ask)).unwrap(), Decision::default());
    assert_eq!(policy.provider.access(&ask, &wish("view", "nightly", None, &[])), Some(Access::silent()));
}

#[test]
fn a_denial_wins_over_every_grant_and_over_narrower_ones() {
    let policy = Played::ours(WIKI);

    assert_eq!(
        policy.names(&["staff", "intern"]),
        [
            "!page:delete.own",
            "!page:edit",
            "!page:edit.own",
            "page:view",
            "page:view.own",
            "page:view.public",
            "page:view.shared"
        ]
    );
    let denied = policy.decision(&with(&["staff", "intern"])).denied;
    assert_eq!(denied.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["page:edit.*"]);
}

#[test]
fn whoever_is_locked_has_nothing_whoever_grants_it() {
    let policy = Played::ours(WIKI);
    let decision = policy.decision(&with(&["staff", "locked"]));

    assert!(decision.permissions.values().all(|granted| !granted), "{decision:?}");
    assert_eq!(decision.denied.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["*"]);
    for action in ["view", "print"] {
        let access = policy.access(&with(&["staff", "locked"]), &wish(action, "somebody", Some("public"), &[]));
        assert_eq!(access.said, Said::Denied);
        assert!(access.by.starts_with("`*` of the role `locked` ("), "{access:?}");
    }
}

#[test]
fn the_largest_limit_wins_and_the_smallest_for_whoever_is_locked() {
    let policy = Played::ours(WIKI);
    let limit = |roles: &[&str]| policy.decision(&with(roles)).limits.get("requests_per_minute").cloned();

    assert_eq!(limit(&["guest"]), Some(json!(60)));
    assert_eq!(limit(&["staff"]), Some(json!(600)));
    assert_eq!(limit(&["member", "guest"]), Some(json!(600)));
    assert_eq!(limit(&["member", "locked"]), Some(json!(0)));
    assert_eq!(limit(&["stranger"]), None);
}

#[test]
fn a_value_is_within_a_limit_up_to_the_limit_itself() {
    let policy = Played::ours(WIKI);
    let member = with(&["member"]);
    let within = |user: &User, value| policy.within(user, "requests_per_minute", value);

    for (value, said) in
        [(-1.0, Said::Allowed), (600.0, Said::Allowed), (600.1, Said::Denied), (f64::NAN, Said::Denied)]
    {
        assert_eq!(within(&member, value), said, "{value}");
    }
    assert_eq!(within(&with(&["locked", "member"]), 1.0), Said::Denied);
    assert_eq!(within(&with(&["stranger"]), 1.0), Said::Silent);
    assert_eq!(policy.within(&member, "uploads", 1.0), Said::Silent);
}

#[test]
fn an_item_is_open_by_owner_visibility_and_share_list() {
    let policy = Played::ours(WIKI);
    let member = with(&["member"]);
    let me = member.id.to_string();
    let said = |wish: &Wish| policy.access(&member, wish).said;

    assert_eq!(said(&wish("edit", &me, Some("private"), &[])), Said::Allowed);
    assert_eq!(said(&wish("edit", "bob", Some("private"), &[])), Said::Silent);
    assert_eq!(said(&wish("view", "bob", Some("public"), &[])), Said::Allowed);
    assert_eq!(said(&wish("view", "bob", Some("private"), &[])), Said::Silent);
    assert_eq!(said(&wish("view", "bob", Some("shared"), &[])), Said::Silent);
    assert_eq!(said(&wish("view", "bob", Some("shared"), &[&me])), Said::Allowed);
    assert_eq!(said(&wish("view", "bob", Some("shared"), &[ANYONE])), Said::Allowed);
    assert_eq!(said(&wish("edit", "bob", Some("shared"), &[&me])), Said::Silent);
    assert_eq!(said(&wish("view", "bob", Some("secret"), &[&me])), Said::Silent);
    assert_eq!(said(&wish("edit.own", "bob", None, &[])), Said::Silent);
}

#[test]
fn an_owner_without_a_usable_account_changes_nothing() {
    let policy = Played::ours(WIKI);
    let mut wish = wish("view", "bob", Some("public"), &[]);
    wish.item.is_orphaned = true;

    assert_eq!(policy.access(&with(&["guest"]), &wish).said, Said::Allowed);
}

#[test]
fn it_says_which_rule_of_which_role_speaks_and_where_it_stands() {
    let policy = Played::ours(WIKI);

    let access = policy.access(&with(&["staff"]), &wish("view", "bob", Some("public"), &[]));
    assert!(access.by.starts_with("`page:view@public` of the role `guest` ("), "{}", access.by);
    assert!(access.by.ends_with("wiki.json:5)"), "{}", access.by);
    let rules = policy.rules(&with(&["member", "intern"]));
    let said: Vec<_> = rules
        .iter()
        .map(|rule| {
            let at = rule.at.as_deref().unwrap().rsplit(':').next().unwrap();
            let sign = if rule.granted { '+' } else { '-' };
            format!("{sign}{} {} {} {at}", rule.permission, rule.role.as_deref().unwrap(), rule.name)
        })
        .collect();
    assert_eq!(
        said,
        [
            "+page:view.public member role guest: page:view@public 5",
            "+page:view.own member role member: page:*@own 6",
            "+page:view.shared member role member: page:view@shared 6",
            "+page:edit.own member role member: page:*@own 6",
            "+page:delete.own member role member: page:*@own 6",
            "-page:edit intern role intern: page:edit 9",
            "-page:delete.own intern role intern: page:delete@own 9",
            "-page:edit.* intern role intern: page:edit 9",
        ]
    );
}

mod agreement {
    //! Names say the same as items.

    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use serde_json::json;

    use super::{Played, with};
    use crate::domain::access::{ANYONE, Item, Said, Wish, by_name};

    const RULES: &[&str] = &[
        "*",
        "*@own",
        "*@public",
        "*:view",
        "*:view@shared",
        "page:*",
        "page:*@own",
        "page:*@private",
        "page:view",
        "page:edit",
        "page:edit@any",
        "page:edit@own",
        "page:view@public",
        "page:view@shared",
        "page:view@private",
        "page:view@draft",
        "note:view",
        "note:view@own",
        "note:*@public",
    ];

    fn policies() -> impl Strategy<Value = String> {
        let some = || subsequence(RULES.to_vec(), 0..4);
        let role = (some(), subsequence(RULES.to_vec(), 0..2), any::<bool>());
        proptest::collection::vec(role, 3).prop_map(|roles| {
            let roles: serde_json::Map<_, _> = roles
                .into_iter()
                .zip(["a", "b", "c"])
                .map(|((grants, deny, inherits), name)| {
                    let inherits: &[&str] = if inherits && name != "a" { &["a"] } else { &[] };
                    (name.to_owned(), json!({ "grants": grants, "deny": deny, "inherits": inherits }))
                })
                .collect();
            let page = json!({ "actions": ["view", "edit"], "visibilities": ["public", "shared", "private", "draft"] });
            let note = json!({ "actions": ["view"], "visibilities": ["public", "shared"] });
            json!({ "version": 1, "targets": { "page": page, "note": note }, "roles": roles }).to_string()
        })
    }

    fn wishes(me: String) -> impl Strategy<Value = Wish> {
        let owners = vec![Some(me.clone()), Some("bob".to_owned()), None];
        let visibilities = vec![None, Some("public"), Some("shared"), Some("private"), Some("draft"), Some("lost")];
        let lists = vec![vec![], vec![me], vec!["bob".to_owned()], vec![ANYONE.to_owned()]];
        let words = (select(vec!["page", "note", "star"]), select(vec!["view", "edit", "burn"]));
        (words, select(owners), select(visibilities), select(lists)).prop_map(
            |((kind, action), owner, visibility, shared_with)| {
                let visibility = visibility.map(str::to_owned);
                let item = Item { kind: kind.into(), owner, visibility, shared_with, ..Item::default() };
                Wish { action: action.into(), item }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_is_open_by_item_is_open_by_name_and_nothing_else(
            policy in policies(),
            roles in subsequence(vec!["a", "b", "c"], 0..3),
            wishes in proptest::collection::vec(wishes("usr_me".into()), 24),
        ) {
            let policy = Played::ours(&policy);
            let user = with(&roles);
            let me = user.id.to_string();
            let permissions = policy.decision(&user).permissions;
            for mut wish in wishes {
                let mine = |who: &mut String| if who == "usr_me" { who.clone_from(&me) };
                wish.item.owner.as_mut().map(mine);
                wish.item.shared_with.iter_mut().for_each(mine);
                let (native, named) = (policy.access(&user, &wish), by_name(&permissions, &me, &wish));
                prop_assert_eq!(native.said == Said::Allowed, named.said == Said::Allowed, "{:?} {:?} {:?}", wish, native, permissions);
            }
        }
    }
}

#[test]
fn a_denial_by_visibility_is_for_what_others_own_too() {
    let policy = Played::ours(
        r#"{ "version": 1,
             "targets": { "page": { "actions": ["edit"], "visibilities": ["public", "private"] } },
             "roles": { "staff": { "grants": ["page:edit@any"] }, "junior": { "deny": ["page:edit@private"] } } }"#,
    );
    for (roles, visibility, owner, said) in [
        (&["staff"][..], "private", "somebody", Said::Allowed),
        (&["staff", "junior"], "private", "somebody", Said::Denied),
        (&["staff", "junior"], "public", "somebody", Said::Allowed),
        (&["junior"], "private", "somebody", Said::Denied),
    ] {
        let access = policy.access(&with(roles), &wish("edit", owner, Some(visibility), &[]));
        assert_eq!(access.said, said, "{roles:?} {visibility}");
    }
}
