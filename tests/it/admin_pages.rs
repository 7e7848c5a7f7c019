//! `/admin/permissions`, and who gets there.

use axum::Json;
use axum::routing::post;
use serde_json::json;
use time::Duration;

use super::stage::{Browser, Stage, set_roles};
use crate::clock::Clock as _;
use crate::domain::audit::By;
use crate::http::page::Moment;
use crate::store::users::NewUser;

const SECRET: &str = "correct battery horse";
const BILLING: &str = r#"
[permissions.billing]
kind = "http"
url = "https://billing.test/ask"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
auth_header = "Bearer not-to-be-seen"
[services.wiki]
permissions = ["house", "billing"]
"#;

async fn signed_in(stage: &Stage, name: &str, roles: &[&str]) -> Browser {
    let email = format!("{name}@example.org").parse().unwrap();
    let new = NewUser { name: Some(name.into()), email: Some((email, true)), ..NewUser::default() };
    let user = stage.app.accounts.add(new, Some(SECRET), &By::command()).await.unwrap();
    set_roles(stage.app.store(), user.id, roles).await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    signs_in(&mut browser, name).await;
    browser
}

async fn signs_in(browser: &mut Browser, name: &str) {
    browser.fill_in("#email", &format!("{name}@example.org")).fill_in("#password", SECRET);
    browser.press("#password-submit").await;
}

fn billing_says(stage: &Stage, answer: serde_json::Value) {
    stage.internet.host("billing.test", axum::Router::new().route("/ask", post(async move || Json(answer))));
}

async fn asks(browser: &mut Browser, query: &str) {
    browser.last =
        browser.asks("GET", &format!("/admin/permissions?{query}")).header("sec-fetch-site", "same-origin").await;
}

#[tokio::test]
async fn nobody_but_an_administrator_learns_that_it_is_there() {
    let stage = Stage::open().await;
    for path in ["/admin", "/admin/permissions", "/admin/permissions?service=wiki&user=ada@example.org"] {
        let mut nobody = stage.browser();
        nobody.open(path).await;
        assert_eq!((nobody.status(), nobody.at.as_str()), (200, "/login"), "{path}");
    }
    let mut ada = signed_in(&stage, "ada", &["member"]).await;
    assert!(!ada.has("#administration"));
    for path in ["/admin", "/admin/permissions", "/admin/permissions?service=wiki&user=ada@example.org"] {
        ada.open(path).await;
        assert_eq!(ada.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn an_administrator_finds_the_way_and_needs_a_fresh_sign_in() {
    let stage = Stage::open().await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;

    boss.open("/account").await.press("#administration").await;
    assert_eq!((boss.status(), boss.at.as_str()), (200, "/admin/permissions"));
    assert!(boss.has("#ask") && !boss.has("#result"));
    assert!(boss.has("#delays") && boss.sees("Works after 15 min at worst: a token lives 15 min."));

    stage.wait(stage.app.settings.session.sudo_window + Duration::SECOND);
    boss.open("/admin/permissions").await;
    assert!(boss.sees("Confirm that it is you"), "{}", boss.body());
    signs_in(&mut boss, "boss").await;
    assert_eq!((boss.status(), boss.at.as_str()), (200, "/admin/permissions"));

    let id = stage.user("boss@example.org").await.id;
    set_roles(stage.app.store(), id, &["member"]).await;
    stage.wait(Duration::minutes(1));
    boss.open("/admin/permissions").await;
    assert_eq!(boss.status(), 404, "who is no administrator any more is nobody");
}

#[tokio::test]
async fn networks_and_second_factors_are_asked_for_where_the_file_says_so() {
    let stage = Stage::with("[admin]\nallowed_networks = [\"10.0.0.0/8\"]\nrequire_mfa = true").await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;

    boss.open("/admin/permissions").await;
    assert_eq!(boss.status(), 403);
    assert!(boss.sees("Not from this network"), "{}", boss.body());
    boss.moves_to("10.1.2.3").open("/admin/permissions").await;
    assert_eq!(boss.status(), 403);
    assert!(boss.sees("Set up a second factor first"), "{}", boss.body());
}

#[tokio::test]
async fn the_page_says_which_provider_which_rule_and_what_the_token_would_be() {
    let stage = Stage::with(BILLING).await;
    billing_says(&stage, json!({ "permissions": { "wiki:write": true }, "reason": "it's <paid>" }));
    signed_in(&stage, "ada", &["member"]).await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;

    asks(&mut boss, "service=wiki&user=ada@example.org&permission=wiki:write").await;

    assert_eq!(boss.status(), 200, "{}", boss.body());
    for id in
        ["#result", "#verdict", "#chain", "#why-1", "#why-2", "#merged", "#token-size", "#revocation-delay", "#payload"]
    {
        assert!(boss.has(id), "{id}");
    }
    assert!(boss.sees("it would need the role <code>admin</code> (providers.toml:"), "{}", boss.body());
    assert!(boss.sees("<code>billing</code> grants <code>wiki:write</code>: it's <paid>."));
    assert!(boss.sees("ada has <code>wiki:write</code> in <code>wiki</code>."));
    assert!(boss.sees("Works after 16 min at worst"), "15 minutes of a token, one of a remembered answer");
    assert!(!boss.body().contains("<paid>") && !boss.body().contains("eyJ"), "no markup of others, and no token");
}

#[tokio::test]
async fn the_page_says_until_when_an_answer_is_remembered() {
    let stage = Stage::with(BILLING).await;
    billing_says(&stage, json!({ "permissions": {} }));
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;
    let token = stage.browser().login_token().await;
    let ada = stage.get("/auth/authorize?service=shop").bearer(&token).await.json()["userid"].clone();
    let query = format!("service=wiki&user={}", ada.as_str().unwrap());
    asks(&mut boss, &query).await;
    assert!(boss.has("#chain") && !boss.sees("until "), "{}", boss.body());

    assert_eq!(stage.get("/auth/authorize?service=wiki").bearer(&token).await.status, 200);

    asks(&mut boss, &query).await;
    let until = Moment::from(stage.clock.now() + Duration::seconds(60));
    let until = format!("until <time datetime=\"{}\">{}</time>", until.iso(), until.time());
    assert!(boss.sees(&until), "{until}: {}", boss.body());
}

#[tokio::test]
async fn extensions_that_would_be_asked_about_the_token_are_named() {
    let hook = "[extensions.hr]\nkind = \"webhook\"\nmode = \"decide\"\nevents = [\"token.issuing\"]\n\
                url = \"https://hr.test/hook\"\nsecret = \"whsec_MDEyMzQ1Njc4OWFiY2RlZg==\"\n";
    let stage = Stage::with(hook).await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;

    asks(&mut boss, "service=wiki&user=boss@example.org").await;
    assert!(boss.has("#unasked") && boss.sees("Not asked here: <code>hr</code>, which may still"), "{}", boss.body());

    signed_in(&stage, "ada", &["member"]).await;
    asks(&mut boss, "service=admins&user=ada@example.org").await;
    assert!(boss.has("#refusal") && !boss.has("#unasked"), "{}", boss.body());
}

#[tokio::test]
async fn an_outside_question_can_be_repeated_in_a_terminal_without_a_secret() {
    let stage = Stage::with(BILLING).await;
    billing_says(&stage, json!({ "permissions": {} }));
    let mut boss = signed_in(&stage, "o'brien", &["admin"]).await;

    asks(&mut boss, "service=wiki&user=o'brien@example.org").await;

    assert!(boss.has("#request-2") && boss.has("#answer-2") && boss.has("#curl-2"), "{}", boss.body());
    assert!(!boss.has("#curl-1"), "what stands in the file is asked nowhere");
    assert!(boss.sees("curl -sS -X POST 'https://billing.test/ask'"));
    assert!(boss.sees("-H 'webhook-signature: v1,") && boss.sees("-H 'authorization: …'"));
    assert!(boss.sees(r"o'\''brien@example.org"), "the shell gets it in one piece: {}", boss.body());
    assert!(!boss.body().contains("not-to-be-seen") && !boss.body().contains("MDEyMzQ1Njc4OWFiY2RlZg"));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_keeps_what_was_typed() {
    let stage = Stage::open().await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;
    for (query, says) in [
        ("service=wikki&user=boss@example.org", "There is no such service."),
        ("service=wiki&user=ben", "There is no user with this id"),
        ("service=wiki&user=boss@example.org&permission=No!", "is not the name of a permission"),
        ("service=wiki&user=boss@example.org&role=king", "There is no role <code>king</code>."),
    ] {
        asks(&mut boss, query).await;
        assert_eq!(boss.status(), 422, "{query}");
        assert!(boss.sees(says) && !boss.has("#result"), "{query}: {}", boss.body());
    }
    asks(&mut boss, "service=wiki&user=boss@example.org&role=guest,,member&mfa=true&permission=").await;
    assert!(boss.status() == 200 && boss.sees("guest (assumed)") && !boss.has("#verdict"), "{}", boss.body());
}

#[tokio::test]
async fn the_form_leads_to_an_address_that_says_the_question() {
    let stage = Stage::open().await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;
    boss.open("/admin/permissions").await;

    boss.fill_in("#user", " boss@example.org ").fill_in("#permission", "wiki:write").fill_in("#mfa", "");
    boss.press("#ask").await;

    assert_eq!(boss.at, "/admin/permissions?service=wiki&user=boss%40example.org&permission=wiki%3Awrite&mfa=true");
    assert!(
        boss.has("#verdict") && boss.sees("boss has <code>wiki:write</code> in <code>wiki</code>."),
        "{}",
        boss.body()
    );

    let fields = [("csrf", "forged"), ("service", "wiki"), ("user", "boss"), ("permission", ""), ("role", "")];
    boss.post("/admin/permissions", &fields).await;
    assert_eq!(boss.status(), 403);
    let csrf = boss.open("/admin/permissions").await.fields("#ask")[0].1.clone();
    let mut ada = signed_in(&stage, "ada", &["member"]).await;
    let own = ada.open("/logout").await.fields("#logout-confirm")[0].1.clone();
    for token in [&csrf, &own] {
        let fields =
            [("csrf", token.as_str()), ("service", "wiki"), ("user", "boss"), ("permission", ""), ("role", "")];
        let status = ada.post("/admin/permissions", &fields).await.status();
        assert_eq!(status, if *token == own { 404 } else { 403 });
    }
}

#[tokio::test]
async fn a_link_on_another_site_fills_the_form_and_asks_nobody() {
    let stage = Stage::with(BILLING).await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;
    let path = "/admin/permissions?service=wiki&user=boss@example.org";

    boss.last = boss.asks("GET", path).header("sec-fetch-site", "cross-site").await;

    assert_eq!(boss.status(), 200);
    assert!(!boss.has("#result") && boss.body().contains("value=\"boss@example.org\""), "{}", boss.body());
}

#[tokio::test]
async fn remembered_answers_are_forgotten_by_a_button() {
    let stage = Stage::open().await;
    let mut boss = signed_in(&stage, "boss", &["admin"]).await;
    asks(&mut boss, "service=wiki&user=boss@example.org").await;

    boss.press("#forget").await;

    assert!(boss.status() == 200 && boss.sees("is forgotten here"), "{}", boss.body());
    let fields = boss.fields("#forget");
    let csrf = fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    for (csrf, service, user, status) in [
        ("forged", "wiki", "boss@example.org", 403),
        (csrf.as_str(), "wikki", "boss@example.org", 404),
        (csrf.as_str(), "wiki", "nobody@example.org", 404),
        (csrf.as_str(), "wiki", "boss@example.org", 303),
    ] {
        boss.post("/admin/permissions/forget", &[("csrf", csrf), ("service", service), ("user", user)]).await;
        assert_eq!(boss.status(), status, "{service} {user}");
    }
    let mut ada = signed_in(&stage, "ada", &["member"]).await;
    let own = ada.open("/logout").await.fields("#logout-confirm")[0].1.clone();
    ada.post("/admin/permissions/forget", &[("csrf", &own), ("service", "wiki"), ("user", "boss")]).await;
    assert_eq!(ada.status(), 404);
}
