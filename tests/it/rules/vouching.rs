//! Providers that are asked again, when nobody signs in.

use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde_json::{Value, json};
use time::Duration;

use super::{events, roles, upstream_says};
use crate::account::administration::{Caller, Office};
use crate::app::vouching::Vouched;
use crate::domain::audit::By;
use crate::domain::identity::Token;
use crate::it::stage::{House, Stage, Upstream};
use crate::store::entity::grant;
use crate::store::grants::Kept;

const STAFF: &str = r#"
[roles.staff]
assign = ["'sso:staff' in groups"]
[providers.sso]
refresh_profile = "daily"
store_tokens = true
"#;
const DAY: Duration = Duration::DAY;

/// The upstream says this of Ada from now on.
fn says(stage: &Stage, groups: Value) {
    upstream_says(stage, "ada", &[("groups", groups)]);
    stage.upstream.script().userinfo = json!({ "sub": "ada" });
}

fn grants(stage: &Stage, token: &str) {
    stage.upstream.script().token =
        json!({ "access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "refresh_token": token });
}

/// Ada signed in as one of the staff, and the provider granted `rt-1`.
async fn with_ada(more: &str) -> Stage {
    let stage = Stage::with(&format!("{STAFF}{more}")).await;
    says(&stage, json!(["staff"]));
    grants(&stage, "rt-1");
    stage.browser().sign_in().await;
    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    stage
}

async fn asked(stage: &Stage) -> usize {
    stage.running.now().app.ask_again_due().await.unwrap()
}

async fn kept(house: &House) -> Vec<Kept> {
    let user = house.user("ada@example.org").await;
    house.app.store().grants_of(user.id).await.unwrap()
}

fn form(stage: &Stage, name: &str) -> Option<String> {
    stage.upstream.script().form.get(name).cloned()
}

#[tokio::test]
async fn a_role_goes_with_the_group_a_day_later_though_nobody_signs_in() {
    let stage = with_ada("").await;
    let before = stage.user("ada@example.org").await.version;

    stage.wait(DAY - Duration::SECOND);
    assert_eq!(asked(&stage).await, 0);
    stage.wait(Duration::SECOND);
    says(&stage, json!(["guests"]));
    grants(&stage, "rt-2");
    assert_eq!(asked(&stage).await, 1);

    let user = stage.user("ada@example.org").await;
    assert_eq!((user.roles, user.groups), (vec!["member".to_owned()], vec!["sso:guests".to_owned()]));
    assert!(user.version > before, "remembered answers about her are of no use any more");
    assert_eq!(form(&stage, "grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(form(&stage, "refresh_token").as_deref(), Some("rt-1"));
    assert_eq!(events(&stage, "role.unassigned").await.len(), 1);
    assert_eq!(asked(&stage).await, 0);

    stage.wait(DAY);
    says(&stage, json!(["staff"]));
    stage.upstream.script().token = json!({ "access_token": "at-2", "token_type": "Bearer", "expires_in": 300 });
    assert_eq!(asked(&stage).await, 1);
    assert_eq!(form(&stage, "refresh_token").as_deref(), Some("rt-2"), "the newer one was kept");
    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);

    stage.wait(DAY);
    says(&stage, json!(["staff"]));
    assert_eq!(asked(&stage).await, 1);
    assert_eq!(form(&stage, "refresh_token").as_deref(), Some("rt-2"), "it stays where none comes in its place");
}

#[tokio::test]
async fn what_is_said_again_counts_for_thirty_days_from_then() {
    let stage = with_ada("").await;
    stage.wait(DAY * 20);
    says(&stage, json!(["staff"]));
    assert_eq!(asked(&stage).await, 1);

    stage.wait(DAY * 30);
    stage.app.judge_due().await.unwrap();
    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    stage.wait(Duration::seconds(1) + DAY);
    stage.app.judge_due().await.unwrap();
    assert_eq!(roles(&stage, "ada").await, ["member"]);
}

#[tokio::test]
async fn whom_the_provider_does_not_vouch_for_any_more_has_nothing_of_it() {
    let refusals: [(&str, &str, Value, &str); 2] = [
        ("/token", "", json!({ "error": "invalid_grant" }), "what it granted is not valid any more (invalid_grant)"),
        ("", "deny = [\"has(claims.left)\"]", json!(true), "its section does not let them in: deny[0] holds"),
    ];
    for (path, gate, body, reason) in refusals {
        let stage = with_ada(gate).await;
        stage.wait(DAY);
        says(&stage, json!(["staff"]));
        if path.is_empty() {
            stage.upstream.script().claims["left"] = body.clone();
        }
        if !path.is_empty() {
            stage.upstream.script().answers.insert(path, (400, "application/json", body.to_string().into()));
        }

        assert_eq!(asked(&stage).await, 1, "{reason}");

        let user = stage.user("ada@example.org").await;
        assert_eq!((user.roles.as_slice(), user.groups.len()), (["member".to_owned()].as_slice(), 0), "{reason}");
        assert_eq!(events(&stage, "identity.withdrawn").await, [json!({ "reason": reason })]);
        assert!(kept(&stage).await.is_empty());
        stage.wait(DAY * 2);
        assert_eq!(asked(&stage).await, 0, "there is nothing to ask with");
        assert!(stage.app.accounts.said_by(user.id, "sso").await.unwrap().is_none());

        if !path.is_empty() {
            stage.upstream.script().answers.clear();
            says(&stage, json!(["staff"]));
            stage.browser().sign_in().await;
            assert_eq!(roles(&stage, "ada").await, ["member", "staff"], "a sign-in mends it");
            assert_eq!(kept(&stage).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_about_the_person_changes_nothing_and_is_asked_for_again_in_an_hour() {
    let json = "application/json";
    let bodies: [(&str, u16, &str, &str); 7] = [
        ("/token", 500, json, "{}"),
        ("/token", 429, json, "{}"),
        ("/token", 400, json, r#"{"error":"invalid_client"}"#),
        ("/token", 400, json, r#"{"error":"temporarily_unavailable"}"#),
        ("/token", 200, "text/html", "<html>"),
        ("/userinfo", 503, json, "{}"),
        ("/userinfo", 200, json, r#"{"sub":"mallory"}"#),
    ];
    for (path, status, kind, body) in bodies {
        let stage = with_ada("").await;
        stage.wait(DAY);
        says(&stage, json!([]));
        stage.upstream.script().answers.insert(path, (status, kind, body.into()));

        assert_eq!(asked(&stage).await, 1, "{body}");
        assert_eq!(roles(&stage, "ada").await, ["member", "staff"], "{path} {status} {body}");
        assert!(events(&stage, "identity.withdrawn").await.is_empty());
        stage.wait(Duration::HOUR - Duration::SECOND);
        assert_eq!(asked(&stage).await, 0);
        stage.wait(Duration::SECOND);
        stage.upstream.script().answers.clear();
        says(&stage, json!([]));
        assert_eq!(asked(&stage).await, 1);
        assert_eq!(roles(&stage, "ada").await, ["member"], "{path} {status} {body}");
    }
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_not_believed() {
    let stage = with_ada("").await;
    stage.wait(DAY);
    upstream_says(&stage, "mallory", &[("groups", json!([]))]);
    stage.upstream.script().userinfo = json!({ "sub": "mallory" });

    assert_eq!(asked(&stage).await, 1);

    let user = stage.user("ada@example.org").await;
    assert_eq!((user.name.as_deref(), user.roles.len()), (Some("ada"), 2));
    assert_eq!(kept(&stage).await.len(), 1);
}

#[tokio::test]
async fn what_one_issuer_granted_to_one_client_is_never_shown_to_another() {
    for keys in ["issuer = \"https://other.test\"", "client_id = \"another\""] {
        let stage = with_ada("").await;
        let other = Upstream::open(&stage.internet, "other.test", stage.now());
        stage.reload(&format!("[providers.sso]\n{keys}")).unwrap();
        stage.wait(DAY);
        let before = stage.internet.count("POST https://sso.test/token");

        assert_eq!(asked(&stage).await, 1);

        assert!(other.script().form.is_empty());
        assert_eq!(stage.internet.count("POST https://sso.test/token"), before);
        assert!(kept(&stage).await.is_empty(), "{keys}");
        assert_eq!(roles(&stage, "ada").await, ["member", "staff"], "a file that changes takes nothing from anybody");
    }
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_spent_grant_is_kept_before_anything_can_fail() {
    let stage = with_ada("").await;
    stage.wait(DAY);
    says(&stage, json!([]));
    grants(&stage, "rt-2");
    stage.upstream.script().answers.insert("/userinfo", (503, "application/json", "{}".into()));
    assert_eq!(asked(&stage).await, 1);

    stage.upstream.script().answers.clear();
    stage.wait(Duration::HOUR);
    says(&stage, json!([]));
    assert_eq!(asked(&stage).await, 1);

    assert_eq!(form(&stage, "refresh_token").as_deref(), Some("rt-2"));
    assert_eq!(roles(&stage, "ada").await, ["member"]);
}

#[tokio::test]
async fn nobody_takes_a_turn_that_somebody_has() {
    let stage = with_ada("").await;
    stage.wait(DAY);
    let user = stage.user("ada@example.org").await;
    let turn = stage.app.accounts.take_turn(&kept(&stage).await.remove(0)).await.unwrap().unwrap();
    let asked_now = async || stage.app.ask_again_about(&user).await.unwrap().remove(0).1;

    says(&stage, json!([]));
    assert_eq!(asked_now().await, Vouched::Overtaken);
    stage.wait(Duration::minutes(10) - Duration::SECOND);
    assert_eq!(asked_now().await, Vouched::Overtaken);
    stage.wait(Duration::SECOND);
    says(&stage, json!([]));
    assert_eq!(asked_now().await, Vouched::Again, "whoever died with it does not keep it");
    assert!(!stage.app.accounts.withdrawn(&turn, "late").await.unwrap());
    assert!(!stage.app.accounts.renewed(&turn, &turn.grant).await.unwrap());

    let turn = stage.app.accounts.take_turn(&kept(&stage).await.remove(0)).await.unwrap().unwrap();
    stage.app.accounts.give_back(&turn).await.unwrap();
    assert_eq!(asked_now().await, Vouched::Again);
}

#[tokio::test]
async fn groups_of_two_providers_that_answer_at_once_are_both_right() {
    let goo = "[providers.goo]\nkind = \"oidc\"\nname = \"Goo\"\nissuer = \"https://goo.test\"\nclient_id = \"client\"\nclient_secret = { env = \"GOO\" }\nlink = \"verified-email\"\nrefresh_profile = \"daily\"\nstore_tokens = true\n";
    let stage = with_ada(goo).await;
    let other = Upstream::open(&stage.internet, "goo.test", stage.now());
    let other_says = |groups: Value| {
        let mut script = other.script();
        script.token =
            json!({ "access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "refresh_token": "g-1" });
        script.userinfo = json!({ "sub": "g-ada" });
        let (now, address) = (stage.now(), "ada@example.org");
        for (name, value) in [("sub", json!("g-ada")), ("email", json!(address)), ("groups", groups)] {
            script.claims[name] = value;
        }
        (script.claims["iat"], script.claims["exp"]) = (json!(now), json!(now + 300));
    };
    other_says(json!(["team"]));
    stage.browser().open("/login").await.press("#idp-goo").await.come_back().await;
    assert_eq!(stage.user("ada@example.org").await.groups, ["goo:team", "sso:staff"]);

    stage.wait(DAY);
    says(&stage, json!(["crew"]));
    other_says(json!(["friends"]));
    assert_eq!(asked(&stage).await, 2);

    assert_eq!(stage.user("ada@example.org").await.groups, ["goo:friends", "sso:crew"]);
}

#[tokio::test]
async fn of_two_processes_one_asks() {
    let stage = with_ada("").await;
    let twin = stage.twin().await;
    stage.wait(DAY);
    says(&stage, json!([]));
    let before = stage.internet.count("POST https://sso.test/token");
    let due = kept(&stage).await.remove(0);

    let (one, other) = tokio::join!(stage.app.accounts.take_turn(&due), twin.app.accounts.take_turn(&due));
    assert_eq!([one.unwrap().is_some(), other.unwrap().is_some()].iter().filter(|took| **took).count(), 1);

    stage.wait(Duration::HOUR);
    says(&stage, json!([]));
    let (one, other) = tokio::join!(stage.app.ask_again_due(), twin.app.ask_again_due());
    assert!(one.unwrap() + other.unwrap() >= 1);
    assert_eq!(stage.internet.count("POST https://sso.test/token"), before + 1);
    assert_eq!(roles(&stage, "ada").await, ["member"]);
}

#[tokio::test]
async fn a_sign_in_meanwhile_is_worth_more_than_what_was_asked_before() {
    let stage = with_ada("").await;
    stage.wait(DAY);
    let due = kept(&stage).await.remove(0);
    let turn = stage.app.accounts.take_turn(&due).await.unwrap().unwrap();
    says(&stage, json!(["staff"]));
    grants(&stage, "rt-9");
    stage.browser().sign_in().await;

    assert!(!stage.app.accounts.withdrawn(&turn, "gone").await.unwrap());

    assert_eq!(roles(&stage, "ada").await, ["member", "staff"]);
    let turn = stage.app.accounts.take_turn(&kept(&stage).await.remove(0)).await.unwrap().unwrap();
    assert_eq!(turn.grant.token, Token::Refresh("rt-9".into()));
}

#[tokio::test]
async fn a_grant_lies_sealed_to_its_row_and_goes_with_the_identity_and_with_the_switch() {
    let stage = with_ada("link = \"verified-email\"").await;
    let store = stage.app.store().clone();
    let mut rows = grant::Entity::find().all(store.read()).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = rows.remove(0);
    assert!(!row.sealed.contains("rt-1"));
    let user = stage.user("ada@example.org").await;
    let own = Value::Object(store.everything_of(user.id).await.unwrap()).to_string();
    assert!(!own.contains("rt-1") && !own.contains(&row.sealed), "nobody's own data hold it");

    upstream_says(&stage, "bob", &[]);
    stage.upstream.script().userinfo = json!({ "sub": "bob" });
    stage.browser().sign_in().await;
    grant::Entity::update_many()
        .col_expr(grant::Column::Sealed, sea_orm::sea_query::Expr::value(row.sealed))
        .filter(grant::Column::Subject.eq("bob"))
        .exec(store.write())
        .await
        .unwrap();
    stage.wait(DAY);
    says(&stage, json!(["staff"]));
    let before = stage.internet.count("POST https://sso.test/token");
    asked(&stage).await;
    assert_eq!(stage.internet.count("POST https://sso.test/token"), before + 1, "a swapped row opens nothing");
    let count = || async { grant::Entity::find().count(store.read()).await.unwrap() };
    assert_eq!(count().await, 1, "and is forgotten");

    let (caller, by) = (Caller::command(), By::command());
    let office = Office::new(&stage.app.accounts, &stage.app.settings, &caller, &by);
    let subject = store.identities(user.id).await.unwrap().remove(0).subject;
    assert!(office.unlink(user.id, &subject).await.unwrap());
    assert_eq!(count().await, 0);

    says(&stage, json!(["staff"]));
    stage.browser().sign_in().await;
    assert_eq!(count().await, 1);
    stage.reload("[providers.sso]\nstore_tokens = false").unwrap();
    stage.wait(DAY * 2);
    assert_eq!(asked(&stage).await, 0);
    assert_eq!(count().await, 1, "a file that is half rolled out loses nothing");
    stage.wait(Duration::SECOND);
    assert_eq!(asked(&stage).await, 0);
    assert_eq!(count().await, 0, "nothing lies there that nobody uses");
}

#[tokio::test]
async fn nothing_is_kept_unless_the_file_says_so_or_where_nothing_lasting_is_granted() {
    let lasting = json!({ "access_token": "at-1", "token_type": "Bearer", "refresh_token": "rt-1" });
    let passing = json!({ "access_token": "at-1", "token_type": "Bearer", "expires_in": 300 });
    for (keys, token, rows) in [(STAFF, &lasting, 1), (STAFF, &passing, 0), ("", &lasting, 0)] {
        let stage = Stage::with(keys).await;
        says(&stage, json!([]));
        stage.upstream.script().token = token.clone();

        stage.browser().sign_in().await;

        assert_eq!(kept(&stage).await.len(), rows, "{keys} {token}");
    }
}

#[tokio::test]
async fn somebody_can_be_asked_about_at_once() {
    let stage = with_ada("").await;
    says(&stage, json!([]));
    let user = stage.user("ada@example.org").await;

    let told = stage.app.ask_again_about(&user).await.unwrap();
    assert_eq!(told.iter().map(|(_, vouched)| vouched).collect::<Vec<_>>(), [&Vouched::Again]);
    assert_eq!(roles(&stage, "ada").await, ["member"]);

    stage.upstream.script().answers.insert("/token", (500, "application/json", "{}".into()));
    let told = stage.app.ask_again_about(&user).await.unwrap();
    assert!(matches!(&told[0].1, Vouched::Unsaid(why) if why.contains("cannot be reached")), "{told:?}");
    stage.wait(DAY - Duration::SECOND);
    assert_eq!(asked(&stage).await, 0, "a try by hand takes nothing from the schedule");
}
