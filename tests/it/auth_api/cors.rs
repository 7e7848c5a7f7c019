//! Other origins, other methods, other spellings: what the JSON API says to those it was not made for.

use crate::it::stage::{Reply, Stage};

const ROUTES: &[&str] = &[
    "/auth/check",
    "/auth/authorize?service=wiki",
    "/auth/public-key",
    "/auth/resolve?username=a",
    "/auth/get_profile?username=a",
];
const POSTS: &[&str] = &["/auth/update", "/auth/token", "/auth/logout"];

fn cors(reply: &Reply) -> Vec<&str> {
    reply.headers.keys().map(axum::http::HeaderName::as_str).filter(|name| name.starts_with("access-control")).collect()
}

fn varies(reply: &Reply, name: &str) -> bool {
    reply.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().to_lowercase().contains(name))
}

#[tokio::test]
async fn a_registered_origin_may_call_with_credentials() {
    let stage = Stage::open().await;

    for path in ROUTES {
        let reply = stage.get(path).header("origin", "https://wiki.example").await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://wiki.example"), "{path}");
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert!(varies(&reply, "origin"));
    }
    for path in ROUTES.iter().chain(POSTS) {
        let preflight = stage
            .ask("OPTIONS", path)
            .header("origin", "https://wiki.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "auth-token")
            .await;
        assert_eq!(preflight.status, 204, "{path}");
        let allowed = preflight.header("access-control-allow-headers").unwrap();
        assert!(allowed.contains("auth-token") && allowed.contains("authorization"), "{allowed}");
        let methods = preflight.header("access-control-allow-methods").unwrap();
        assert!(!methods.contains("DELETE") && !methods.contains('*'));
    }
}

#[tokio::test]
async fn other_origins_get_no_cors_header() {
    let stage = Stage::open().await;

    for origin in [
        "null",
        "http://wiki.example",
        "https://wiki.example:8443",
        "https://WIKI.example",
        "https://wiki.example.evil",
        "https://evilwiki.example",
        "https://a.wiki.example",
        "https://wiki.example/",
        "https://shop.example",
        "https://closed.example",
        "*",
    ] {
        for path in ROUTES {
            let reply = stage.get(path).header("origin", origin).await;
            assert_eq!(cors(&reply), Vec::<&str>::new(), "{origin} {path}");
            assert!(varies(&reply, "origin"));
        }
        let preflight = stage
            .ask("OPTIONS", "/auth/check")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .await;
        assert_eq!((preflight.status, cors(&preflight)), (405, vec![]), "{origin}");
    }
    let pages = stage.get("/login").header("origin", "https://wiki.example").await;
    assert_eq!(cors(&pages), Vec::<&str>::new(), "pages are not for other origins at all");
}

#[tokio::test]
async fn json_cannot_be_kept_framed_or_run_as_a_script() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    for path in [
        "/auth/check?",
        "/auth/authorize?service=wiki&",
        "/auth/resolve?username=ada&",
        "/auth/get_profile?username=ada&",
    ] {
        for name in ["callback", "jsonp", "cb"] {
            let reply = stage.get(&format!("{path}{name}=x")).header("auth-token", &token).await;
            assert!(reply.body.starts_with('{'), "{}", reply.body);
            assert_eq!(reply.header("content-type"), Some("application/json"));
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
            assert_eq!(reply.header("cache-control"), Some("no-store"));
            assert!(["authorization", "auth-token", "origin"].iter().all(|name| varies(&reply, name)));
        }
    }
}

#[tokio::test]
async fn other_spellings_of_a_path_are_no_copy_of_it() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    for path in [
        "/auth/check/x.css",
        "/auth/check;.js",
        "/auth/check%2fx.png",
        "//auth/check",
        "/auth/./check",
        "/auth/check/",
        "/auth/CHECK",
        "/auth/check.json",
    ] {
        let reply = stage.get(path).bearer(&token).await;
        assert_eq!((reply.status, reply.header("cache-control")), (404, Some("no-store")), "{path}");
        assert!(!reply.body.contains("ada@"));
    }
}

#[tokio::test]
async fn every_route_knows_its_methods() {
    let stage = Stage::open().await;

    for path in ROUTES {
        let head = stage.ask("HEAD", path).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "TRACE", "PROPFIND", "FROB", "OPTIONS"] {
            let reply = stage.ask(method, path).await;
            assert_eq!((reply.status, reply.header("allow")), (405, Some("GET,HEAD")), "{method} {path}");
        }
    }
    for path in POSTS {
        for method in ["GET", "HEAD", "PUT", "TRACE", "OPTIONS"] {
            let reply = stage.ask(method, path).await;
            assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method} {path}");
        }
    }
    let override_it =
        stage.post("/auth/check").header("x-http-method-override", "GET").form(&[("_method", "GET")]).await;
    assert_eq!(override_it.status, 405);
    let override_it = stage.get("/auth/update?_method=POST").header("x-http-method-override", "POST").await;
    assert_eq!(override_it.status, 405);
}

#[tokio::test]
async fn another_host_is_not_us() {
    let stage = Stage::open().await;

    for host in ["evil.example", "auth.example.evil.example", "auth.example.", "auth.example:8443"] {
        let ask = crate::it::stage::Ask::through(stage.edge.clone(), host, "GET", "/auth/check");
        let reply = ask.await;
        assert_eq!((reply.status, reply.problem().as_str()), (421, "wrong-host"), "{host}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let stage = Stage::with("[server]\nbody_limit = \"1 KiB\"").await;

    let fits = stage.post("/auth/update").form(&[("x", &"a".repeat(1022))]).await;
    assert_eq!(fits.status, 200);
    let over = stage.post("/auth/update").form(&[("x", &"a".repeat(1023))]).await;
    assert_eq!((over.status, over.problem().as_str()), (413, "payload-too-large"));
}
