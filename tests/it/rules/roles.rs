//! Roles that come and go with what providers say.

use serde_json::json;
use time::Duration;

use super::{events, roles, upstream_says};
use crate::account::administration::{Caller, Office};
use crate::domain::audit::By;
use crate::domain::role::Origin;
use crate::it::stage::{House, Stage, Upstream};

const STAFF: &str = r#"
[roles.staff]
assign = ["'sso:staff' in groups", "claims.department == 'eng' && email_verified"]
"#;

async fn kinds(house: &House, name: &str) -> Vec<(String, &'static str)> {
    let user = house.user(&format!("{name}@example.org")).await;
    let origins = house.app.store().role_origins(user.id).await.unwrap();
    origins.into_iter().map(|origin| (origin.role, origin.kind.name())).collect()
}

async fn grant(house: &House, name: &str, role: &str, gives: bool) {
    let user = house.user(&format!("{name}@example.org")).await;
    let (caller, by) = (Caller::command(), By::command());
    let office = Office::new(&house.app.accounts, &house.app.settings, &caller, &by);
    if gives { office.grant(user.id, role).await } else { office.revoke(user.id, role).await }.unwrap();
}

#[tokio::test]
async fn a_role_comes_with_a_group_and_goes_with_it() {
    let stage = Stage::with(STAFF).await;
    upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);

    stage.browser().sign_in().await;

    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    assert_eq!(kinds(&stage, "ada").await, [("member".to_owned(), "default"), ("staff".to_owned(), "rule")]);
    let told = [json!({ "role": "staff", "rule": "'sso:staff' in groups" })];
    assert_eq!(events(&stage, "role.assigned").await, told);
    let before = stage.user("ada@example.org").await.version;
    stage.browser().sign_in().await;
    assert_eq!(stage.user("ada@example.org").await.version, before);
    assert_eq!(events(&stage, "role.assigned").await.len(), 1);

    upstream_says(&stage, "ada", &[("groups", json!([]))]);
    stage.browser().sign_in().await;

    assert_eq!(roles(&stage, "ada").await, ["member"]);
    assert!(stage.user("ada@example.org").await.version > before);
    assert_eq!(events(&stage, "role.unassigned").await, told);
}

#[tokio::test]
async fn a_role_comes_with_a_claim_and_not_without_it() {
    let stage = Stage::with(STAFF).await;
    for (name, department, verified, has) in
        [("ada", json!("eng"), true, true), ("bob", json!("ops"), true, false), ("cy", json!(["eng"]), true, false)]
    {
        upstream_says(&stage, name, &[("department", department), ("email_verified", json!(verified))]);
        stage.browser().sign_in().await;
        assert_eq!(roles(&stage, name).await.contains(&"staff".to_owned()), has, "{name}");
    }
}

#[tokio::test]
async fn a_rule_that_has_no_answer_gives_nobody_a_role() {
    let stage = Stage::with("[roles.admin]\nassign = [\"claims.is_admin\", \"!(claims.guest)\"]").await;
    upstream_says(&stage, "ada", &[("is_admin", json!("yes"))]);

    stage.browser().sign_in().await;

    assert_eq!(roles(&stage, "ada").await, ["member"]);
    upstream_says(&stage, "ada", &[("is_admin", json!(true))]);
    stage.browser().sign_in().await;
    assert_eq!(roles(&stage, "ada").await, ["admin", "member"]);
    assert_eq!(events(&stage, "role.assigned").await.len(), 1);
}

#[tokio::test]
async fn what_was_given_by_hand_stays_when_the_rule_ends() {
    let stage = Stage::with(STAFF).await;
    upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
    stage.browser().sign_in().await;
    grant(&stage, "ada", "staff", true).await;

    upstream_says(&stage, "ada", &[("groups", json!([]))]);
    stage.browser().sign_in().await;

    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    assert!(kinds(&stage, "ada").await.contains(&("staff".to_owned(), "admin")));
    grant(&stage, "ada", "staff", false).await;
    assert_eq!(roles(&stage, "ada").await, ["member"]);
    assert_eq!(kinds(&stage, "ada").await, [("member".to_owned(), "default")]);
}

#[tokio::test]
async fn a_role_stands_while_a_rule_holds_for_any_identity() {
    let goo = "[providers.goo]\nkind = \"google\"\nissuer = \"https://goo.test\"\nclient_id = \"client\"\nclient_secret = { env = \"GOO\" }\nlink = \"verified-email\"\n";
    let stage = Stage::with(&format!("{goo}[roles.staff]\nassign = [\"claims.department == 'eng'\"]")).await;
    let other = Upstream::open(&stage.internet, "goo.test", stage.now());
    upstream_says(&stage, "ada", &[("department", json!("eng"))]);
    stage.browser().sign_in().await;
    for (name, value) in [("sub", json!("g-ada")), ("email", json!("ada@example.org")), ("email_verified", json!(true))]
    {
        other.script().claims[name] = value;
    }
    other.script().claims["department"] = json!("eng");
    stage.browser().open("/login").await.press("#idp-goo").await.come_back().await;
    let user = stage.user("ada@example.org").await;
    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 2);

    upstream_says(&stage, "ada", &[("department", json!("ops"))]);
    stage.browser().sign_in().await;
    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);

    let identities = stage.app.store().identities(user.id).await.unwrap();
    let goo = identities.into_iter().find(|one| one.subject.provider == "goo").unwrap().subject;
    let (caller, by) = (Caller::command(), By::command());
    let office = Office::new(&stage.app.accounts, &stage.app.settings, &caller, &by);
    assert!(office.unlink(user.id, &goo).await.unwrap());
    assert_eq!(roles(&stage, "ada").await, ["member"]);
}

#[tokio::test]
async fn another_rule_is_held_against_what_was_said_before() {
    let stage = Stage::with(STAFF).await;
    for name in ["ada", "bob"] {
        let groups = if name == "ada" { json!(["staff"]) } else { json!([]) };
        upstream_says(&stage, name, &[("groups", groups)]);
        stage.browser().sign_in().await;
    }
    assert_eq!(stage.running.now().app.judge_due().await.unwrap(), 0);

    stage.reload("[roles.staff]\nassign = [\"email.startsWith('bob')\"]").unwrap();
    assert_eq!(stage.running.now().app.judge_due().await.unwrap(), 2);

    assert_eq!(
        (roles(&stage, "ada").await, roles(&stage, "bob").await),
        (vec!["member".into()], vec!["member".into(), "staff".into()])
    );
    assert_eq!(stage.running.now().app.judge_due().await.unwrap(), 0);

    stage.reload("[roles.staff]\nassign = []").unwrap();
    assert_eq!(stage.running.now().app.judge_due().await.unwrap(), 2);
    assert_eq!(roles(&stage, "bob").await, ["member"]);
    assert_eq!(stage.running.now().app.judge_due().await.unwrap(), 0);
}

#[tokio::test]
async fn daily_is_once_a_day_and_login_is_not() {
    for (word, looked_at) in [("daily", 1), ("login", 0)] {
        let stage = Stage::with(&format!("{STAFF}[providers.sso]\nrefresh_profile = \"{word}\"")).await;
        upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
        stage.browser().sign_in().await;

        stage.wait(Duration::days(1));
        assert_eq!(stage.app.judge_due().await.unwrap(), 0, "{word}");
        stage.wait(Duration::SECOND);
        assert_eq!(stage.app.judge_due().await.unwrap(), looked_at, "{word}");
        assert_eq!(stage.app.judge_due().await.unwrap(), 0, "{word}");
        assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    }
}

#[tokio::test]
async fn never_takes_the_first_word_and_no_other() {
    let stage = Stage::with(&format!("{STAFF}[providers.sso]\nrefresh_profile = \"never\"")).await;
    upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
    stage.browser().sign_in().await;

    upstream_says(&stage, "ada", &[("groups", json!([]))]);
    stage.browser().sign_in().await;

    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    assert_eq!(stage.user("ada@example.org").await.groups, ["sso:staff"]);
}

#[tokio::test]
async fn nothing_is_kept_where_no_rule_asks_and_only_sealed_where_one_does() {
    use sea_orm::EntityTrait as _;

    use crate::store::entity::identity_facts::Entity;

    for (keys, rows) in [("", 0), (STAFF, 1), ("[services.wiki]\naccess = [\"has(claims.department)\"]", 1)] {
        let stage = Stage::with(keys).await;
        upstream_says(&stage, "ada", &[("department", json!("eng")), ("secret", json!("plain-secret"))]);
        stage.browser().sign_in().await;
        let kept = Entity::find().all(stage.app.store().read()).await.unwrap();
        assert_eq!(kept.len(), rows, "{keys}");
        assert!(kept.iter().all(|row| !row.sealed.contains("eng")), "{keys}");
        let user = stage.user("ada@example.org").await;
        if let Some(said) = stage.app.accounts.said_by(user.id, "sso").await.unwrap() {
            assert_eq!(serde_json::Value::Object(said.claims), json!({ "department": "eng" }), "{keys}");
        }
    }
}

#[tokio::test]
async fn somebodys_own_data_say_which_roles_they_have_and_not_by_which_rule() {
    let stage = Stage::with(STAFF).await;
    upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
    stage.browser().sign_in().await;
    let user = stage.user("ada@example.org").await;

    let all = stage.app.store().everything_of(user.id).await.unwrap();

    let roles: Vec<_> = all["roles"].as_array().unwrap().iter().map(|row| row["role"].clone()).collect();
    assert_eq!(roles, ["member", "staff"]);
    let text = serde_json::Value::Object(all).to_string();
    assert!(text.contains("role.assigned") && !text.contains("in groups"), "{text}");
}

#[tokio::test]
async fn the_file_makes_administrators_and_says_so() {
    let stage = Stage::with("[admin]\nemails = [\"ada@example.org\"]").await;
    stage.upstream_knows("ada", "ada@example.org");

    stage.browser().sign_in().await;

    let user = stage.user("ada@example.org").await;
    let origins = stage.app.store().role_origins(user.id).await.unwrap();
    let admin = origins.iter().find(|origin| origin.role == "admin").unwrap();
    assert_eq!((admin.kind, &admin.rule), (Origin::Config, &None));
}

#[tokio::test]
async fn a_provider_that_is_gone_gives_nobody_a_role() {
    for gone in ["enabled = false", "enabled = true"] {
        let stage = Stage::with(STAFF).await;
        upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
        stage.browser().sign_in().await;

        stage.reload(&format!("{STAFF}[providers.sso]\n{gone}")).unwrap();
        stage.running.now().app.judge_due().await.unwrap();

        assert_eq!(roles(&stage, "ada").await.contains(&"staff".to_owned()), gone == "enabled = true");
    }
}

#[tokio::test]
async fn what_was_said_counts_for_thirty_days_where_it_is_daily() {
    for (word, late, stays) in [("daily", 0, true), ("daily", 1, false), ("login", 1, true)] {
        let stage = Stage::with(&format!("{STAFF}[providers.sso]\nrefresh_profile = \"{word}\"")).await;
        upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
        stage.browser().sign_in().await;

        stage.wait(Duration::days(30) + Duration::seconds(late));
        stage.app.judge_due().await.unwrap();

        assert_eq!(roles(&stage, "ada").await.contains(&"staff".to_owned()), stays, "{word} {late}");
    }
}

#[tokio::test]
async fn giving_by_hand_what_a_rule_gives_is_written_down_once() {
    let stage = Stage::with(STAFF).await;
    upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
    stage.browser().sign_in().await;
    let user = stage.user("ada@example.org").await;
    let (caller, by) = (Caller::command(), By::command());
    let office = Office::new(&stage.app.accounts, &stage.app.settings, &caller, &by);

    assert!(office.grant(user.id, "staff").await.unwrap());
    assert!(!office.grant(user.id, "staff").await.unwrap());

    assert_eq!(events(&stage, "role.granted").await, [json!({ "role": "staff" })]);
    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
}

#[tokio::test]
async fn no_rule_takes_the_last_administrator() {
    let stage = Stage::with("[roles.admin]\nassign = [\"'sso:admins' in groups\"]").await;
    for name in ["ada", "bob"] {
        upstream_says(&stage, name, &[("groups", json!(["admins"]))]);
        stage.browser().sign_in().await;
    }

    for name in ["ada", "bob"] {
        upstream_says(&stage, name, &[("groups", json!([]))]);
        stage.browser().sign_in().await;
    }

    assert_eq!(roles(&stage, "ada").await, ["member"]);
    assert_eq!(roles(&stage, "bob").await, ["admin", "member"]);
    assert_eq!(events(&stage, "role.kept").await.len(), 1);

    grant(&stage, "ada", "admin", true).await;
    stage.browser().sign_in().await;
    assert_eq!(roles(&stage, "bob").await, ["member"]);
}

#[tokio::test]
async fn the_groups_of_a_provider_go_with_its_last_identity() {
    for by_owner in [true, false] {
        let stage = Stage::open().await;
        upstream_says(&stage, "ada", &[("groups", json!(["staff"]))]);
        stage.browser().sign_in().await;
        let user = stage.user("ada@example.org").await;
        let first = stage.app.store().identities(user.id).await.unwrap().remove(0).subject;
        let second = crate::domain::identity::Subject::new("sso", &first.realm, "second").unwrap();
        let (caller, by) = (Caller::command(), By::command());
        let (accounts, settings) = (&stage.app.accounts, &stage.app.settings);
        assert!(accounts.connect(&user, &second, &by).await.unwrap());
        let office = Office::new(accounts, settings, &caller, &by);
        let doors = crate::account::Doors { mail: true, ..Default::default() };

        let mut version = stage.user("ada@example.org").await.version;
        for (subject, groups) in [(second, vec!["sso:staff".to_owned()]), (first, Vec::new())] {
            if by_owner {
                accounts.disconnect(&user, &subject, &doors, &by).await.unwrap().unwrap();
            } else {
                assert!(office.unlink(user.id, &subject).await.unwrap());
            }
            let after = stage.user("ada@example.org").await;
            assert_eq!(after.groups, groups);
            assert!(after.version > version);
            version = after.version;
        }
    }
}

#[test]
fn a_rule_that_lets_any_provider_make_administrators_is_warned_about() {
    for (role, rule, warned) in [
        ("admin", "claims.boss == true", 1),
        ("admin", "provider == 'sso' && claims.boss == true", 0),
        ("staff", "claims.boss == true", 0),
    ] {
        let parsed = crate::it::config::text(&format!("[roles.{role}]\nassign = [\"{rule}\"]"));
        let found = parsed.report.warnings().iter().filter(|found| found.code == "CS-C153").count();
        assert_eq!(found, warned, "{role} {rule}");
    }
}
