//! `/account/password`: the current one first, and everything that was opened with it ends.

use time::Duration;

use super::people::{OTHER, SECRET, add, events, types, with_password};
use crate::it::stage::{Browser, Stage};

/// Signs in and opens the page.
async fn at_the_page(stage: &Stage) -> Browser {
    let mut browser = stage.browser();
    assert_eq!(types(&mut browser, "ada", SECRET).await, 303);
    browser.open("/account/password").await;
    browser
}

async fn changes(browser: &mut Browser, current: &str, new: &str) -> u16 {
    browser.fill_in("#current", current).fill_in("#password", new).press_only("#password-submit").await.status()
}

#[tokio::test]
async fn the_new_one_opens_and_the_old_one_does_not() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = at_the_page(&stage).await;

    ada.fill_in("#current", SECRET).fill_in("#password", OTHER).press("#password-submit").await;

    assert!(ada.sees("Your password is set."), "{}", ada.body());
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 401);
    assert_eq!(types(&mut stage.browser(), "ada", OTHER).await, 303);
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    assert_eq!(letter.subject, "Your auth.example password was changed");
    assert!(!letter.text.contains(OTHER) && !letter.text.contains(SECRET));
    assert!(events(&stage).await.contains(&"credential.password_changed".to_owned()));
}

#[tokio::test]
async fn every_other_session_and_every_mailed_link_ends() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut elsewhere = at_the_page(&stage).await;
    let mut by_mail = stage.browser();
    by_mail.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let magic = letter.text.lines().find(|line| line.contains("/login/magic-link")).unwrap().trim().to_owned();
    let mut forgetful = stage.browser();
    forgetful.open("/login/forgot").await.fill_in("#email", "ada@example.org").press("#forgot-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let reset = letter.text.lines().find(|line| line.contains("/login/reset")).unwrap().trim().to_owned();
    stage.wait(Duration::SECOND);
    let mut ada = at_the_page(&stage).await;
    // A sign-in with the password ends the reset; this one is asked for after it.
    forgetful.open("/login/forgot").await.fill_in("#email", "ada@example.org").press("#forgot-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let newer = letter.text.lines().find(|line| line.contains("/login/reset")).unwrap().trim().to_owned();
    assert_eq!(stage.browser().step_to(&newer).await.status(), 303);
    stage.wait(Duration::SECOND);

    assert_eq!(changes(&mut ada, SECRET, OTHER).await, 303);

    assert_eq!(ada.open("/account").await.at, "/account", "the one that changed it goes on");
    assert_eq!(elsewhere.open("/account").await.at, "/login");
    by_mail.open(&magic).await.press_only("#confirm").await;
    assert_eq!(by_mail.status(), 400);
    assert!(by_mail.session_cookie().is_none());
    for dead in [reset, newer] {
        assert_eq!(stage.browser().open(&dead).await.status(), 410);
    }
}

#[tokio::test]
async fn without_the_current_one_nothing_changes_and_it_counts() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = at_the_page(&stage).await;
    let csrf = ada.fields("#password-submit").into_iter().find(|(name, _)| name == "csrf").unwrap().1;

    assert_eq!(ada.post("/account/password", &[("csrf", &csrf), ("password", OTHER)]).await.status(), 403);
    for _ in 0..4 {
        assert_eq!(changes(&mut ada, "not it", OTHER).await, 403);
        assert!(ada.has("#current-error"));
    }
    let fields = [("csrf", csrf.as_str()), ("current", SECRET), ("password", OTHER)];
    assert_eq!(ada.post("/account/password", &fields).await.status(), 429, "as at the sign-in");

    stage.wait(Duration::minutes(5));
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 303);
    assert!(!events(&stage).await.contains(&"credential.password_changed".to_owned()));
    assert_eq!(stage.letters().await, []);
}

#[tokio::test]
async fn a_bad_one_and_the_same_one_are_refused_with_every_reason() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = at_the_page(&stage).await;

    assert_eq!(changes(&mut ada, SECRET, "ada@example").await, 400);
    assert!(ada.sees("at least 15 characters") && ada.sees("too close to your e-mail address"), "{}", ada.body());
    assert_eq!(changes(&mut ada, SECRET, SECRET).await, 400);
    assert!(ada.sees("the one you have already"));
    assert_eq!(changes(&mut ada, SECRET, &"long enough for anybody ".repeat(20)).await, 400);

    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 303);
}

#[tokio::test]
async fn only_a_fresh_session_and_our_own_form_get_there() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = at_the_page(&stage).await;
    let csrf = ada.fields("#password-submit").into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let fields = [("csrf", csrf.as_str()), ("current", SECRET), ("password", OTHER)];

    assert_eq!(ada.asks("POST", "/account/password").form(&fields[1..]).await.status, 400);
    assert_eq!(ada.asks("POST", "/account/password").form(&[("csrf", "x"), fields[1], fields[2]]).await.status, 403);
    assert_eq!(stage.browser().open("/account/password").await.at, "/login");
    stage.wait(Duration::minutes(11));
    let late = ada.asks("POST", "/account/password").form(&fields).await;
    assert_eq!((late.status, late.location()), (303, "/account/confirm?to=/account/password"));
    ada.open("/account/password").await;
    assert!(ada.at.starts_with("/account/confirm"), "{}", ada.at);
    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
    assert_eq!(ada.at, "/account/password");
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 303);
}

#[tokio::test]
async fn who_has_none_sets_a_first_one() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada-at-sso", "ada@example.org");
    let mut ada = stage.browser();
    ada.sign_in().await;
    ada.open("/account/password").await;
    assert!(!ada.has("#current"));

    ada.fill_in("#password", OTHER).press("#password-submit").await;

    assert!(ada.sees("Your password is set."), "{}", ada.body());
    assert_eq!(types(&mut stage.browser(), "ada@example.org", OTHER).await, 303);
    ada.open("/account/password").await;
    assert!(ada.has("#current"), "from now on it is asked for");
}

#[tokio::test]
async fn who_has_a_second_factor_may_have_a_shorter_one() {
    let stage = Stage::open().await;
    let ada = with_password(&stage, "ada").await;
    let mut browser = at_the_page(&stage).await;
    assert_eq!(changes(&mut browser, SECRET, "xQ7-vLmR2p#w").await, 400);
    super::people::give_totp(&stage, ada.id).await;

    assert_eq!(changes(&mut browser, SECRET, "xQ7-vLmR2p#w").await, 303);
}

#[tokio::test]
async fn password_managers_find_the_page() {
    let stage = Stage::open().await;
    let reply = stage.get("/.well-known/change-password").await;
    assert_eq!((reply.status, reply.location()), (303, "/account/password"));
}

#[tokio::test]
async fn where_nobody_has_passwords_there_is_no_page() {
    let stage = Stage::with("[login.password]\nenabled = false\n").await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    assert_eq!(ada.open("/account/password").await.status(), 403);
    assert_eq!(ada.open("/login/forgot").await.status(), 403);
    let _ = add(&stage, "bob", None).await;
}
