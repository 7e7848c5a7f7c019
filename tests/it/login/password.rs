//! The password: one answer for everything that is not right, and only from our own page.

use super::{SECRET, csrf, types, with_password};
use crate::domain::audit::By;
use crate::it::stage::{Browser, Stage};
use crate::store::users::NewUser;

#[tokio::test]
async fn the_right_password_lets_in_by_address_and_by_username() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    for name in ["ada@example.org", " ADA@Example.org ", "ada", "ADA"] {
        let mut ada = stage.browser();
        assert_eq!(types(&mut ada, name, SECRET).await, 303, "{name}");
        assert_eq!(ada.last.location(), "/account");
        assert!(ada.session_cookie().is_some());
    }
}

#[tokio::test]
async fn the_way_on_is_kept_through_a_mistake() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2Fa%3Fb").await;
    ada.fill_in("#email", "ada").fill_in("#password", "wrong").press("#password-submit").await;
    assert!(ada.has("#password-error") && !ada.body().contains("wrong"));

    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;

    assert!(ada.at.starts_with("https://wiki.example/a?b&jwt="), "{}", ada.at);
}

/// Status, cookies by name and page, without what is different for every browser.
async fn seen(browser: &mut Browser, name: &str, password: &str) -> (u16, Vec<String>, String) {
    let status = types(browser, name, password).await;
    let cookies = browser.last.headers.get_all("set-cookie").iter();
    let cookies = cookies.map(|line| line.to_str().unwrap().split('=').next().unwrap().to_owned()).collect();
    let page = browser.body().replace(&csrf(browser, "#password-submit"), "CSRF").replace(name, "NAME");
    (status, cookies, page)
}

#[tokio::test]
async fn nobody_learns_why_they_did_not_come_in() {
    let stage = Stage::open().await;
    with_password(&stage, "right").await;
    let locked = with_password(&stage, "locky").await;
    stage.lock(locked.id, true).await;
    let new = NewUser { email: Some(("nopwd@example.org".parse().unwrap(), true)), ..NewUser::default() };
    stage.app.accounts.add(new, None, &By::command()).await.unwrap();

    let wrong = seen(&mut stage.browser(), "right@example.org", "wrong password").await;

    assert_eq!(wrong.0, 401);
    for (name, password) in [
        ("nobody@example.org", SECRET),
        ("nobody", SECRET),
        ("locky@example.org", SECRET),
        ("locky@example.org", "wrong password"),
        ("nopwd@example.org", SECRET),
        ("right@example.org", ""),
    ] {
        assert_eq!(seen(&mut stage.browser(), name, password).await, wrong, "{name} {password}");
    }
}

#[tokio::test]
async fn a_form_comes_from_our_page_in_the_same_browser() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    let own = csrf(&ada, "#password-submit");
    let mut eve = stage.browser();
    eve.open("/login").await;
    let foreign = csrf(&eve, "#password-submit");
    let rest = [("email", "ada"), ("password", SECRET)];
    let with = |token: &str| {
        let fields = [("csrf", token), rest[0], rest[1]];
        ada.asks("POST", "/login/password").form(&fields)
    };

    assert_eq!(ada.asks("POST", "/login/password").form(&rest).await.status, 400);
    for token in ["", "x", &foreign, &format!("{own}A")] {
        assert_eq!(with(token).await.status, 403, "{token}");
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "null"),
        ("origin", "https://evil.example"),
        ("origin", "https://auth.example.evil"),
        ("origin", "http://auth.example"),
    ] {
        let reply = with(&own).header(name, value).await;
        assert_eq!(reply.status, 403, "{name}: {value}");
        assert!(
            !reply
                .headers
                .get_all("set-cookie")
                .iter()
                .any(|line| line.to_str().unwrap().contains("__Host-countersign="))
        );
    }
    let crossed = with(&own).header("origin", "null").header("sec-fetch-site", "cross-site").await;
    assert_eq!(crossed.status, 403);
    let page_without_referrer = with(&own).header("origin", "null").header("sec-fetch-site", "same-origin").await;
    assert_eq!(page_without_referrer.status, 303);
    let own_page = with(&own).header("origin", "https://auth.example").header("sec-fetch-site", "same-origin").await;
    assert_eq!(own_page.status, 303);
    let no_cookie = stage.post("/login/password").form(&[("csrf", &own), rest[0], rest[1]]).await;
    assert_eq!(no_cookie.status, 403);
}

#[tokio::test]
async fn a_form_token_dies_with_the_sign_in() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    let old = csrf(&ada, "#password-submit");
    types(&mut ada, "ada", SECRET).await;

    assert_eq!(ada.post("/logout", &[("csrf", &old)]).await.status(), 403);
    assert_eq!(ada.open("/account").await.at, "/account");
}

#[tokio::test]
async fn only_one_form_with_each_field_once_is_read() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    let own = csrf(&ada, "#password-submit");
    let post = |fields: &[(&str, &str)]| ada.asks("POST", "/login/password").form(fields);

    let twice = post(&[("csrf", &own), ("email", "eve"), ("email", "ada"), ("password", SECRET)]).await;
    assert_eq!(twice.status, 400);
    let json = serde_json::json!({ "csrf": own, "email": "ada", "password": SECRET });
    assert_eq!(ada.asks("POST", "/login/password").json(&json).await.status, 415);
    assert_eq!(ada.asks("GET", "/login/password?email=ada").await.status, 405);
    let long = "x".repeat(2 << 20);
    assert_eq!(post(&[("csrf", &own), ("email", "ada"), ("password", &long)]).await.status, 413);
    assert_eq!(post(&[("csrf", &own), ("email", "ada"), ("password", "a\0b")]).await.status, 400);
}

#[tokio::test]
async fn a_cookie_that_was_planted_is_never_signed_in() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut first = stage.browser();
    types(&mut first, "ada", SECRET).await;
    let name = first.cookies.keys().find(|name| name.as_str() == "__Host-countersign").unwrap().clone();
    for planted in ["AAAAAAAAAAAAAAAAAAAAAA", "x", first.cookies[&name].clone().as_str()] {
        let mut ada = stage.browser();
        ada.open("/login").await;
        ada.cookies.insert(name.clone(), planted.to_owned());
        let mut thief = ada.clone();
        ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;

        assert_eq!(ada.at, "/account");
        assert!(ada.session_cookie().is_some_and(|cookie| cookie != planted));
        assert_eq!(thief.open("/account").await.at, "/login", "{planted}");
    }
}

#[tokio::test]
async fn switched_off_is_switched_off() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    let own = csrf(&ada, "#password-submit");
    stage.reload("[login.password]\nenabled = false\n").unwrap();

    assert_eq!(
        ada.post("/login/password", &[("csrf", &own), ("email", "ada"), ("password", SECRET)]).await.status(),
        403
    );
    ada.open("/login").await;
    assert!(!ada.has("#password-submit"));
}
