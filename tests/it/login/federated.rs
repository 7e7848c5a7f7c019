//! Signing in at a provider: of every kind, in several tabs, on time and late.

use axum::Router;
use axum::body::Body;
use axum::http::{Response, Uri};
use time::Duration;

use super::{OTHER, answer, at_once, sessions_in, users, with_other, yes};
use crate::it::stage::request::query_of;
use crate::it::stage::{SSO, Stage, Upstream};

const KINDS: &str = r#"
[providers.goo]
kind = "google"
issuer = "https://goo.test"
client_id = "client"
client_secret = { env = "GOO_SECRET" }

[providers.hub]
kind = "github"
client_id = "client"
client_secret = { env = "HUB_SECRET" }

[providers.legacy]
kind = "oauth2"
name = "Legacy"
client_id = "client"
client_secret = { env = "LEGACY_SECRET" }
authorization_url = "https://sso.test/authorize"
token_url = "https://sso.test/token"
userinfo_url = "https://sso.test/userinfo"

[providers.legacy.claims]
subject = "sub"
"#;

fn github(stage: &Stage) {
    let answer = async |uri: Uri| {
        let text = match uri.path() {
            "/login/oauth/access_token" => {
                r#"{"access_token":"gho_1","token_type":"bearer","scope":"read:user,user:email"}"#
            }
            "/user" => r#"{"id":583231,"login":"ada","name":"Ada"}"#,
            _ => r#"[{"email":"ada@example.org","primary":true,"verified":true}]"#,
        };
        Response::builder().header("content-type", "application/json").body(Body::from(text)).unwrap()
    };
    for host in ["github.com", "api.github.com"] {
        stage.internet.host(host, Router::new().fallback(answer));
    }
}

#[tokio::test]
async fn every_kind_of_provider_lets_people_in_and_knows_them_again() {
    for id in ["sso", "goo", "hub", "legacy"] {
        let stage = Stage::with(KINDS).await;
        Upstream::open(&stage.internet, "goo.test", stage.now());
        github(&stage);

        for visit in 1..=2 {
            let mut ada = stage.browser();
            ada.open("/login").await.press(&format!("#idp-{id}")).await;
            let back = yes(&ada);
            ada.open(&back).await;

            assert_eq!((ada.status(), ada.at.as_str()), (200, "/account"), "{id} {visit}: {}", ada.body());
            assert_eq!(users(&stage).await, 1, "{id} {visit}");
        }
    }
}

#[tokio::test]
async fn every_start_has_values_of_its_own() {
    let (stage, _other) = with_other("").await;
    let mut seen = std::collections::HashSet::new();
    for id in ["sso", "other", "sso"] {
        let mut ada = stage.browser();
        ada.open(&format!("/login/{id}")).await;
        for name in ["state", "nonce", "code_challenge"] {
            let value = query_of(&ada.at, name).unwrap();
            assert!(value.len() >= 43 && seen.insert(value), "{id} {name}");
        }
        assert_eq!(query_of(&ada.at, "code_challenge_method").as_deref(), Some("S256"));
        let redirect = query_of(&ada.at, "redirect_uri").unwrap();
        assert_eq!(redirect, format!("https://auth.example/login/{id}/callback"));
    }
}

#[tokio::test]
async fn two_tabs_do_not_eat_each_others_login() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso?next=https%3A%2F%2Fwiki.example%2Fone").await;
    let one = yes(&ada);
    ada.open("/login/sso?next=https%3A%2F%2Fwiki.example%2Ftwo").await;
    let two = yes(&ada);

    ada.open(&two).await;
    assert!(ada.at.starts_with("https://wiki.example/two?jwt="), "{} {}", ada.at, ada.body());
    ada.open(&one).await;
    assert!(ada.at.starts_with("https://wiki.example/one?jwt="), "{} {}", ada.at, ada.body());
}

#[tokio::test]
async fn a_browser_has_at_most_five_unfinished_logins_and_the_oldest_goes() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    let mut ways = Vec::new();
    for _ in 0..6 {
        ada.open("/login/sso").await;
        ways.push(yes(&ada));
        stage.wait(Duration::SECOND);
    }
    assert_eq!(ada.cookies.keys().filter(|name| name.contains("-login-")).count(), 5);

    assert_eq!(ada.open(&ways[0]).await.status(), 400);
    for way in &ways[1..] {
        assert_eq!(ada.open(way).await.at, "/account");
    }
    assert!(!ada.cookies.keys().any(|name| name.contains("-login-")));
}

#[tokio::test]
async fn a_login_takes_less_than_ten_minutes() {
    for (seconds, status) in [(599, 200), (600, 400), (601, 400)] {
        let stage = Stage::open().await;
        let mut ada = stage.browser();
        ada.open("/login/sso").await;
        stage.wait(Duration::seconds(seconds));
        stage.upstream_knows("ada-1", "ada@example.org");

        ada.come_back().await;

        assert_eq!(ada.status(), status, "{seconds}");
        assert_eq!(ada.session_cookie().is_some(), status == 200);
        assert_eq!(stage.internet.count("/token") > 0, status == 200);
    }
}

#[tokio::test]
async fn who_cancels_comes_back_to_where_they_were_going() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso?next=https%3A%2F%2Fwiki.example%2Fa%3Fb%3D%252f%26c%23d").await;
    let no = answer(&ada, &[("error", "access_denied"), ("error_description", "<script>alert(1)</script>")]);

    ada.step_to(&no).await;

    assert_eq!((ada.status(), ada.last.location()), (303, "https://wiki.example/a?b=%2f&c#d"));
    assert!(ada.session_cookie().is_none());
    assert_eq!(ada.step_to(&no).await.status(), 400, "and it is over");
}

#[tokio::test]
async fn who_cancels_without_a_service_sees_a_page_that_quotes_nobody() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let no = answer(
        &ada,
        &[
            ("error", "access_denied"),
            ("error_description", "<script>x</script>"),
            ("error_uri", "https://evil.example"),
        ],
    );

    ada.open(&no).await;

    assert_eq!(ada.status(), 403);
    assert!(!ada.body().contains("<script>x") && !ada.body().contains("evil.example"));
    assert!(ada.session_cookie().is_none());
}

#[tokio::test]
async fn a_provider_that_is_down_takes_nothing_else_with_it() {
    let (stage, _other) = with_other("").await;
    let sso = stage.internet.take_down(SSO).unwrap();
    let mut ada = stage.browser();

    ada.open("/login/sso").await;
    assert_eq!(ada.status(), 502);
    assert!(!ada.body().contains("sso.test"));

    ada.open("/login").await.press("#idp-other").await;
    let back = yes(&ada);
    assert_eq!(ada.open(&back).await.at, "/account");

    stage.internet.host(SSO, sso);
    stage.wait(Duration::MINUTE);
    stage.upstream_knows("bob", "bob@example.org");
    let mut bob = stage.browser();
    assert_eq!(bob.sign_in().await.at, "/account");
}

#[tokio::test]
async fn a_provider_that_falls_over_on_the_way_back_is_a_page_and_no_session() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login/sso?next=https%3A%2F%2Fwiki.example%2F").await;
    stage.upstream.script().answers.insert("/token", (500, "text/html", b"oops hunter2".to_vec()));

    ada.come_back().await;

    assert_eq!(ada.status(), 502);
    assert!(!ada.body().contains("hunter2") && ada.session_cookie().is_none());
    assert_eq!(users(&stage).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_is_finished_once_however_many_try_on_however_many_servers() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let mut ada = stage.browser();
    ada.open("/login/sso").await;
    let back = yes(&ada);
    let mut there = ada.clone();
    there.goes_to(&twin);

    let asks = (0..12).map(|n| if n % 2 == 0 { ada.asks("GET", &back) } else { there.asks("GET", &back) });
    let replies = at_once(asks.collect()).await;

    assert_eq!(sessions_in(&replies), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 400).count(), 11);
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn a_provider_that_answers_by_post_gets_a_cookie_that_comes_along_and_no_other_does() {
    let stage = Stage::with(&format!("{OTHER}response_mode = \"form_post\"\n")).await;
    Upstream::open(&stage.internet, "other.test", stage.now());
    let mut ada = stage.browser();
    let cookie = |ada: &crate::it::stage::Browser| {
        let lines = ada.last.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
        lines.into_iter().find(|line| line.contains("-login-")).unwrap()
    };

    ada.step_to("/login/sso").await;
    assert!(cookie(&ada).contains("SameSite=Lax") && cookie(&ada).contains("; Secure"), "{}", cookie(&ada));
    ada.open("/login/other").await;
    assert!(cookie(&ada).contains("SameSite=None") && cookie(&ada).contains("; Secure"), "{}", cookie(&ada));
    assert!(cookie(&ada).starts_with("__Host-") && cookie(&ada).contains("HttpOnly"));

    let back = yes(&ada);
    assert_eq!(ada.asks("GET", &back).await.status, 405);
    let (path, query) = back.split_once('?').unwrap();
    let reply = ada
        .asks("POST", path)
        .header("origin", "https://other.test")
        .header("sec-fetch-site", "cross-site")
        .body("application/x-www-form-urlencoded", query.to_owned())
        .await;

    assert_eq!((reply.status, reply.location()), (303, "/account"), "{}", reply.body);
    assert_eq!(sessions_in(&[reply]), 1);
}

#[tokio::test]
async fn without_https_no_cookie_comes_along_from_elsewhere() {
    let keys = "[server]\nissuer = \"http://localhost:8383\"\nmode = \"auto\"\n";
    let stage = Stage::with(&format!("{keys}{OTHER}response_mode = \"form_post\"\n")).await;
    Upstream::open(&stage.internet, "other.test", stage.now());
    let mut ada = stage.browser();

    ada.step_to("/login/other").await;

    let lines: Vec<_> = ada.last.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    let line = lines.iter().find(|line| line.contains("-login-")).unwrap();
    assert!(line.contains("SameSite=Lax") && !line.contains("Secure"), "{line}");
}
