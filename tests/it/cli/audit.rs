//! `audit`, `ban` and `error`.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::Stage;
use crate::config::settings::Ban;
use crate::domain::audit::{Actor, By, Event, What};
use crate::jobs;
use crate::store::entity::audit_event::{Column, Entity};
use crate::store::shown::Shown;

async fn with_ada() -> Stage {
    let stage = Stage::new("");
    let left = stage.run("user add --email ada@example.com").await;
    assert_eq!(left.code, 0, "{left:?}");
    stage
}

#[tokio::test]
async fn what_was_done_is_shown_found_and_written_out() {
    let stage = with_ada().await;
    stage.run("user lock ada@example.com").await;

    let tail = stage.run("audit tail --event user.*").await;
    let names: Vec<_> = tail.out.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(names, ["user.created", "user.locked"], "{tail:?}");
    assert!(stage.run("audit tail -n 1").await.out.contains("user.locked"));

    let found = stage.run("audit search --target ada@example.com --event user.locked --json").await.json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["actor_kind"], "command");
    assert_eq!(stage.run("audit search --event apikey.* --json").await.json().as_array().unwrap().len(), 0);
    assert_eq!(stage.run("audit search --event key.generated --json").await.json().as_array().unwrap().len(), 3);
    assert_eq!(stage.run("audit search --event key.activated --json").await.json().as_array().unwrap().len(), 3);
    assert_eq!(stage.run("audit search --since 1h --event user.* --json").await.json().as_array().unwrap().len(), 2);
    assert_eq!(stage.run("audit search --until 1h --json").await.json().as_array().unwrap().len(), 0);
    let first = stage.run("audit search --limit 1 --event user.*").await;
    let cursor = first.aside.split_whitespace().last().unwrap();
    let rest = stage.run(&format!("audit search --after {cursor} --event user.* --json")).await.json();
    assert_eq!(rest[0]["event"], "user.created");

    assert_eq!(stage.run("audit export --event user.*").await.out.lines().count(), 2);
    let table = stage.run("audit export --format csv --event user.*").await.out;
    assert!(table.starts_with("id,time,event,severity,"), "{table}");
    assert_eq!(table.lines().count(), 3);
}

#[tokio::test]
async fn times_are_ages_days_or_moments_and_nothing_else() {
    let stage = with_ada().await;
    for (when, code) in [("2h", 0), ("2020-01-01", 0), ("2020-01-01T00:00:00Z", 0), ("yesterday", 2), ("2020-13-01", 2)]
    {
        assert_eq!(stage.run(&format!("audit search --since {when}")).await.code, code, "{when}");
    }
    assert_eq!(stage.run("audit search --after nowhere").await.code, 2);
}

#[tokio::test]
async fn a_spreadsheet_runs_no_formula_of_a_stranger() {
    let stage = with_ada().await;
    let app = stage.server().await;
    let by = By {
        actor: Actor::Anonymous,
        ip: None,
        user_agent: Some("=cmd|' /C calc'!A0".into()),
        reference: Some("a,\"b\"\nc".into()),
    };
    let what = What::new(Event::UserLoginFailed);
    crate::store::audit::append(app.store().write(), &by, what, app.store().now()).await.unwrap();

    let table = stage.run("audit export --format csv --event user.login_failed").await.out;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!((&row[10], &row[11]), ("'=cmd|' /C calc'!A0", "a,\"b\"\nc"));
    let tail = stage.run("audit search --event user.login_failed").await.out;
    assert_eq!(tail.lines().count(), 2, "a line end of a stranger ends no line: {tail}");
}

#[tokio::test]
async fn verify_says_what_is_wrong_and_its_exit_code_says_so_too() {
    let stage = with_ada().await;
    stage.run("user lock ada@example.com").await;
    let app = stage.server().await;

    let left = stage.run("audit verify").await;
    assert!(left.code == 0 && left.out.contains("rows are not chained yet"), "{left:?}");
    jobs::chain(&app).await.unwrap();
    let json = stage.run("audit verify --json").await.json();
    assert_eq!((json["intact"].as_bool(), json["waiting"].as_u64()), (Some(true), Some(0)), "{json}");
    let end = json["end"].as_str().unwrap().to_owned();

    stage.run("user unlock ada@example.com").await;
    jobs::chain(&app).await.unwrap();
    assert_eq!(stage.run(&format!("audit verify --through {end}")).await.code, 0);
    let left = stage.run(&format!("audit verify --through {}", end.replace(':', ":0"))).await;
    assert!(left.code == 1 && left.out.contains("does not go through"), "{left:?}");
    assert_eq!(stage.run("audit verify --through nonsense").await.code, 2);

    let first = Column::Seq.eq(2);
    let changed = Entity::update_many().col_expr(Column::Details, Expr::value("{\"a\":1}")).filter(first);
    changed.exec(app.store().write()).await.unwrap();
    let left = stage.run("audit verify").await;
    assert!(left.code == 1 && left.out.contains("BROKEN: row 2 ("), "{left:?}");
}

#[tokio::test]
async fn a_client_is_listed_while_it_is_shut_out_and_let_in_by_command() {
    let stage = with_ada().await;
    let app = stage.server().await;
    let rule = Ban { after: 1, per: time::Duration::MINUTE, lasts: time::Duration::HOUR };
    app.accounts.count_failure("192.0.2.7".parse().unwrap(), rule, &By::system()).await.unwrap();

    assert_eq!(stage.run("ban list --json").await.json()[0]["client"], "192.0.2.7");
    assert_eq!(stage.run("ban lift 192.0.2.8").await.code, 3);
    assert_eq!(stage.run("ban lift 192.0.2.7").await.code, 0);
    assert_eq!(stage.run("ban lift 192.0.2.7").await.code, 3);
    assert_eq!(stage.run("ban list --json").await.json().as_array().unwrap().len(), 0);
    let events = stage.run("audit search --event security.* --json").await.json();
    let names: Vec<_> = events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["security.ban_lifted", "security.ban"]);
}

#[tokio::test]
async fn a_reference_leads_to_the_error_and_to_what_happened_with_it() {
    let stage = with_ada().await;
    let app = stage.server().await;
    let reference = "0198c7c2-f3a4-7b4e-9d0a-5f6e7d8c9b0a";
    let shown = Shown {
        reference: reference.into(),
        at: app.store().now(),
        code: "CS-H099 internal".into(),
        status: 500,
        route: "/login".into(),
        cause: "a handler\npanicked".into(),
    };
    assert!(app.house.shown.note(None, shown));
    jobs::watch(&app).await.unwrap();
    let by = By { reference: Some(reference.into()), ..By::system() };
    crate::store::audit::append(app.store().write(), &by, What::new(Event::UserLoginFailed), app.store().now())
        .await
        .unwrap();

    let left = stage.run(&format!("error urn:uuid:{}", reference.to_uppercase())).await;
    assert_eq!(left.code, 0, "{left:?}");
    assert!(left.out.contains("CS-H099 internal (500)") && left.out.contains("user.login_failed"), "{left:?}");
    assert!(left.out.contains("a handler\u{fffd}panicked"), "{left:?}");
    let json = stage.run(&format!("error {reference} --json")).await.json();
    assert_eq!((&json["error"]["status"], &json["events"][0]["reference"]), (&500.into(), &reference.into()));
    assert_eq!(stage.run("error 0198c7c2-0000-7000-8000-000000000000").await.code, 3);
}
