//! `/api/v1` for administrators' programs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api_keys::add;
use super::stage::{self, Ask, House, Reply, Stage, set_roles};
use crate::domain::audit::By;
use crate::domain::id::UserId;
use crate::domain::scope::{Holder, Scope};
use crate::http::openapi::document;
use crate::store::api_keys::Owner;

const ALL: [&str; 6] =
    ["users:read", "users:write", "roles:write", "permissions:read", "audit:read", "invitations:write"];

/// Who needs what: method, path, scope.
const RIGHTS: [(&str, &str, &str); 34] = [
    ("get", "/api/v1/users", "users:read"),
    ("post", "/api/v1/users", "users:write"),
    ("get", "/api/v1/users/{who}", "users:read"),
    ("patch", "/api/v1/users/{who}", "users:write"),
    ("delete", "/api/v1/users/{who}", "users:write"),
    ("get", "/api/v1/users/{who}/export", "users:write"),
    ("post", "/api/v1/users/{who}/lock", "users:write"),
    ("post", "/api/v1/users/{who}/unlock", "users:write"),
    ("post", "/api/v1/users/{who}/verify", "users:write"),
    ("post", "/api/v1/users/{who}/reset", "users:write"),
    ("post", "/api/v1/users/{who}/reset-factors", "users:write"),
    ("get", "/api/v1/users/{who}/sessions", "users:read"),
    ("delete", "/api/v1/users/{who}/sessions", "users:write"),
    ("delete", "/api/v1/users/{who}/sessions/{session}", "users:write"),
    ("get", "/api/v1/users/{who}/identities", "users:read"),
    ("delete", "/api/v1/users/{who}/identities/{provider}", "users:write"),
    ("post", "/api/v1/users/{who}/merge", "users:write"),
    ("post", "/api/v1/users/{who}/unmerge", "users:write"),
    ("put", "/api/v1/users/{who}/roles/{role}", "roles:write"),
    ("delete", "/api/v1/users/{who}/roles/{role}", "roles:write"),
    ("get", "/api/v1/roles", "users:read"),
    ("get", "/api/v1/permissions/explain", "permissions:read"),
    ("get", "/api/v1/permissions/shadow", "permissions:read"),
    ("get", "/api/v1/invitations", "invitations:write"),
    ("post", "/api/v1/invitations", "invitations:write"),
    ("delete", "/api/v1/invitations/{id}", "invitations:write"),
    ("get", "/api/v1/audit", "audit:read"),
    ("get", "/api/v1/services", "permissions:read"),
    ("get", "/api/v1/services/{service}/shadow", "administer:wiki"),
    ("get", "/api/v1/services/{service}/roles", "administer:wiki"),
    ("get", "/api/v1/services/{service}/roles/{role}", "administer:wiki"),
    ("put", "/api/v1/services/{service}/roles/{role}/{who}", "administer:wiki"),
    ("delete", "/api/v1/services/{service}/roles/{role}/{who}", "administer:wiki"),
    ("delete", "/api/v1/services/{service}/sessions/{who}", "administer:wiki"),
];

async fn made(house: &House, name: &str, roles: &[&str]) -> UserId {
    stage::made(house, name, roles).await.id
}

/// A key of an administrator, for everything.
async fn of_admin(house: &House) -> (UserId, String) {
    let id = made(house, "boss", &["admin"]).await;
    (id, add(house, &Owner::User(id), &ALL).await.key.reveal().to_owned())
}

fn ask(house: &House, method: &str, path: &str, body: Option<&Value>) -> Ask {
    let ask = house.ask(method, path);
    match body {
        Some(body) => ask.json(body),
        None => ask,
    }
}

async fn get(house: &House, key: &str, path: &str) -> Reply {
    house.get(path).bearer(key).await
}

async fn post(house: &House, key: &str, path: &str, body: &Value) -> Reply {
    house.post(path).bearer(key).json(body).await
}

fn filled(path: &str) -> String {
    let path = path.replace("{who}", "nobody%40example.com").replace("{role}", "member").replace("{provider}", "sso");
    path.replace("{session}", "ses_1").replace("{id}", "inv_1").replace("{service}", "wiki")
}

fn body(method: &str, path: &str) -> Option<Value> {
    match (method, path) {
        ("post", "/api/v1/invitations") => Some(json!({ "email": "guest@example.com" })),
        ("post", "/api/v1/users") => Some(json!({ "email": "new@example.com" })),
        ("post", path) if path.ends_with("/merge") => Some(json!({ "into": "nobody" })),
        ("patch", _) => Some(json!({})),
        _ => None,
    }
}

#[test]
fn every_route_has_a_row_of_rights() {
    let document: Value = serde_json::from_str(&document("https://auth.example")).unwrap();
    let ours = |path: &str| {
        ["users", "roles", "permissions/explain", "permissions/shadow", "invitations", "audit", "services"]
            .iter()
            .any(|area| path.starts_with(&format!("/api/v1/{area}")))
    };
    let paths = document["paths"].as_object().unwrap();
    let routes = paths
        .iter()
        .filter(|(path, _)| ours(path))
        .flat_map(|(path, all)| all.as_object().unwrap().keys().map(move |method| (method.as_str(), path.as_str())));

    let known: BTreeSet<_> = RIGHTS.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(routes.collect::<BTreeSet<_>>(), known);
}

#[tokio::test]
async fn each_route_opens_for_the_one_scope_it_needs_and_for_nobody_else() {
    let stage = Stage::with(
        "[roles.wiki-admins]\n[roles.wiki-editor]\n\
         [services.wiki]\nadmins = [\"wiki-admins\"]\nroles = [\"wiki-editor\"]",
    )
    .await;
    let (boss, _) = of_admin(&stage).await;
    let steward = Owner::User(made(&stage, "steward", &["wiki-admins"]).await);
    let steward = add(&stage, &steward, &["administer:wiki"]).await.key.reveal().to_owned();
    let plain = Owner::User(made(&stage, "ada", &["member"]).await);
    let plain = add(&stage, &plain, &["authorize"]).await.key.reveal().to_owned();
    let mut keys = Vec::new();
    for scope in Scope::WORDS {
        for (owner, holder) in [(Owner::User(boss), Holder::Admin), (Owner::Service("wiki".into()), Holder::Service)] {
            if scope.is_for(holder) {
                let key = add(&stage, &owner, &[&scope.to_string()]).await.key.reveal().to_owned();
                keys.push((scope.to_string(), key));
            }
        }
    }

    for (method, path, needed) in RIGHTS {
        let (at, body) = (filled(path), body(method, path));
        let nobody = ask(&stage, &method.to_uppercase(), &at, body.as_ref()).await;
        assert_eq!((nobody.status, nobody.problem().as_str()), (401, "api-key-refused"), "{method} {path}");
        let person = ask(&stage, &method.to_uppercase(), &at, body.as_ref()).bearer(&plain).await;
        assert_eq!((person.status, person.problem().as_str()), (403, "scope-missing"), "{method} {path}");
        let delegated = ask(&stage, &method.to_uppercase(), &at, body.as_ref()).bearer(&steward).await;
        let is_open = !(delegated.status == 403 && delegated.problem() == "scope-missing");
        assert_eq!(is_open, needed == "administer:wiki", "{method} {path}: {} {}", delegated.status, delegated.body);
        for (scope, key) in &keys {
            let reply = ask(&stage, &method.to_uppercase(), &at, body.as_ref()).bearer(key).await;
            let refused = reply.status == 403 && reply.problem() == "scope-missing";
            assert_eq!(refused, scope != needed, "{method} {path} {scope}: {} {}", reply.status, reply.body);
        }
    }
}

#[tokio::test]
async fn whoever_is_no_admin_any_more_has_a_key_for_nothing() {
    let stage = Stage::open().await;
    let (boss, key) = of_admin(&stage).await;
    assert_eq!(get(&stage, &key, "/api/v1/users").await.status, 200);

    set_roles(stage.app.store(), boss, &["member"]).await;

    let reply = get(&stage, &key, "/api/v1/users").await;
    assert!(matches!(reply.status, 401 | 403), "{}", reply.status);
}

#[tokio::test]
async fn networks_and_second_factors_are_asked_for_where_the_file_says_so() {
    let stage = Stage::with("[admin]\nallowed_networks = [\"10.0.0.0/8\"]\nrequire_mfa = true").await;
    let (_, key) = of_admin(&stage).await;
    let service = add(&stage, &Owner::Service("wiki".into()), &["users:read"]).await.key.reveal().to_owned();

    assert_eq!(get(&stage, &key, "/api/v1/users").await.problem(), "network-refused");
    assert_eq!(stage.get("/api/v1/users").bearer(&key).from("10.1.2.3").await.problem(), "admin-needs-factor");
    assert_eq!(stage.get("/api/v1/users").bearer(&service).from("10.1.2.3").await.status, 200);
    assert_eq!(stage.get("/api/v1/users").bearer(&service).from("11.1.2.3").await.problem(), "network-refused");
}

#[tokio::test]
async fn pages_have_their_size_and_cursors_belong_to_their_list() {
    let stage = Stage::open().await;
    let (_, key) = of_admin(&stage).await;
    for name in ["ada", "ben", "cy"] {
        made(&stage, name, &["member"]).await;
    }
    for wrong in ["0", "-1", "201", "1000000000", "1e3", "x", "1000000000000000000", ""] {
        let reply = get(&stage, &key, &format!("/api/v1/users?page_size={wrong}")).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad-request"), "{wrong}");
    }
    for right in ["1", "200"] {
        assert_eq!(get(&stage, &key, &format!("/api/v1/users?page_size={right}")).await.status, 200);
    }

    let (mut names, mut at) = (Vec::new(), "/api/v1/users?role=member&page_size=2".to_owned());
    let first = get(&stage, &key, &at).await.json()["next"].as_str().unwrap().to_owned();
    loop {
        let page = get(&stage, &key, &at).await.json();
        names
            .extend(page["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        at = format!("/api/v1/users?role=member&page_size=2&cursor={next}");
    }
    assert_eq!(names, ["ada", "ben", "cy"]);

    for (list, cursor) in [
        ("/api/v1/users?page_size=2", first.as_str()),
        ("/api/v1/users?role=admin", &first),
        ("/api/v1/audit?", &first),
        ("/api/v1/users?role=member", &format!("{first}A")),
        ("/api/v1/users?role=member", "usr_0198c7c2f3a47b4e9d0a5f6e7d8c9b0a"),
        ("/api/v1/users?role=member", ""),
    ] {
        let reply = get(&stage, &key, &format!("{list}&cursor={cursor}")).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad-request"), "{list} {cursor}");
    }
}

#[tokio::test]
async fn nothing_in_a_parameter_is_anything_to_the_database() {
    let stage = Stage::open().await;
    let (_, key) = of_admin(&stage).await;
    for probe in ["'", "\"", "';--", "%25", "_", "\\", "' or '1'='1", "$1", "?1", "${x}", "{}", "*/*", "%F0%9F%92%A3"] {
        let probe = probe.replace(' ', "%20").replace('"', "%22").replace('\\', "%5C").replace(['{', '}'], "%7B");
        for parameter in ["search", "role", "provider"] {
            let reply = get(&stage, &key, &format!("/api/v1/users?{parameter}={probe}")).await;
            assert_eq!(reply.status, 200, "{parameter}={probe}: {}", reply.body);
            assert_eq!(reply.json()["users"], json!([]), "{parameter}={probe}");
        }
        for parameter in ["actor", "target", "event", "service", "reference"] {
            let reply = get(&stage, &key, &format!("/api/v1/audit?{parameter}={probe}")).await;
            assert_eq!((reply.status, &reply.json()["events"]), (200, &json!([])), "{parameter}={probe}");
        }
        let reply = get(&stage, &key, &format!("/api/v1/users/{probe}")).await;
        assert!(matches!(reply.status, 400 | 404), "{probe}: {}", reply.status);
    }
}

#[tokio::test]
async fn an_edit_minds_the_tag_and_takes_only_what_is_its_own() {
    let stage = Stage::open().await;
    let (_, key) = of_admin(&stage).await;
    let ada = made(&stage, "ada", &["member"]).await;
    let path = format!("/api/v1/users/{ada}");
    let shown = get(&stage, &key, &path).await;
    let tag = shown.header("etag").unwrap().to_owned();
    let change = |body: Value| stage.ask("PATCH", "/api/v1/users/ada").bearer(&key).json(&body);

    let edited = change(json!({ "name": null, "extra": { "a": { "b": 1 }, "c": 2 } })).header("if-match", &tag).await;
    assert_eq!((edited.status, &edited.json()["name"]), (200, &Value::Null));
    let late = change(json!({ "name": "Ada" })).header("if-match", &tag).await;
    assert_eq!((late.status, late.problem().as_str()), (412, "stale"));
    let edited = change(json!({ "extra": { "a": null } })).header("if-match", "*").await.json();
    assert_eq!(edited["extra"], json!({ "c": 2 }));
    assert_eq!(change(json!({ "username": "BOSS" })).await.problem(), "conflict");
    for not_its_own in
        ["roles", "role", "is_admin", "locked_at", "password_hash", "mfa", "user_id", "id", "version", "groups"]
    {
        let reply = change(json!({ not_its_own: ["admin"] })).await;
        assert_eq!((reply.status, reply.problem().as_str()), (400, "bad-request"), "{not_its_own}");
    }
    for (field, wrong) in
        [("name", json!(" ")), ("username", json!("admin")), ("avatar_url", json!("http://x")), ("extra", json!([]))]
    {
        assert_eq!(change(json!({ field: wrong })).await.status, 400, "{field}");
    }
    assert_eq!(get(&stage, &key, &path).await.json()["roles"], json!(["member"]));
}

#[tokio::test]
async fn deeds_have_their_guards_here_too() {
    let stage = Stage::open().await;
    let (boss, key) = of_admin(&stage).await;
    made(&stage, "ada", &["member"]).await;
    let service = add(&stage, &Owner::Service("wiki".into()), &ALL).await.key.reveal().to_owned();
    let nothing = json!({});

    for (method, path) in [("POST", "/lock"), ("DELETE", ""), ("DELETE", "/roles/admin")] {
        let path = format!("/api/v1/users/{boss}{path}");
        assert_eq!(stage.ask(method, &path).bearer(&key).await.problem(), "deed-refused", "oneself: {method} {path}");
        assert_eq!(stage.ask(method, &path).bearer(&service).await.problem(), "deed-refused", "above: {method} {path}");
    }
    let grant = |key: &str, role: &str| stage.ask("PUT", &format!("/api/v1/users/ada/roles/{role}")).bearer(key);
    assert_eq!(grant(&service, "admin").await.problem(), "deed-refused");
    assert_eq!(grant(&service, "guest").await.problem(), "deed-refused");
    assert_eq!(grant(&key, "boss").await.problem(), "bad-request");
    assert_eq!(grant(&key, "guest").await.json(), json!({ "changed": true }));
    assert_eq!(grant(&key, "guest").await.json(), json!({ "changed": false }));
    assert_eq!(post(&stage, &service, "/api/v1/users/ada/lock", &nothing).await.json(), json!({ "changed": true }));
    assert_eq!(post(&stage, &service, "/api/v1/users/ada/unlock", &nothing).await.json(), json!({ "changed": true }));

    let new = json!({ "email": "new@example.com", "roles": ["guest"] });
    assert_eq!(post(&stage, &service, "/api/v1/users", &new).await.problem(), "deed-refused");
    assert_eq!(post(&stage, &key, "/api/v1/users", &new).await.status, 201);
    assert_eq!(post(&stage, &key, "/api/v1/users", &new).await.problem(), "address-taken");

    let events = get(&stage, &key, "/api/v1/audit?event=user.*").await.json();
    let newest = &events["events"][0];
    assert_eq!((&newest["event"], &newest["actor_kind"]), (&json!("user.created"), &json!("key")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_a_key_of_its_own_acts_once() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (_, key) = of_admin(&stage).await;
    let new = json!({ "email": "new@example.com", "name": "New" });
    let send = |house: &House, once: &str, body: &Value| {
        house.post("/api/v1/users").bearer(&key).header("idempotency-key", once).json(body)
    };

    let (one, other) = tokio::join!(send(&stage, "a", &new), send(&twin, "a", &new));
    let statuses = BTreeSet::from([one.status, other.status]);
    assert!(statuses.contains(&201) && statuses.is_subset(&BTreeSet::from([201, 409])), "{statuses:?}");
    let again = send(&twin, "a", &new).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    let first = if one.status == 201 { one } else { other };
    assert_eq!(again.json(), first.json());

    assert_eq!(send(&stage, "a", &json!({ "email": "other@example.com" })).await.problem(), "idempotency-key-reused");
    assert_eq!(send(&stage, "b", &new).await.problem(), "address-taken");
    assert_eq!(send(&stage, "b", &json!({ "email": "b@example.com" })).await.status, 201, "what failed is free again");
    for wrong in ["", "a b", &"x".repeat(201)] {
        assert_eq!(send(&stage, wrong, &new).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn accounts_are_merged_and_parted_by_the_api() {
    let stage = Stage::open().await;
    let (_, key) = of_admin(&stage).await;
    let (old, ada) = (made(&stage, "old", &[]).await, made(&stage, "ada", &[]).await);

    let dry = post(&stage, &key, "/api/v1/users/old/merge", &json!({ "into": "ada", "dry_run": true })).await.json();
    assert_eq!((&dry["addresses"], &dry["undo_until"]), (&json!(["old@example.com"]), &Value::Null));
    assert_eq!(get(&stage, &key, &format!("/api/v1/users/{old}")).await.json()["id"], old.to_string());
    let merged = post(&stage, &key, "/api/v1/users/old/merge", &json!({ "into": "ada@example.com" })).await;
    assert_eq!(merged.status, 200, "{}", merged.body);
    let found = get(&stage, &key, &format!("/api/v1/users/{old}")).await.json();
    assert_eq!((&found["id"], &found["old_ids"]), (&json!(ada), &json!([old])));
    let parted = post(&stage, &key, &format!("/api/v1/users/{old}/unmerge"), &json!({})).await.json();
    assert_eq!(parted, json!({ "was_in": ada }));
    let again = post(&stage, &key, &format!("/api/v1/users/{old}/unmerge"), &json!({})).await;
    assert_eq!(again.problem(), "conflict");
}

#[tokio::test]
async fn somebody_is_invited_once_and_listed_until_it_is_taken_back() {
    let stage = Stage::open().await;
    let (_, key) = of_admin(&stage).await;
    let limited = add(&stage, &Owner::Service("wiki".into()), &["invitations:write"]).await.key.reveal().to_owned();
    let whom = json!({ "email": "new@example.com", "service": "wiki", "days": 2 });

    let made = post(&stage, &key, "/api/v1/invitations", &whom).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.json()["link"].as_str().unwrap().contains("/invite/"));
    assert!(stage.letter_to("new@example.com").await.is_some());
    for (wrong, problem) in [
        (json!({ "email": "nobody" }), "bad-request"),
        (json!({ "email": "a@example.com", "days": 0 }), "bad-request"),
        (json!({ "email": "a@example.com", "days": 31 }), "bad-request"),
        (json!({ "email": "a@example.com", "service": "none" }), "bad-request"),
        (json!({ "email": "boss@example.com" }), "address-taken"),
    ] {
        assert_eq!(post(&stage, &key, "/api/v1/invitations", &wrong).await.problem(), problem, "{wrong}");
    }
    let with_role = json!({ "email": "a@example.com", "roles": ["admin"] });
    assert_eq!(post(&stage, &limited, "/api/v1/invitations", &with_role).await.problem(), "scope-missing");

    let listed = get(&stage, &key, "/api/v1/invitations").await.json();
    assert_eq!(listed["invitations"].as_array().unwrap().len(), 1);
    let id = listed["invitations"][0]["id"].as_str().unwrap();
    let revoke = async || stage.ask("DELETE", &format!("/api/v1/invitations/{id}")).bearer(&key).await.json();
    assert_eq!((revoke().await, revoke().await), (json!({ "changed": true }), json!({ "changed": false })));
}

#[tokio::test]
async fn a_proven_address_of_the_file_administrates_from_the_next_sign_in() {
    let stage = Stage::with("[admin]\nemails = [\"ada@example.org\"]").await;
    stage.upstream_knows("ben", "ben@example.org");
    stage.browser().sign_in().await;
    stage.upstream_knows("ada", "ada@example.org");
    stage.browser().sign_in().await;

    assert!(stage.user("ada@example.org").await.roles.contains(&"admin".to_owned()));
    assert!(!stage.user("ben@example.org").await.roles.contains(&"admin".to_owned()));
    let unproven = made(&stage, "cy", &[]).await;
    let cy = stage.app.store().user(unproven).await.unwrap().unwrap();
    let emails = ["cy@example.com".parse().unwrap()];
    let change = crate::account::administration::Change { verified: Some(false), ..Default::default() };
    let (caller, by) = (crate::account::administration::Caller::command(), By::command());
    let office = crate::account::administration::Office::new(&stage.app.accounts, &stage.app.settings, &caller, &by);
    let changed = office.edit(cy.id, change, None).await.unwrap();
    assert!(stage.app.accounts.promoted(&changed, &emails, &by).await.unwrap().is_none(), "it is not proven");
    assert!(stage.app.accounts.promoted(&cy, &emails, &by).await.unwrap().is_none(), "what the database says counts");
    office.verify(cy.id).await.unwrap();
    assert!(stage.app.accounts.promoted(&cy, &emails, &by).await.unwrap().is_some());
}

#[tokio::test]
async fn a_program_mails_the_link_to_another_password_and_never_sees_it() {
    let stage = Stage::open().await;
    let (_, key) = of_admin(&stage).await;
    made(&stage, "ada", &[]).await;

    let reply = stage.post("/api/v1/users/ada/reset").bearer(&key).await;

    assert_eq!((reply.status, reply.json()), (200, json!({ "changed": true })), "{}", reply.body);
    assert!(stage.letter_to("ada@example.com").await.unwrap().text.contains("/login/reset?token="));
    assert_eq!(stage.post("/api/v1/users/nobody/reset").bearer(&key).await.status, 404);
}
