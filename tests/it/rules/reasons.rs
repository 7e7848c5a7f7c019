//! What becomes of somebody's roles: a table.

use time::OffsetDateTime;

use crate::domain::role::{Held, Origin, RoleOrigin, settle};

fn held(role: &str, provider: &str) -> Held {
    Held { role: role.into(), provider: provider.into(), rule: "true".into() }
}

fn origin(role: &str, kind: Origin, provider: &str) -> RoleOrigin {
    let rule = (kind == Origin::Rule).then(|| ("true".to_owned(), provider.to_owned()));
    RoleOrigin { role: role.into(), kind, rule, since: OffsetDateTime::UNIX_EPOCH }
}

/// Roles before, reasons before, rules that hold now; then roles after, what was given and what was taken.
type Row<'a> = (&'a [&'a str], Vec<RoleOrigin>, Vec<Held>, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

#[test]
fn a_role_by_rule_stands_while_any_reason_for_it_does() {
    let rule = |role, provider| origin(role, Origin::Rule, provider);
    let table: Vec<Row<'_>> = vec![
        (&[], vec![], vec![held("staff", "sso")], &["staff"], &["staff"], &[]),
        (&["staff"], vec![rule("staff", "sso")], vec![], &[], &[], &["staff"]),
        (
            &["staff"],
            vec![rule("staff", "sso"), rule("staff", "goo")],
            vec![held("staff", "goo")],
            &["staff"],
            &[],
            &[],
        ),
        (&["staff"], vec![rule("staff", "sso"), origin("staff", Origin::Admin, "")], vec![], &["staff"], &[], &[]),
        (&["staff"], vec![rule("staff", "sso"), origin("staff", Origin::Default, "")], vec![], &["staff"], &[], &[]),
        (&["member"], vec![], vec![held("staff", "sso")], &["member", "staff"], &["staff"], &[]),
        (&["member", "staff"], vec![rule("staff", "sso")], vec![], &["member"], &[], &["staff"]),
        (&[], vec![rule("staff", "sso")], vec![held("staff", "sso")], &["staff"], &["staff"], &[]),
        (&[], vec![], vec![held("a", "sso"), held("a", "goo"), held("b", "sso")], &["a", "b"], &["a", "b"], &[]),
        (&["a"], vec![rule("a", "sso")], vec![held("b", "sso")], &["b"], &["b"], &["a"]),
    ];
    for (roles, origins, now, after, given, taken) in table {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let change = settle(&roles, &origins, &now).expect("something changes");
        let names = |all: &[Held]| all.iter().map(|one| one.role.clone()).collect::<Vec<_>>();
        assert_eq!(change.roles, after, "{roles:?} {now:?}");
        assert_eq!(names(&change.given), given, "{roles:?} {now:?}");
        assert_eq!(names(&change.taken), taken, "{roles:?} {now:?}");
    }
}

#[test]
fn a_role_without_a_reason_was_given_by_hand_and_stays() {
    let had = ["staff".to_owned()];

    let change = settle(&had, &[], &[held("staff", "sso")]).unwrap();

    assert_eq!((change.by_hand.as_slice(), change.given.len()), (&had[..], 0));
    let after = [origin("staff", Origin::Admin, ""), origin("staff", Origin::Rule, "sso")];
    assert_eq!(settle(&had, &after, &[]).unwrap().roles, had);
}

#[test]
fn where_nothing_changes_nothing_is_done() {
    let had = ["member".to_owned(), "staff".to_owned()];
    let origins = [origin("staff", Origin::Rule, "sso"), origin("member", Origin::Default, "")];

    assert_eq!(settle(&had, &origins, &[held("staff", "sso")]), None);
    assert_eq!(settle(&had, &[], &[]), None);
    let reworded = Held { rule: "1 == 1".into(), ..held("staff", "sso") };
    let change = settle(&had, &origins, std::slice::from_ref(&reworded)).unwrap();
    assert_eq!((change.add, change.given, change.taken), (vec![reworded], vec![], vec![]));
}
