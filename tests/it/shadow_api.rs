//! What observers would change, through the admin API: of a provider for administrators, of a service for those who administer it.

use serde_json::{Value, json};

use super::api_keys::add;
use super::stage::{House, Reply, Stage, made};
use crate::jobs;
use crate::store::api_keys::Owner;
use crate::store::shadows::Differing;

const FILE: &str = r#"
[roles.wiki-admins]
[permissions.next]
kind = "static"
observe = true
roles = { member = ["wiki:new"] }
[permissions.other]
kind = "static"
observe = true
[services.wiki]
permissions = ["house", "next"]
admins = ["wiki-admins"]
[services.shop]
permissions = ["house", "next", "other"]
"#;

fn row(provider: &str, service: &str, permission: &str, last_at: i64) -> Differing {
    Differing {
        provider: provider.into(),
        service: service.into(),
        who: "robot".into(),
        permission: permission.into(),
        was: "nothing".into(),
        would: "granted".into(),
        first_at: 1_577_836_800,
        last_at: 1_577_836_800 + last_at,
        times: 2,
    }
}

/// The house with five differences of `next` and one of `other`, and a key of an administrator.
async fn stage() -> (Stage, String) {
    let stage = Stage::with(FILE).await;
    let rows = vec![
        row("next", "wiki", "a", 10),
        row("next", "wiki", "b", 20),
        row("next", "wiki", "c", 20),
        row("next", "shop", "a", 20),
        row("next", "shop", "z", 5),
        row("other", "wiki", "a", 30),
    ];
    stage.app.house.chain_state.notes.differ(rows);
    jobs::note(&stage.app).await.unwrap();
    let boss = made(&stage, "boss", &["admin"]).await.id;
    let key = add(&stage, &Owner::User(boss), &["permissions:read"]).await.key.reveal().to_owned();
    (stage, key)
}

async fn ask(house: &House, key: &str, path: &str) -> Reply {
    house.get(&format!("/api/v1/{path}")).bearer(key).await
}

fn names(page: &Value) -> Vec<String> {
    let rows = page["differences"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", row["service"].as_str().unwrap(), row["permission"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn it_is_what_the_command_line_says() {
    let (stage, key) = stage().await;

    let mut told = ask(&stage, &key, "permissions/shadow?provider=next").await.json();

    assert_eq!(told.as_object_mut().unwrap().remove("next"), Some(Value::Null));
    let mut said = serde_json::to_value(stage.app.shadow("next").await.unwrap()).unwrap();
    said["observes"] = json!(true);
    assert_eq!(told, said);
    assert_eq!(names(&told), ["shop a", "wiki b", "wiki c", "wiki a", "shop z"], "what showed last comes first");
    let never = ask(&stage, &key, "permissions/shadow?provider=house").await.json();
    let nothing = json!({ "asked": 0, "agreed": 0, "differed": 0, "failed": 0 });
    assert_eq!((&never["observes"], &never["counts"], &never["since"]), (&json!(false), &nothing, &Value::Null));
}

#[tokio::test]
async fn pages_of_any_size_come_to_the_same_list() {
    let (stage, key) = stage().await;
    for (size, pages) in [(1, 5), (2, 3), (5, 1), (200, 1)] {
        let (mut found, mut cursor, mut asked) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("permissions/shadow?provider=next&page_size={size}{cursor}");
            let page = ask(&stage, &key, &path).await.json();
            found.extend(names(&page));
            asked += 1;
            assert!(asked <= pages, "{size}: {found:?}");
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!((asked, found.join(", ").as_str()), (pages, "shop a, wiki b, wiki c, wiki a, shop z"), "{size}");
    }
    let first = ask(&stage, &key, "permissions/shadow?provider=next&page_size=1").await.json();
    let cursor = first["next"].as_str().unwrap();
    let elsewhere = ask(&stage, &key, &format!("permissions/shadow?provider=other&cursor={cursor}")).await;
    assert_eq!((elsewhere.status, elsewhere.problem().as_str()), (400, "bad-request"));
    let wiki = ask(&stage, &key, "permissions/shadow?provider=next&service=wiki").await.json();
    assert_eq!(names(&wiki), ["wiki b", "wiki c", "wiki a"]);
}

#[tokio::test]
async fn what_cannot_be_listed_is_a_problem() {
    let (stage, key) = stage().await;
    for (query, status, problem) in [
        ("", 400, "bad-request"),
        ("?provider=next&page_size=0", 400, "bad-request"),
        ("?provider=next&page_size=201", 400, "bad-request"),
        ("?provider=next&cursor=x", 400, "bad-request"),
        ("?provider=nobody", 404, "not-found"),
        ("?provider=next&service=wikki", 404, "service-unknown"),
    ] {
        let reply = ask(&stage, &key, &format!("permissions/shadow{query}")).await;
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{query}");
    }
}

#[tokio::test]
async fn who_administers_one_service_sees_its_differences_and_no_others() {
    let (stage, _) = stage().await;
    let wanda = made(&stage, "wanda", &["wiki-admins"]).await.id;
    let key = add(&stage, &Owner::User(wanda), &["administer:wiki"]).await.key.reveal().to_owned();

    let told = ask(&stage, &key, "services/wiki/shadow").await.json();

    assert_eq!(names(&told), ["wiki b", "wiki c", "wiki a"], "`other` does not run in the wiki");
    assert!(told.get("counts").is_none(), "they are of all services: {told}");
    let part = ask(&stage, &key, "services/wiki/shadow?page_size=2").await.json();
    let cursor = part["next"].as_str().unwrap();
    let rest = ask(&stage, &key, &format!("services/wiki/shadow?page_size=2&cursor={cursor}")).await.json();
    assert_eq!((names(&part), names(&rest)), (vec!["wiki b".into(), "wiki c".into()], vec!["wiki a".into()]));
    for (path, status, problem) in [
        ("services/shop/shadow", 404, "not-found"),
        ("services/nosuch/shadow", 404, "not-found"),
        ("permissions/shadow?provider=next", 403, "scope-missing"),
        ("permissions/shadow?provider=next&service=wiki", 403, "scope-missing"),
        ("services/wiki/shadow?page_size=201", 400, "bad-request"),
    ] {
        let reply = ask(&stage, &key, path).await;
        assert_eq!((reply.status, reply.problem().as_str()), (status, problem), "{path}");
    }
}
