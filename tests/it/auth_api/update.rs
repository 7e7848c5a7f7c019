//! `POST /auth/update`: the username, once.

use serde_json::{Value, json};

use crate::it::stage::{House, Stage};

fn failure(error: &str) -> Value {
    json!({ "success": false, "error": error })
}

/// Signs somebody in and returns their login token.
async fn arrive(stage: &Stage, name: &str) -> String {
    stage.upstream_knows(name, &format!("{name}@example.org"));
    stage.browser().login_token().await
}

async fn wish(house: &House, token: &str, name: &str) -> Value {
    let reply = house.post("/auth/update").bearer(token).form(&[("username", name)]).await;
    assert_eq!(reply.status, 200);
    reply.json()
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_so() {
    let stage = Stage::open().await;

    for (query, error) in
        [("", "No token"), ("?jwt=", "No token"), ("?jwt=undefined", "No token"), ("?jwt=x.y.z", "Not authenticated")]
    {
        let reply = stage.post(&format!("/auth/update{query}")).form(&[("username", "ada")]).await;
        assert_eq!((reply.status, reply.json()), (200, failure(error)), "{query}");
    }
}

#[tokio::test]
async fn the_owner_chooses_the_username_once() {
    let stage = Stage::open().await;
    let token = arrive(&stage, "ada").await;

    assert_eq!(wish(&stage, &token, "Countess").await, json!({ "success": true }));
    assert_eq!(wish(&stage, &token, "duchess").await, failure("Cannot modify username, already set"));

    assert_eq!(stage.user("ada@example.org").await.username.as_deref(), Some("Countess"));
    let resolved = stage.get("/auth/resolve?username=cOUNTESS").await.json();
    assert_eq!(resolved["userid"], stage.user("ada@example.org").await.id.to_string());
    assert_eq!(
        stage.get("/auth/resolve?username=ada").await.json(),
        json!({ "userid": null }),
        "the name given at first is free"
    );
    arrive(&stage, "ada").await;
    assert_eq!(stage.user("ada@example.org").await.username.as_deref(), Some("Countess"), "a login changes nothing");
}

#[tokio::test]
async fn the_username_is_read_from_query_form_and_json_and_nothing_else_is_written() {
    let stage = Stage::open().await;
    let extra = [
        ("email", "evil@example.org"),
        ("id", "1"),
        ("role", "admin"),
        ("roles", "admin"),
        ("is_admin", "true"),
        ("email_verified", "true"),
        ("provider", "x"),
        ("permissions", "*"),
        ("join_date", "x"),
    ];
    for (name, way) in [("q", "query"), ("f", "form"), ("j", "json"), ("n", "none")] {
        let (person, chosen) = (format!("{name}-person"), format!("{name}-chosen"));
        let token = arrive(&stage, &person).await;
        let before = stage.user(&format!("{person}@example.org")).await;
        let mut fields: Vec<(&str, &str)> = extra.into();
        if way != "none" {
            fields.push(("username", &chosen));
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let object: serde_json::Map<_, _> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let ask = match way {
            "query" => stage.post(&format!("/auth/update?{query}")),
            "form" => stage.post("/auth/update").form(&fields),
            _ => stage.post("/auth/update").json(&Value::Object(object)),
        };
        assert_eq!(ask.bearer(&token).await.json(), json!({ "success": true }), "{way}");
        let after = stage.user(&format!("{person}@example.org")).await;
        let expected = if way == "none" { before.username.clone() } else { Some(chosen) };
        assert_eq!(after.username, expected);
        assert_eq!(crate::domain::user::User { username: before.username.clone(), ..after }, before);
    }
}

#[tokio::test]
async fn bodies_of_other_kinds_and_two_tokens_are_refused() {
    let stage = Stage::open().await;
    let token = arrive(&stage, "ada").await;

    for media in ["text/plain", "multipart/form-data; boundary=x", "application/xml"] {
        let reply = stage.post("/auth/update").bearer(&token).body(media, r#"{"username":"x1"}"#).await;
        assert_eq!((reply.status, reply.problem().as_str()), (415, "unsupported-media-type"), "{media}");
    }
    let untyped = stage.post("/auth/update").bearer(&token);
    let mut reply = untyped.form(&[]).await;
    assert_eq!(reply.json(), json!({ "success": true }));
    reply = stage.post(&format!("/auth/update?jwt={token}")).form(&[("jwt", &token), ("username", "x1")]).await;
    assert_eq!(reply.status, 400);
    reply = stage
        .post("/auth/update")
        .bearer(&token)
        .body("application/json", r#"{"username":"x1","username":"x2"}"#)
        .await;
    assert_eq!(reply.status, 400);
    reply = stage.get(&format!("/auth/update?username=x1&jwt={token}")).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(stage.user("ada@example.org").await.username.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_cookie_is_no_token_here() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.sign_in().await;

    ada.post_from_elsewhere("/auth/update", &[("username", "mallory")]).await;
    assert_eq!(ada.last.json(), failure("No token"));
    let own = ada.asks("POST", "/auth/update").form(&[("username", "mallory")]).await;
    assert_eq!(own.json(), failure("No token"));
    assert_eq!(stage.user("ada@example.org").await.username.as_deref(), Some("ada"));
}

#[tokio::test]
async fn a_username_that_is_taken_or_no_username_is_refused() {
    let stage = Stage::open().await;
    let ada = arrive(&stage, "ada").await;
    let bob = arrive(&stage, "bob").await;

    for taken in ["bob", "BOB", "Bob"] {
        assert_eq!(wish(&stage, &ada, taken).await, failure("Username taken"), "{taken}");
    }
    let long = "a".repeat(32);
    for bad in ["a", "admin", "ADMIN", "undefined", "-ada", ".ada", "ada.", "a b", "ad\u{e4}", "a/b", "<b>", &long] {
        assert_eq!(wish(&stage, &ada, bad).await, failure("Username not allowed"), "{bad}");
    }
    assert_eq!(wish(&stage, &ada, &"a".repeat(31)).await, json!({ "success": true }));
    assert_eq!(wish(&stage, &bob, "ada").await, json!({ "success": true }), "the name Ada had is free again");
}

#[tokio::test]
async fn the_file_says_who_may_choose() {
    for (rule, first, second) in [
        ("free", json!({ "success": true }), json!({ "success": true })),
        ("admin", failure("Username not allowed"), failure("Username not allowed")),
        ("off", failure("Username not allowed"), failure("Username not allowed")),
    ] {
        let stage = Stage::with(&format!("[login]\nusername = \"{rule}\"")).await;
        let token = arrive(&stage, "ada").await;
        assert_eq!(wish(&stage, &token, "one").await, first, "{rule}");
        assert_eq!(wish(&stage, &token, "two").await, second, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_wishes_at_once_in_two_processes_one_comes_true() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let token = arrive(&stage, "ada").await;

    let wishes = (0..20).map(|number| {
        let house = if number % 2 == 0 { (*stage).clone() } else { twin.clone() };
        let token = token.clone();
        tokio::spawn(async move { wish(&house, &token, &format!("wish-{number}")).await })
    });
    let mut granted = 0;
    for answer in wishes.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            yes if yes == json!({ "success": true }) => granted += 1,
            no => assert_eq!(no, failure("Cannot modify username, already set")),
        }
    }
    assert_eq!(granted, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_wish_for_one_name_at_once_one_has_it() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let mut wishes = Vec::new();
    for number in 0..20 {
        let token = arrive(&stage, &format!("person-{number}")).await;
        let house = if number % 2 == 0 { (*stage).clone() } else { twin.clone() };
        wishes.push(async move { wish(&house, &token, if number % 3 == 0 { "PRIZE" } else { "prize" }).await });
    }
    let running: Vec<_> = wishes.into_iter().map(tokio::spawn).collect();
    let mut granted = 0;
    for answer in running {
        match answer.await.unwrap() {
            yes if yes == json!({ "success": true }) => granted += 1,
            no => assert_eq!(no, failure("Username taken")),
        }
    }
    assert_eq!(granted, 1);
}
