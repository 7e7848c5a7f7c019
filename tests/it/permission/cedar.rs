//! Permissions from Cedar policies.

mod items;
mod opening;

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::{ada, in_token, opened, question, service, tools};
use crate::config::Section;
use crate::domain::permission::Permissions;
use crate::domain::user::{Address, User};
use crate::it::stage::Stage;
use crate::it::stage::clock::ManualClock;
use crate::permission::chain::{Chain, ChainError, Question};
use crate::permission::{Ask, KINDS, PermissionProvider, Rule, Who};
use crate::plugin::Registry;

/// The example of the documentation.
pub const SCHEMA: &str = r#"
entity User = { email: String, email_verified: Bool, roles: Set<String> };
entity Target;
action "report:read", "report:write" appliesTo { principal: User, resource: Target, context: { mfa: Bool } };
"#;
pub const POLICIES: &str = r#"
@id("staff-read")
permit (principal, action == Action::"report:read", resource) when { principal.roles.contains("staff") };

@id("staff-write-mfa")
permit (principal, action == Action::"report:write", resource)
when { principal.roles.contains("staff") && context.mfa };

@id("unverified-never") forbid (principal, action, resource) unless { principal.email_verified };
"#;

/// A folder with a schema and policies.
pub struct Shelf(TempDir);

impl Shelf {
    pub fn with(schema: &str, policies: &str) -> Self {
        let shelf = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(shelf.path().join("all")).unwrap();
        shelf.put("reports.cedarschema", schema);
        shelf.put("all/reports.cedar", policies);
        shelf
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// The section, with these keys beside.
    pub fn section(&self, more: &str) -> String {
        let path = self.path().display();
        format!(
            "kind = \"cedar\"\nschema = \"{path}/reports.cedarschema\"\npolicies = [\"{path}/all/*.cedar\"]\n\
             timeout = \"10s\"\n{more}"
        )
    }

    /// The provider, and what belongs to it.
    pub fn provider(&self, more: &str) -> Arc<dyn PermissionProvider> {
        let registry = opened(Arc::new(ManualClock::new()), &self.section(more));
        Arc::clone(registry.unwrap_or_else(|found| panic!("{found:?}")).get("a").unwrap())
    }
}

/// One question, in full.
pub struct Asked {
    pub user: User,
    pub machine: Option<&'static str>,
    pub ip: Option<&'static str>,
    pub is_multi_factor: bool,
}

pub fn asked(roles: &[&str]) -> Asked {
    let user = User { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..ada() };
    Asked { user, machine: None, ip: None, is_multi_factor: false }
}

impl Asked {
    pub fn ask<T>(&self, then: impl FnOnce(&Ask<'_>) -> T) -> T {
        let (wiki, previous) = (service("wiki", &["a"]), Permissions::new());
        let who = self.machine.map_or(Who::Person(&self.user), Who::Machine);
        let ip = self.ip.map(|ip| ip.parse().unwrap());
        let is_multi_factor = self.is_multi_factor;
        then(&Ask { service: &wiki, who, provider: "github", ip, is_multi_factor, previous: &previous })
    }

    pub async fn of(&self, provider: &dyn PermissionProvider) -> Result<Vec<(String, bool)>, String> {
        let (wiki, previous) = (service("wiki", &["a"]), Permissions::new());
        let who = self.machine.map_or(Who::Person(&self.user), Who::Machine);
        let ip = self.ip.map(|ip| ip.parse().unwrap());
        let is_multi_factor = self.is_multi_factor;
        let ask = Ask { service: &wiki, who, provider: "github", ip, is_multi_factor, previous: &previous };
        let decision = provider.permissions(&ask).await.map_err(|error| error.to_string())?;
        Ok(decision.permissions.into_iter().collect())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what a provider answers")]
fn said(names: &[(&str, bool)]) -> Result<Vec<(String, bool)>, String> {
    Ok(names.iter().map(|(name, granted)| ((*name).to_owned(), *granted)).collect())
}

#[tokio::test]
async fn the_example_of_the_documentation_does_what_it_says() {
    let provider = Shelf::with(SCHEMA, POLICIES).provider("vary = [\"mfa\"]");
    let of = async |asked: &Asked| asked.of(provider.as_ref()).await;

    assert_eq!(of(&asked(&["member"])).await, said(&[]));
    assert_eq!(of(&asked(&["staff"])).await, said(&[("report:read", true)]));
    let with_mfa = Asked { is_multi_factor: true, ..asked(&["staff"]) };
    assert_eq!(of(&with_mfa).await, said(&[("report:read", true), ("report:write", true)]));
    let address = Some(Address { email: "ada@example.com".parse().unwrap(), verified: false });
    for email in [address, None] {
        let mut unverified = asked(&["staff"]);
        unverified.user.email = email;
        let denied = said(&[("report:read", false), ("report:write", false)]);
        assert_eq!(of(&unverified).await, denied, "what is forbidden is denied, not only not granted");
    }
}

#[tokio::test]
async fn what_is_forbidden_is_denied_whoever_else_grants_it() {
    let shelf = Shelf::with(SCHEMA, POLICIES);
    let roles = "kind = \"static\"\nroles = { staff = [\"report:read\", \"report:print\"] }";
    let clock = Arc::new(ManualClock::new());
    let sections = [Section::for_test("b", roles), Section::for_test("a", &shelf.section("vary = [\"mfa\"]"))];
    let registry = Registry::open(&sections, KINDS, &tools(clock.clone())).unwrap();
    let chain = Chain::new(&registry, Arc::default(), clock);
    let user = User { email: None, ..asked(&["staff"]).user };

    for order in [["a", "b"], ["b", "a"]] {
        let granted = chain.decide(&question(&service("wiki", &order), &user)).await.unwrap();

        let all: Vec<_> = granted.permissions.iter().map(|(name, granted)| (name.as_str(), *granted)).collect();
        assert_eq!(all, [("report:print", true), ("report:read", false), ("report:write", false)]);
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_is_a_failure_and_never_a_yes() {
    let too_large = "@id(\"sum\") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };";
    let shelf = Shelf::with(SCHEMA, &format!("{POLICIES}{too_large}"));
    let provider = shelf.provider("vary = [\"mfa\"]");

    let failed = asked(&["staff"]).of(provider.as_ref()).await.unwrap_err();

    let place = shelf.path().join("all/reports.cedar:10");
    let wanted =
        format!("its answer is not to be used: `a`: the policy `sum` ({}) cannot be evaluated", place.display());
    assert_eq!(failed, wanted);
    let clock = Arc::new(ManualClock::new());
    let registry = opened(clock.clone(), &shelf.section("vary = [\"mfa\"]")).unwrap();
    let chain = Chain::new(&registry, Arc::default(), clock);
    let refused = chain.decide(&question(&service("wiki", &["a"]), &asked(&["staff"]).user)).await;
    assert!(matches!(refused, Err(ChainError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn everything_that_is_known_can_be_asked_for() {
    let schema = r#"
        namespace Acme {
            type Words = Set<String>;
            entity Role; entity Group;
            entity User in [Role, Group] = {
                id: String, email?: String, email_verified: Bool, username: __cedar::String, roles: Words, groups: Words,
                provider: String, shoe_size?: Long,
            };
            entity Service = { id: String };
            entity Report = { id: String, owner?: String, shared_with: Words };
            action all;
            action "read", "write" in [all] appliesTo {
                principal: [User, Service], resource: Report,
                context: { service: String, provider: String, mfa?: Bool, ip?: ipaddr },
            };
            action "print" in [all] appliesTo { principal: User, resource: Report };
        }
    "#;
    let provider =
        |policy: &str| Shelf::with(schema, policy).provider("vary = [\"mfa\", \"ip\"]\ntargets = [\"*\", \"q1\"]");
    let person = Asked { ip: Some("192.0.2.7"), is_multi_factor: true, ..asked(&["staff", "member"]) };
    let machine = Asked { machine: Some("batch"), ..asked(&[]) };
    let id = person.user.id;
    for (condition, holds) in [
        (format!("principal.id == \"{id}\" && principal == Acme::User::\"{id}\""), true),
        ("principal has email && principal.email == \"ada@example.com\"".into(), true),
        ("principal.username == \"ada\" && principal.email_verified".into(), true),
        ("principal.roles.containsAll([\"staff\", \"member\"])".into(), true),
        ("principal.groups.contains(\"github:acme/core\") && principal.provider == \"github\"".into(), true),
        ("principal in Acme::Role::\"staff\"".into(), true),
        ("principal in Acme::Group::\"github:acme/core\"".into(), true),
        ("principal in Acme::Role::\"admin\" || principal in Acme::Role::\"github:acme/core\"".into(), false),
        ("principal has shoe_size".into(), false),
        ("resource has owner || resource.shared_with.contains(\"anyone\")".into(), false),
        ("resource.id == \"q1\" || resource == Acme::Report::\"*\"".into(), true),
    ] {
        let policy = format!(
            "permit (principal is Acme::User, action == Acme::Action::\"read\", resource) when {{ {condition} }};"
        );
        let granted = person.of(provider(&policy).as_ref()).await.unwrap();
        let wanted = if holds { vec![("read".to_owned(), true), ("read:q1".to_owned(), true)] } else { Vec::new() };
        assert_eq!(granted, wanted, "{condition}");
        assert_eq!(machine.of(provider(&policy).as_ref()).await, said(&[]), "{condition}");
    }
    let of_context = "permit (principal, action in [Acme::Action::\"read\", Acme::Action::\"write\"], resource == Acme::Report::\"q1\")
        when { context.service == \"wiki\" && context.provider == \"github\" && context has mfa && context.mfa
               && context has ip && context.ip.isInRange(ip(\"192.0.2.0/24\")) };";
    assert_eq!(person.of(provider(of_context).as_ref()).await, said(&[("read:q1", true), ("write:q1", true)]));
    let elsewhere = Asked { ip: Some("198.51.100.1"), is_multi_factor: true, ..asked(&[]) };
    assert_eq!(elsewhere.of(provider(of_context).as_ref()).await, said(&[]));
    assert_eq!(asked(&[]).of(provider(of_context).as_ref()).await, said(&[]));

    let grouped = "permit (principal, action in Acme::Action::\"all\", resource == Acme::Report::\"*\");";
    let all = said(&[("print", true), ("read", true), ("write", true)]);
    assert_eq!(person.of(provider(grouped).as_ref()).await, all, "a group of actions is no permission itself");
    let some = said(&[("read", true), ("write", true)]);
    assert_eq!(machine.of(provider(grouped).as_ref()).await, some, "no machine prints");
    let by_id = "permit (principal == Acme::Service::\"batch\", action == Acme::Action::\"read\", resource == Acme::Report::\"q1\")
        when { principal.id == \"batch\" };";
    assert_eq!(machine.of(provider(by_id).as_ref()).await, said(&[("read:q1", true)]));
    assert_eq!(person.of(provider(by_id).as_ref()).await, said(&[]));
}

#[tokio::test]
async fn who_has_no_address_and_no_name_has_empty_ones_where_the_schema_wants_some() {
    let schema = "entity User = { email: String, username: String };\nentity Target;\n\
                  action read appliesTo { principal: User, resource: Target };";
    let empty = "permit (principal, action, resource) when { principal.email == \"\" && principal.username == \"\" };";
    let provider = Shelf::with(schema, empty).provider("");
    let mut nobody = asked(&[]);

    assert_eq!(nobody.of(provider.as_ref()).await, said(&[]));
    (nobody.user.email, nobody.user.username) = (None, None);
    assert_eq!(nobody.of(provider.as_ref()).await, said(&[("read", true)]));
}

#[test]
fn the_rules_that_speak_are_named_with_their_place() {
    let shelf = Shelf::with(SCHEMA, POLICIES);
    shelf.put(
        "all/more.cedar",
        "// Two of them.\npermit (principal, action, resource);\n\n\npermit (principal, action, resource);",
    );
    let provider = shelf.provider("actions = [\"report:read\"]\nvary = [\"mfa\"]");
    let place = |name: &str| Some(shelf.path().join("all").join(name).display().to_string());
    let rule = |granted, name: &str, at: &str| Rule {
        permission: "report:read".into(),
        granted,
        name: format!("policy {name}"),
        role: None,
        at: place(at),
    };
    let more = |number: u8| format!("{}#{number}", place("more.cedar").unwrap());

    let rules = asked(&["staff"]).ask(|ask| provider.rules(ask));

    let wanted = [
        rule(true, &more(1), "more.cedar:2"),
        rule(true, &more(2), "more.cedar:5"),
        rule(true, "staff-read", "reports.cedar:2"),
    ];
    assert_eq!(rules, wanted);
    let mut unverified = asked(&["staff"]);
    unverified.user.email = None;
    assert_eq!(unverified.ask(|ask| provider.rules(ask)), [rule(false, "unverified-never", "reports.cedar:9")]);
}

#[tokio::test]
async fn answers_are_remembered_with_what_the_policies_vary_by() {
    let shelf = Shelf::with(SCHEMA, POLICIES);
    let clock = Arc::new(ManualClock::new());
    let registry = opened(clock.clone(), &shelf.section("vary = [\"mfa\"]")).unwrap();
    let chain = Chain::new(&registry, Arc::default(), clock);
    let (wiki, user) = (service("wiki", &["a"]), asked(&["staff"]).user);
    for is_multi_factor in [false, true, false] {
        let granted = chain.decide(&Question { is_multi_factor, ..question(&wiki, &user) }).await.unwrap();
        assert_eq!(granted.permissions.contains_key("report:write"), is_multi_factor);
    }
}

#[tokio::test]
async fn a_service_whose_permissions_come_from_policies_gets_them_in_its_tokens() {
    let schema = "entity User = { roles: Set<String> };\nentity Target;\n\
                  action \"frag:read\", \"frag:write\" appliesTo { principal: User, resource: Target };";
    let permits = |action: &str| {
        format!(
            "permit (principal, action == Action::\"{action}\", resource) when {{ principal.roles.contains(\"member\") }};"
        )
    };
    let shelf = Shelf::with(schema, &permits("frag:read"));
    let keys = format!("[permissions.reports]\n{}\n[services.frag]\npermissions = [\"reports\"]", shelf.section(""));
    let stage = Stage::with(&keys).await;
    let token = stage.browser().login_token().await;

    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:read"]);
    shelf.put("all/reports.cedar", &permits("frag:write"));
    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:read"], "the policies are read when the file is");
    stage.reload("").unwrap();
    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:write"]);
    shelf.put("all/reports.cedar", &permits("frag:wirte"));
    let report = stage.reload("").unwrap_err();
    assert!(report.mistakes()[0].message.contains("reports.cedar:1:30: "), "{report:?}");
    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:write"]);
    shelf.put("all/more.cedar", "forbid (principal, action, resource);");
    shelf.put("all/reports.cedar", &permits("frag:write"));
    stage.reload("").unwrap();
    assert_eq!(in_token(&stage, &token, "frag").await, [""; 0]);
}
