//! Recovery codes: shown once, kept as MACs, good once each.

use super::{at_once, csrf, events, half_way, sessions_in, sets_up_app, signed_in, with_app};
use crate::it::stage::phone::recovery_codes;
use crate::it::stage::{Browser, Stage};

/// Types a recovery code into the second step; stays with the first answer.
async fn code(browser: &mut Browser, code: &str) -> u16 {
    browser.fill_in("#recovery-code", code).press_only("#recovery-submit").await.status()
}

#[tokio::test]
async fn a_code_stands_in_for_the_phone_once_and_its_owner_is_told() {
    let stage = Stage::open().await;
    let (_, _, codes) = with_app(&stage, "ada").await;
    assert_eq!(codes.len(), 10);

    assert_eq!(code(&mut half_way(&stage, "ada").await, &codes[0].to_uppercase().replace('-', " ")).await, 303);

    assert_eq!(code(&mut half_way(&stage, "ada").await, &codes[0]).await, 401);
    assert!(stage.letter_to("ada@example.org").await.unwrap().text.contains("You have 9 left"));
    assert_eq!(events(&stage, "credential.recovery_used").await, 1);
}

#[tokio::test]
async fn of_two_processes_one_takes_the_code() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (_, _, codes) = with_app(&stage, "ada").await;
    let (here, mut there) = (half_way(&stage, "ada").await, half_way(&stage, "ada").await);
    there.goes_to(&twin);
    let ask = |browser: &Browser| {
        let form = csrf(browser, "#recovery-submit");
        browser.asks("POST", "/login/second-factor").form(&[("csrf", &form), ("code", &codes[3])])
    };

    let replies = at_once(vec![ask(&here), ask(&there)]).await;

    assert_eq!(sessions_in(&replies), 1);
}

#[tokio::test]
async fn guesses_are_counted_and_do_not_shut_out_the_app() {
    let stage = Stage::open().await;
    let (_, phone, codes) = with_app(&stage, "ada").await;
    for _ in 0..5 {
        assert_eq!(code(&mut half_way(&stage, "ada").await, "aaaaa-aaaaa").await, 401);
    }

    let mut ada = half_way(&stage, "ada").await;
    assert_eq!(code(&mut ada, &codes[0]).await, 429);
    ada.open("/login/second-factor").await;
    ada.fill_in("#code", &phone.code(stage.now())).press_only("#second-submit").await;
    assert_eq!(ada.status(), 303);
}

#[tokio::test]
async fn new_codes_kill_the_old_ones() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let (phone, old) = sets_up_app(&stage, &mut ada).await;
    stage.wait(time::Duration::minutes(1));
    ada.open("/account/security").await.press("#renew-codes").await;
    ada.fill_in("#code", &phone.code(stage.now())).press("#second-submit").await;
    ada.press("#renew-codes").await;
    let new = recovery_codes(ada.body());
    assert_eq!(new.len(), 10);
    assert!(new.iter().all(|code| !old.contains(code)));

    assert_eq!(code(&mut half_way(&stage, "ada").await, &old[0]).await, 401);
    assert_eq!(code(&mut half_way(&stage, "ada").await, &new[0]).await, 303);
}

#[tokio::test]
async fn nothing_in_the_database_is_a_code() {
    let stage = Stage::open().await;
    let (user, _, codes) = with_app(&stage, "ada").await;
    let kept = stage.app.store().recovery_macs(user.id).await.unwrap();

    assert_eq!(kept.len(), 10);
    for code in codes {
        assert!(kept.iter().all(|mac| !mac.contains(&code) && !mac.contains(&code.replace('-', ""))));
    }
}

#[tokio::test]
async fn there_are_as_many_as_the_file_says() {
    let stage = Stage::with("[login.mfa]\nrecovery_codes = 0\n").await;
    let (mut ada, user) = signed_in(&stage, "ada").await;
    ada.open("/account/security/totp").await;
    let phone = crate::it::stage::Phone::typed(crate::it::stage::phone::text_of(ada.body(), "totp-key"));
    ada.fill_in("#code", &phone.code(stage.now())).press("#totp-submit").await;

    assert!(ada.sees("Your app is set up"), "{}", ada.body());
    assert_eq!(stage.app.store().factors(user.id).await.unwrap().recovery_left, 0);
}
