//! `GET /auth/authorize`.

use axum::Router;
use serde_json::{Value, json};
use time::Duration;

use crate::it::stage::Stage;
use crate::it::stage::request::{claims_of, header_of};

const HTTP: &str = r#"
[permissions.far]
kind = "http"
url = "https://permissions.test/ask"
secret = "a secret of 16 bytes or more"
[services.wiki]
permissions = ["far"]
"#;

/// A permission provider that always says this.
fn says(stage: &Stage, answer: &Value) {
    let answer = answer.to_string();
    let fallback = move || async move { ([("content-type", "application/json")], answer) };
    stage.internet.host("permissions.test", Router::new().fallback(fallback));
}

#[tokio::test]
async fn a_service_gets_a_token_that_says_who_and_what() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let answer = reply.json();
    let issued = answer["token"].as_str().unwrap();
    let (header, claims) = (header_of(issued), claims_of(issued));
    let user = stage.user("ada@example.org").await.id.to_string();
    assert_eq!(
        answer,
        json!({
            "token": issued, "userid": user, "permissions": { "wiki:read": true }, "service": "wiki",
            "expires_in": 900, "token_type": "Bearer",
        })
    );
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("at+jwt"), Some("ES256")));
    let login = claims_of(&token);
    let expected = json!({
        "iss": "https://auth.example", "sub": user, "aud": "wiki", "client_id": "wiki", "iat": stage.now(),
        "exp": stage.now() + 900, "jti": claims["jti"], "sid": login["sid"], "auth_time": stage.now(), "amr": ["fed"],
        "permissions": ["wiki:read"], "roles": ["member"],
    });
    assert_eq!(claims, expected);
    assert!(!issued.contains("ada@") && !claims.to_string().contains("example.org"));
}

#[tokio::test]
async fn without_a_token_or_a_service_there_are_no_permissions_and_nothing_else() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    for query in [
        String::new(),
        "?service=wiki".into(),
        "?service=wiki&jwt=".into(),
        "?service=wiki&jwt=undefined".into(),
        "?service=wiki&jwt=garbage".into(),
        "?service=nobody".into(),
        format!("?jwt={token}"),
        format!("?jwt={token}&service="),
    ] {
        let reply = stage.get(&format!("/auth/authorize{query}")).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"permissions":{}}"#), "{query}");
    }
}

#[tokio::test]
async fn unknown_services_are_one_problem_and_forbidden_ones_another() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;
    let bodies = async |service: &str| {
        let reply = stage.get(&format!("/auth/authorize?service={service}")).bearer(&token).await;
        let mut problem = reply.json();
        problem["instance"] = Value::Null;
        (reply.status, reply.problem(), problem)
    };

    let unknown = bodies("nobody").await;
    assert_eq!((unknown.0, unknown.1.as_str()), (404, "service-unknown"));
    for service in ["closed", "Wiki", "wiki%20", "wiki.", "..%2Fwiki", "house", "w%D1%96ki", "static"] {
        assert_eq!(bodies(service).await, unknown, "{service}");
    }
    for query in ["service=wiki&service=wiki", "service=wiki%00", "service=%ff"] {
        let reply = stage.get(&format!("/auth/authorize?{query}")).bearer(&token).await;
        assert_eq!(reply.problem(), "bad-request", "{query}");
    }
    let forbidden = bodies("admins").await;
    assert_eq!((forbidden.0, forbidden.1.as_str()), (403, "access-denied"));
}

#[tokio::test]
async fn a_service_token_opens_nothing_here() {
    let stage = Stage::open().await;
    let login = stage.browser().login_token().await;

    for service in ["wiki", "old"] {
        let reply = stage.get(&format!("/auth/authorize?service={service}")).bearer(&login).await;
        let issued = reply.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(stage.get("/auth/check").bearer(&issued).await.json()["authenticated"], false);
        for asked in ["wiki", "frag"] {
            let reply = stage.get(&format!("/auth/authorize?service={asked}")).bearer(&issued).await;
            assert_eq!(reply.body, r#"{"permissions":{}}"#);
        }
        let update = stage.post("/auth/update").bearer(&issued).form(&[("username", "mallory")]).await;
        assert_eq!(update.json(), json!({ "success": false, "error": "Not authenticated" }));
        stage.post("/auth/logout").bearer(&issued).await;
        assert_eq!(stage.get("/auth/check").bearer(&login).await.json()["authenticated"], true);
    }
}

#[tokio::test]
async fn a_permission_provider_that_fails_costs_the_token_and_nothing_is_granted() {
    let stage = Stage::with(HTTP).await;
    let token = stage.browser().login_token().await;
    let ask = async || stage.get("/auth/authorize?service=wiki").bearer(&token).await;

    let down = ask().await;
    assert_eq!((down.status, down.problem().as_str()), (503, "permission-provider-failed"));
    assert!(down.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert!(!down.body.contains("permissions.test"), "{}", down.body);

    let other = stage.get("/auth/authorize?service=frag").bearer(&token).await;
    assert_eq!(other.status, 200, "the others go on");
}

#[tokio::test]
async fn a_permission_provider_may_not_speak_for_us() {
    let stage = Stage::with(HTTP).await;
    let token = stage.browser().login_token().await;
    let ask = async || stage.get("/auth/authorize?service=wiki").bearer(&token).await;

    for reserved in ["sub", "aud", "exp", "roles", "userid", "scope"] {
        says(&stage, &json!({ "permissions": ["a"], "claims": { reserved: "x" } }));
        let reply = ask().await;
        assert_eq!(reply.problem(), "permission-provider-failed", "{reserved}");
        stage.wait(Duration::minutes(5));
    }
    says(&stage, &json!({ "permissions": { "a": true, "b": false }, "claims": { "plan": "gold" } }));
    let reply = ask().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let claims = claims_of(reply.json()["token"].as_str().unwrap());
    assert_eq!((claims["plan"].as_str(), &claims["permissions"]), (Some("gold"), &json!(["a"])));
    assert_eq!(reply.json()["permissions"], json!({ "a": true, "b": false }));
}

#[tokio::test]
async fn a_permission_provider_may_say_no() {
    let stage = Stage::with(HTTP).await;
    let token = stage.browser().login_token().await;
    says(&stage, &json!({ "decision": "deny", "message": "Ask the librarian." }));

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await;

    assert_eq!((reply.status, reply.problem().as_str()), (403, "access-denied"));
}

#[tokio::test]
async fn a_session_begun_another_way_than_the_service_allows_gets_no_token() {
    let stage = Stage::with("[services.shop]\nallowed_providers = [\"password\"]").await;
    let token = stage.browser().login_token().await;

    let reply = stage.get("/auth/authorize?service=shop").bearer(&token).await;

    assert_eq!((reply.status, reply.problem().as_str()), (403, "access-denied"));
    assert_eq!(stage.get("/auth/authorize?service=wiki").bearer(&token).await.status, 200);
}

#[tokio::test]
async fn a_service_token_dies_with_its_session_at_the_latest() {
    let stage = Stage::with("[session]\nabsolute_timeout = \"1h\"\nidle_timeout = \"1h\"").await;
    let token = stage.browser().login_token().await;
    stage.wait(Duration::minutes(55));

    let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await.json();

    let claims = claims_of(reply["token"].as_str().unwrap());
    assert_eq!((&reply["expires_in"], &claims["exp"]), (&json!(300), &json!(stage.now() + 300)));
}
