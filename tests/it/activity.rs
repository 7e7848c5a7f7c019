//! The activity page, letters about new browsers, and "this was not me".

use time::Duration;

use super::login::{SECRET, with_password};
use super::stage::{Browser, House, Stage};
use crate::domain::audit::{Actor, By, Event, What};
use crate::store::audit::search::Filter;

/// Ada, whose account is no new one, in a browser that is known.
async fn ada(stage: &Stage) -> Browser {
    with_password(stage, "ada").await;
    let mut browser = stage.browser();
    signs_in(&mut browser).await;
    stage.wait(Duration::HOUR);
    browser
}

async fn signs_in(browser: &mut Browser) {
    browser.open("/login").await;
    browser.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
}

/// How many letters about new browsers she has.
async fn letters(house: &House) -> usize {
    let all = house.letters().await;
    all.iter().filter(|letter| letter.subject.starts_with("A new sign-in to your")).count()
}

async fn count(house: &House, event: &str) -> usize {
    let filter = Filter { events: vec![event.into()], ..Filter::default() };
    house.app.store().audit(&filter, None, 1_000).await.unwrap().events.len()
}

#[tokio::test]
async fn a_sign_in_with_a_new_browser_is_mailed_and_one_with_a_known_browser_is_not() {
    let stage = Stage::open().await;
    let mut known = ada(&stage).await;
    assert_eq!(letters(&stage).await, 0, "who has just come knows where they are");

    let mut other = stage.browser();
    other.agent = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0".into();
    signs_in(&mut other).await;
    assert_eq!(letters(&stage).await, 1);
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    assert!(letter.text.contains("Chrome on Windows") && letter.text.contains("/account/activity"), "{}", letter.text);

    for browser in [&mut known, &mut other] {
        browser.open("/logout").await.press("#logout-confirm").await;
        signs_in(browser).await;
    }
    assert_eq!(letters(&stage).await, 1);
    assert_eq!(count(&stage, "security.new_device").await, 1);
}

#[tokio::test]
async fn a_known_browser_is_known_for_its_people_alone_and_cannot_be_made_up() {
    let stage = Stage::open().await;
    let known = ada(&stage).await;
    with_password(&stage, "bob").await;
    stage.wait(Duration::HOUR);
    let (name, value) = known.cookies.iter().find(|(name, _)| name.ends_with("-known")).unwrap();

    let mut bob = known.clone();
    bob.open("/logout").await.press("#logout-confirm").await;
    bob.open("/login").await.fill_in("#email", "bob").fill_in("#password", SECRET).press("#password-submit").await;
    assert_eq!(count(&stage, "security.new_device").await, 1);
    let shared = &bob.cookies[name];
    assert!(shared.contains(value.split('.').nth(1).unwrap()), "Ada is known there still: {shared}");

    let mut forger = stage.browser();
    forger.cookies.insert(name.clone(), value.replacen(|c: char| c.is_ascii_alphanumeric(), "~", 1));
    signs_in(&mut forger).await;
    assert_eq!(count(&stage, "security.new_device").await, 2);
}

#[tokio::test]
async fn many_new_browsers_are_few_letters() {
    let stage = Stage::open().await;
    ada(&stage).await;
    for _ in 0..6 {
        signs_in(&mut stage.browser()).await;
    }
    assert_eq!((letters(&stage).await, count(&stage, "security.new_device").await), (3, 6));
}

#[tokio::test]
async fn people_read_in_words_what_happened_to_them_and_nothing_of_others() {
    let stage = Stage::open().await;
    let mut browser = ada(&stage).await;
    let (ada, bob) = (stage.user("ada@example.org").await, with_password(&stage, "bob").await);
    let admin = By {
        actor: Actor::User(bob.id),
        ip: Some("203.0.113.77".parse().unwrap()),
        user_agent: Some("Mozilla/5.0 (iPad)".into()),
        reference: None,
    };
    stage.app.accounts.note(&admin, What::new(Event::RoleGranted).target(ada.id)).await.unwrap();
    stage.app.accounts.note(&admin, What::new(Event::PasskeyAdded).target(bob.id)).await.unwrap();
    stage.app.accounts.note(&By::system(), What::new(Event::ConfigReloaded)).await.unwrap();

    browser.open("/account/activity").await;

    assert!(browser.sees("You signed in with the password") && browser.sees("Firefox on Linux"), "{}", browser.body());
    assert!(browser.sees("A role was given to you, by whoever runs the server"));
    assert!(browser.sees("The account was made, by whoever runs the server"));
    for hidden in ["203.0.113.77", "iPad", "passkey was added", "config"] {
        assert!(!browser.sees(hidden), "{hidden}");
    }
    browser.open("/account/activity?show=sign-ins").await;
    assert!(browser.sees("You signed in") && !browser.sees("A role was given"));
    browser.open("/account/activity?show=nonsense&before=nonsense").await;
    assert_eq!(browser.status(), 200);
}

#[tokio::test]
async fn long_histories_have_pages() {
    let stage = Stage::open().await;
    let mut browser = ada(&stage).await;
    let user = stage.user("ada@example.org").await;
    for nth in 0..60 {
        stage.wait(Duration::SECOND);
        let what = What::new(Event::UserLoginFailed).target(user.id).provider(&format!("method-{nth}"));
        stage.app.accounts.note(&By { actor: Actor::Anonymous, ..By::system() }, what).await.unwrap();
    }

    let (mut pages, mut rows) = (1, 0);
    browser.open("/account/activity?show=sign-ins").await;
    loop {
        rows += browser.body().matches("<li><div class=\"grow\">").count();
        if !browser.has("#older") {
            break;
        }
        browser.press("#older").await;
        assert!(browser.has("#newest"));
        pages += 1;
    }
    assert_eq!((pages, rows), (3, 61));
}

#[tokio::test]
async fn who_says_that_it_was_not_them_is_alone_afterwards() {
    let stage = Stage::with("extensions.told = { kind = \"log\", events = [\"user.logout\"] }").await;
    ada(&stage).await;
    let (mut here, mut thief) = (stage.browser(), stage.browser());
    signs_in(&mut thief).await;
    signs_in(&mut here).await;

    here.open("/account/activity").await.press("#not-me-1").await;

    assert!(here.at.starts_with("/account/activity?ended=2"), "{}", here.at);
    assert!(here.sees("All 2 other sessions have ended") && here.has("#security"), "{}", here.body());
    assert_eq!(thief.open("/account").await.at, "/login");
    assert_eq!(count(&stage, "security.disowned").await, 1);
    assert!(stage.letter_to("ada@example.org").await.unwrap().subject.contains("signed out"));
}

#[tokio::test]
async fn saying_so_needs_our_own_form_and_a_fresh_sign_in() {
    let stage = Stage::open().await;
    let mut browser = ada(&stage).await;
    browser.open("/account/activity").await;
    let fields = browser.fields("#not-me-1");
    let csrf = fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();

    assert_eq!(browser.post("/account/activity/not-me", &[("csrf", "x")]).await.status(), 403);
    browser.post("/account/activity/not-me", &[("csrf", &csrf)]).await;
    assert!(browser.last.location().starts_with("/account/confirm"), "the sign-in is an hour old");
    assert_eq!(count(&stage, "security.disowned").await, 0);
    assert_eq!(stage.browser().open("/account/activity").await.at, "/login");
}
