//! What is wrong with a section, its schema or its policies is found when the file is read.

use std::fmt::Write as _;

use super::{POLICIES, SCHEMA, Shelf};
use crate::it::permission::mistakes;

/// What is said, without the folder that the files are in.
fn found(shelf: &Shelf, more: &str) -> Vec<String> {
    let folder = format!("{}/", shelf.path().display());
    mistakes(&shelf.section(more)).iter().map(|mistake| mistake.replace(&folder, "")).collect()
}

fn with_schema(schema: &str) -> Vec<String> {
    found(&Shelf::with(schema, "permit (principal, action, resource);"), "")
}

fn with_policies(policies: &str) -> Vec<String> {
    found(&Shelf::with(SCHEMA, policies), "vary = [\"mfa\"]")
}

/// A schema with one action, whose types have these attributes.
fn declares(user: &str, target: &str, context: &str) -> String {
    format!(
        "entity User = {{ {user} }};\nentity Target = {{ {target} }};\n\
         action read appliesTo {{ principal: User, resource: Target, context: {{ {context} }} }};"
    )
}

#[test]
fn what_is_written_well_is_opened() {
    let shelf = Shelf::with(SCHEMA, POLICIES);
    for more in [
        "",
        "actions = [\"report:read\"]",
        "actions = [\"report:write\", \"report:read\"]",
        "targets = [\"*\"]",
        "targets = [\"q1\", \"*\", \"team:q2\"]",
    ] {
        assert_eq!(found(&shelf, &format!("vary = [\"mfa\"]\n{more}")), [""; 0], "{more}");
    }
    assert_eq!(with_policies(""), [""; 0], "no policy is a yes to nobody");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let shelf = Shelf::with(SCHEMA, POLICIES);
    let path = shelf.path().display();
    let of = |schema: &str, policies: &str| {
        let text = format!(
            "kind = \"cedar\"\nvary = [\"mfa\"]\nschema = \"{path}/{schema}\"\npolicies = [\"{path}/{policies}\"]"
        );
        mistakes(&text).iter().map(|mistake| mistake.replace(&format!("{path}/"), "")).collect::<Vec<_>>()
    };
    assert_eq!(of("reports.cedarschema", "all/reports.cedar"), [""; 0]);
    assert_eq!(of("no.cedarschema", "all/reports.cedar"), ["CS-C141 `no.cedarschema` does not exist"]);
    assert_eq!(of("all", "all/reports.cedar"), ["CS-C141 `all` is not a file"]);
    assert_eq!(of("reports.cedarschema", "all/no.cedar"), ["CS-C141 `all/no.cedar` does not exist"]);
    assert_eq!(of("reports.cedarschema", "all/no*.cedar"), ["CS-C141 `all/no*.cedar` names no file"]);
    assert_eq!(of("reports.cedarschema", "*/reports.cedar").len(), 1);
    assert_eq!(of("no.cedarschema", "no.cedar").len(), 2, "all is found at once");
    std::fs::write(shelf.path().join("all/latin.cedar"), b"// caf\xe9").unwrap();
    assert_eq!(of("reports.cedarschema", "all/*.cedar"), ["CS-C141 `all/latin.cedar` is not UTF-8 in line 1"]);
    shelf.put("all/latin.cedar", &" ".repeat(1024 * 1024));
    assert_eq!(of("reports.cedarschema", "all/*.cedar"), [""; 0]);
    shelf.put("all/latin.cedar", &" ".repeat(1024 * 1024 + 1));
    assert_eq!(of("reports.cedarschema", "all/*.cedar"), ["CS-C141 `all/latin.cedar` is larger than 1 MiB"]);
}

#[test]
fn a_policy_that_does_not_fit_is_named_with_its_place_in_cedars_own_words() {
    for (policies, code, place, words) in [
        ("permit (principal, action, resource)", "CS-C146", "all/reports.cedar:1:37: ", "unexpected end of input"),
        ("// é\npermit (principal, action);", "CS-C146", "all/reports.cedar:2:", "resource"),
        (
            "\npermit (principal, action == Action::\"report:raed\", resource);",
            "CS-C146",
            "all/reports.cedar:2:30: ",
            "report:raed",
        ),
        (
            "permit (principal, action, resource)\nwhen { principal.role == \"staff\" };",
            "CS-C146",
            "all/reports.cedar:2:8: ",
            "`role`",
        ),
        ("permit (principal, action, resource) when { context.mfa == 1 };", "CS-C146", "all/reports.cedar:1:", "type"),
        (
            "permit (principal == ?principal, action, resource);",
            "CS-C146",
            "all/reports.cedar: ",
            "a template is no policy",
        ),
        (
            "@id(\"a\")\npermit (principal, action, resource);\n@id(\"a\")\nforbid (principal, action, resource);",
            "CS-C147",
            "all/reports.cedar:3: ",
            "the id `a` is taken by all/reports.cedar:1",
        ),
    ] {
        let found = with_policies(policies);
        assert_eq!(found.len(), 1, "{policies}: {found:?}");
        assert!(found[0].starts_with(&format!("{code} {place}")) && found[0].contains(words), "{policies}\n{found:?}");
    }
    let shelf = Shelf::with(SCHEMA, POLICIES);
    shelf.put("all/two.cedar", "@id(\"staff-read\") permit (principal, action, resource);");
    let found = found(&shelf, "vary = [\"mfa\"]");
    assert_eq!(found, ["CS-C147 all/two.cedar:1: the id `staff-read` is taken by all/reports.cedar:2"]);
}

#[test]
fn a_schema_that_cannot_be_filled_in_says_what_is_missing_and_what_to_do() {
    for (schema, said) in [
        ("entity User", "CS-C145 reports.cedarschema:1:12: error parsing schema: unexpected end of input"),
        ("entity User = { email: Strin };", "CS-C145 reports.cedarschema"),
        (
            &declares("age: Long", "", ""),
            "CS-C149 `User` needs `age`, which is not known here; known are `id`, `email`",
        ),
        (&declares("email: Long", "", ""), "CS-C149 `email` of `User` is a `String`"),
        (&declares("roles: String", "", ""), "CS-C149 `roles` of `User` is a `Set<String>`"),
        (&declares("roles: Set<Long>", "", ""), "CS-C149 `roles` of `User` is a `Set<String>`"),
        (&declares("email_verified?: String", "", ""), "CS-C149 `email_verified` of `User` is a `Bool`"),
        (&declares("", "owner: String", ""), "CS-C149 `owner` of `Target` is not always known: declare it as `owner?`"),
        (&declares("", "colour: String", ""), "CS-C149 `Target` needs `colour`, which is not known here"),
        (
            &declares("", "", "mfa: Bool"),
            "CS-C149 the context of `read` has `mfa`, which is known with `vary = [\"mfa\"]` only",
        ),
        (&declares("", "", "mfa?: Bool"), "CS-C149 the context of `read` has `mfa`, which is known with `vary"),
        (
            &declares("", "", "ip?: ipaddr"),
            "CS-C149 the context of `read` has `ip`, which is known with `vary = [\"ip\"]` only",
        ),
        (&declares("", "", "day: String"), "CS-C149 the context of `read` needs `day`, which is not known here"),
        (
            "entity Robot; entity Target; action read appliesTo { principal: Robot, resource: Target };",
            "CS-C148 the action `read` applies to no `User` and no `Service`",
        ),
        (
            "entity User; entity A, B; action read appliesTo { principal: User, resource: [A, B] };",
            "CS-C148 the action `read` applies to several types and none of them is `Target`",
        ),
        (
            "entity User, Target; action viewReport appliesTo { principal: User, resource: Target };",
            "CS-C148 the action `viewReport` is not a permission name",
        ),
        (
            "entity User, Target; action \"report:*\" appliesTo { principal: User, resource: Target };",
            "CS-C148 the action `report:*` is not a permission name",
        ),
    ] {
        let found = with_schema(schema);
        assert_eq!(found.len(), 1, "{schema}: {found:?}");
        assert!(found[0].starts_with(said), "{schema}\n{found:?}");
    }
    for schema in [
        declares("age?: Long", "shared_with: Set<String>, is_orphaned: Bool, owner?: String, visibility?: String", ""),
        declares("", "", "service: String, provider?: String"),
    ] {
        assert_eq!(with_schema(&schema), [""; 0], "{schema}");
    }
    let ip = Shelf::with(&declares("", "", "ip: ipaddr"), "");
    assert_eq!(
        found(&ip, "vary = [\"ip\"]"),
        ["CS-C149 `ip` of the context of `read` is not always known: declare it as `ip?`"]
    );
}

#[test]
fn what_is_asked_must_be_there_and_be_a_name_and_not_too_much() {
    let shelf = Shelf::with(SCHEMA, POLICIES);
    let with = |more: &str| found(&shelf, &format!("vary = [\"mfa\"]\n{more}"));
    assert_eq!(with("actions = [\"report:raed\"]"), ["CS-C148 the schema has no action `report:raed`"]);
    assert_eq!(with("actions = [\"report:read\", \"report:read\"]"), ["CS-C148 `report:read` is there twice"]);
    assert_eq!(with("actions = []").len(), 1);
    assert_eq!(with("targets = []").len(), 1);
    for target in ["", "Q1", "q*", "a b", ":", "**"] {
        let found = with(&format!("targets = [\"*\", \"{target}\"]"));
        assert!(found.len() == 1 && found[0].starts_with("CS-C148 "), "{target}: {found:?}");
    }
    assert_eq!(with("targets = [\"q1\", \"q1\"]").len(), 1);
    let targets = |most: usize| {
        let mut text = String::from("targets = [");
        (0..most).for_each(|number| write!(text, "\"t{number}\",").unwrap());
        text + "]"
    };
    assert_eq!(with(&targets(250)), [""; 0]);
    assert_eq!(with(&targets(251)), ["CS-C148 2 actions on 251 targets are 502 questions, expected 1 to 500"]);
}
