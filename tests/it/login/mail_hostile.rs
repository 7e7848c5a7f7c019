//! The mailed link, as strangers try it.

use time::Duration;

use super::mail::{asks_for_link, code_in, link_in};
use super::{csrf, users, with_password};
use crate::app::Minted;
use crate::it::stage::{Browser, Stage};

#[tokio::test]
async fn a_code_may_be_typed_five_times() {
    for (wrong, status) in [(4, 200), (5, 429)] {
        let stage = Stage::open().await;
        let mut bob = stage.browser();
        asks_for_link(&mut bob, "bob@example.org").await;
        let code = code_in(&stage.letter_to("bob@example.org").await.unwrap());
        let other = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..wrong {
            assert_eq!(bob.open("/login/code").await.fill_in("#code", other).press("#code-submit").await.status(), 401);
        }

        bob.open("/login/code").await.fill_in("#code", &code).press("#code-submit").await;

        assert_eq!(bob.status(), status, "{wrong}");
        assert_eq!(bob.session_cookie().is_some(), status == 200);
    }
}

#[tokio::test]
async fn a_code_is_nothing_in_another_browser() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let code = code_in(&stage.letter_to("bob@example.org").await.unwrap());
    let mut eve = stage.browser();
    eve.open("/login").await;
    let form = csrf(&eve, "#password-submit");
    assert_eq!(eve.post("/login/code", &[("csrf", &form), ("code", &code)]).await.status(), 400);
    asks_for_link(&mut eve, "eve@example.org").await;
    assert_eq!(eve.fill_in("#code", &code).press("#code-submit").await.status(), 401);
    assert!(eve.session_cookie().is_none());
    for odd in ["", " ", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}"] {
        assert_eq!(bob.open("/login/code").await.fill_in("#code", odd).press("#code-submit").await.status(), 401);
    }
}

#[tokio::test]
async fn the_cookie_of_the_browser_is_not_the_link() {
    let stage = Stage::open().await;
    let mut eve = stage.browser();
    asks_for_link(&mut eve, "bob@example.org").await;
    let cookie = eve.cookies.iter().find(|(name, _)| name.contains("-login-")).unwrap().1.clone();

    assert_eq!(eve.open(&format!("/login/magic-link?token={cookie}")).await.status(), 400);
    eve.open("/login").await;
    let form = csrf(&eve, "#password-submit");
    assert_eq!(eve.post("/login/magic-link", &[("csrf", &form), ("token", &cookie)]).await.status(), 400);
    assert_eq!(users(&stage).await, 0);
}

#[tokio::test]
async fn the_link_is_not_the_cookie_either() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let letter = stage.letter_to("bob@example.org").await.unwrap();
    let token = link_in(&letter).split_once("token=").unwrap().1.to_owned();
    let (name, _) = bob.cookies.iter().find(|(name, _)| name.contains("-login-")).unwrap();
    let mut eve = stage.browser();
    eve.open("/login").await;
    eve.cookies.insert(name.clone(), token);
    let form = csrf(&eve, "#password-submit");

    assert_eq!(eve.post("/login/code", &[("csrf", &form), ("code", &code_in(&letter))]).await.status(), 400);
}

#[tokio::test]
async fn a_link_for_one_purpose_opens_nothing_else() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let mail = link_in(&stage.letter_to("bob@example.org").await.unwrap()).split_once("token=").unwrap().1.to_owned();
    let admin = stage.app.admin_link(Minted::ByCommand);
    let setup = admin.rsplit_once("/setup/").unwrap().1;

    assert_eq!(bob.open(&format!("/login/magic-link?token={setup}")).await.status(), 400);
    assert_eq!(bob.open(&format!("/setup/{mail}")).await.status(), 410);
    for odd in ["", "x", ".", "x.y", &mail[..mail.len() - 1], &format!("{mail}A"), &format!("A{mail}")] {
        assert_eq!(bob.open(&format!("/login/magic-link?token={odd}")).await.status(), 400, "{odd}");
    }
    assert_eq!(bob.open("/login/magic-link").await.status(), 400);
}

#[tokio::test]
async fn a_confirmation_comes_from_our_page_in_the_same_browser() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    let token = link.split_once("token=").unwrap().1.to_owned();
    bob.open(&link).await;
    let own = csrf(&bob, "#confirm");
    let mut eve = stage.browser();
    eve.open("/login").await;
    let foreign = csrf(&eve, "#password-submit");

    for fields in [
        vec![("csrf", ""), ("token", &token)],
        vec![("csrf", &foreign), ("token", &token)],
        vec![("token", token.as_str())],
    ] {
        let status = bob.post("/login/magic-link", &fields).await.status();
        assert!(status == 403 || (fields.len() == 1 && status == 400), "{status}");
    }
    assert_eq!(bob.post_from_elsewhere("/login/magic-link", &[("csrf", &own), ("token", &token)]).await.status(), 403);
    let crossed = bob.asks("POST", "/login/magic-link").header("sec-fetch-site", "cross-site");
    assert_eq!(crossed.form(&[("csrf", &own), ("token", &token)]).await.status, 403);
    assert_eq!(users(&stage).await, 0);

    assert_eq!(bob.post("/login/magic-link", &[("csrf", &own), ("token", &token)]).await.status(), 303);
}

/// Status, place and page after asking, without what is different for every browser.
async fn seen_after_asking(browser: &mut Browser, email: &str) -> (u16, String, String) {
    browser.open("/login").await.fill_in("#magic-link-email", email).press_only("#magic-link-submit").await;
    let first = (browser.status(), browser.last.location().to_owned());
    browser.open("/login/check-mail").await;
    let page = browser.body().replace(&csrf(browser, "#resend-submit"), "CSRF").replace(email, "ADDRESS");
    (first.0, first.1, page)
}

#[tokio::test]
async fn the_answer_is_the_same_whoever_has_the_address_and_only_they_get_mail() {
    let stage = Stage::with("[login]\nsignup = \"providers\"\n").await;
    with_password(&stage, "known").await;
    let locked = with_password(&stage, "gone0").await;
    stage.lock(locked.id, true).await;

    let known = seen_after_asking(&mut stage.browser(), "known@example.org").await;
    let nobody = seen_after_asking(&mut stage.browser(), "nobod@example.org").await;
    let gone = seen_after_asking(&mut stage.browser(), "gone0@example.org").await;

    assert_eq!((known.0, known.1.as_str()), (303, "/login/check-mail"));
    assert_eq!(known, nobody);
    assert_eq!(known, gone);
    let letters = stage.letters().await;
    assert_eq!(letters.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["known@example.org"]);
}

#[tokio::test]
async fn one_address_gets_few_letters_however_it_is_spelt_and_whoever_asks() {
    let stage = Stage::open().await;
    let ask = async |n: usize| {
        let mut browser = stage.browser();
        browser.moves_to(&format!("198.51.100.{n}")).open("/login").await;
        let spelling = if n.is_multiple_of(2) { "bob@example.org" } else { "BOB@Example.ORG." };
        browser.fill_in("#magic-link-email", spelling).press("#magic-link-submit").await.status()
    };
    for n in 0..3 {
        assert_eq!(ask(n).await, 200);
    }
    assert_eq!(ask(3).await, 429);
    assert_eq!(stage.letters().await.len(), 3);
    stage.wait(Duration::seconds(719));
    assert_eq!(ask(4).await, 429);
    stage.wait(Duration::SECOND);
    assert_eq!(ask(5).await, 200);
    assert_eq!(ask(6).await, 429);
    assert_eq!(stage.letters().await.len(), 4);
}

#[tokio::test]
async fn one_client_asks_for_few_letters() {
    let stage = Stage::open().await;
    for n in 0..6 {
        let mut browser = stage.browser();
        browser.moves_to(&format!("2001:db8::{n}")).open("/login").await;
        browser.fill_in("#magic-link-email", &format!("bob{n}@example.org")).press("#magic-link-submit").await;
        assert_eq!(browser.status(), if n < 5 { 200 } else { 429 }, "{n}");
    }
    assert_eq!(stage.letters().await.len(), 5);
}

#[tokio::test]
async fn a_stranger_gets_a_letter_only_where_everybody_may_sign_up() {
    for (signup, letters) in [("open", 1), ("providers", 0), ("closed", 0), ("invite", 0)] {
        let stage = Stage::with(&format!("[login]\nsignup = \"{signup}\"\n")).await;
        asks_for_link(&mut stage.browser(), "new@example.org").await;

        assert_eq!(stage.letters().await.len(), letters, "{signup}");
    }
}

#[tokio::test]
async fn a_link_does_not_outlive_the_permission_to_sign_up_or_the_account() {
    let stage = Stage::open().await;
    let mut bob = stage.browser();
    asks_for_link(&mut bob, "bob@example.org").await;
    let link = link_in(&stage.letter_to("bob@example.org").await.unwrap());
    stage.reload("[login]\nsignup = \"closed\"\n").unwrap();
    assert_eq!(bob.open(&link).await.press("#confirm").await.status(), 403);
    assert!(bob.session_cookie().is_none());
    assert_eq!(users(&stage).await, 0);

    let ada = with_password(&stage, "ada").await;
    let mut browser = stage.browser();
    asks_for_link(&mut browser, "ada@example.org").await;
    let link = link_in(&stage.letter_to("ada@example.org").await.unwrap());
    stage.lock(ada.id, true).await;
    assert_eq!(browser.open(&link).await.press("#confirm").await.status(), 403);
    assert!(browser.session_cookie().is_none());
}

#[tokio::test]
async fn what_is_no_address_gets_a_word_and_no_letter() {
    let stage = Stage::open().await;
    for odd in ["", "bob", "a@x.example,b@evil.example", "\"a@x\"@evil.example", "a@x.example\r\nBcc: b@evil.example"] {
        let mut browser = stage.browser();
        browser.open("/login").await.fill_in("#magic-link-email", odd).press("#magic-link-submit").await;
        assert_eq!(browser.status(), 400, "{odd}");
        assert!(browser.has("#magic-link-error"), "{odd}");
    }
    assert!(stage.letters().await.is_empty());
}
