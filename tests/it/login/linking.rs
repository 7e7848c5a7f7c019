//! Two accounts becoming one, on the page that asks for it.

use time::Duration;

use super::{SECRET, types, users, with_other, with_password, yes};

#[tokio::test]
async fn who_has_the_address_already_signs_in_the_old_way_and_then_has_both() {
    let (stage, _other) = with_other("").await;
    stage.browser().sign_in().await;
    let mut ada = stage.browser();
    ada.open("/login/other?next=https%3A%2F%2Fwiki.example%2Fa").await;
    let back = yes(&ada);

    ada.open(&back).await;
    assert_eq!(ada.at, "/login/link-accounts", "{}", ada.body());
    assert!(ada.session_cookie().is_none());
    assert!(ada.has("#idp-sso") && !ada.has("#idp-other") && !ada.has("#password-submit"));
    ada.press("#idp-sso").await.come_back().await;

    assert!(ada.at.starts_with("https://wiki.example/a?jwt="), "{} {}", ada.at, ada.body());
    assert_eq!(users(&stage).await, 1);
    let user = stage.user("ada@example.org").await;
    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 2);
    let mut later = stage.browser();
    later.open("/login/other").await;
    let back = yes(&later);
    assert_eq!(later.open(&back).await.at, "/account");
}

#[tokio::test]
async fn somebody_else_who_signs_in_here_is_not_linked() {
    let (stage, _other) = with_other("").await;
    stage.browser().sign_in().await;
    let ada = stage.user("ada@example.org").await;
    let mut browser = stage.browser();
    browser.open("/login/other").await;
    let back = yes(&browser);
    browser.open(&back).await;
    stage.upstream_knows("bob-1", "bob@example.org");

    browser.press("#idp-sso").await.come_back().await;

    assert_eq!(browser.at, "/account");
    let bob = stage.user("bob@example.org").await;
    for user in [&ada, &bob] {
        assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_password_proves_it_too() {
    let (stage, _other) = with_other("").await;
    let ada = with_password(&stage, "ada").await;
    let mut browser = stage.browser();
    browser.open("/login/other").await;
    let back = yes(&browser);
    browser.open(&back).await;

    browser.fill_in("#email", "ada@example.org").fill_in("#password", "wrong").press("#password-submit").await;
    assert_eq!(browser.status(), 401);
    assert!(stage.app.store().identities(ada.id).await.unwrap().is_empty());
    assert_eq!(types(&mut browser, "ada@example.org", SECRET).await, 303);

    assert_eq!(stage.app.store().identities(ada.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_proof_waits_a_quarter_of_an_hour_in_one_browser() {
    for (seconds, linked) in [(899, 1), (900, 0)] {
        let (stage, _other) = with_other("").await;
        let ada = with_password(&stage, "ada").await;
        let mut browser = stage.browser();
        browser.open("/login/other").await;
        let back = yes(&browser);
        browser.open(&back).await;
        types(&mut stage.browser(), "ada", SECRET).await;
        assert!(stage.app.store().identities(ada.id).await.unwrap().is_empty(), "another browser proves nothing");
        stage.wait(Duration::seconds(seconds));

        types(&mut browser, "ada", SECRET).await;

        assert_eq!(stage.app.store().identities(ada.id).await.unwrap().len(), linked, "{seconds}");
    }
}

#[tokio::test]
async fn where_two_verified_addresses_are_enough_they_are_linked_at_once() {
    let (stage, _other) = with_other("[login]\naccount_linking = \"verified-email\"\n").await;
    stage.browser().sign_in().await;
    let mut ada = stage.browser();
    ada.open("/login/other").await;
    let back = yes(&ada);

    assert_eq!(ada.open(&back).await.at, "/account");
    assert_eq!(users(&stage).await, 1);
}

#[tokio::test]
async fn where_linking_is_off_the_person_is_told_so() {
    let (stage, _other) = with_other("[login]\naccount_linking = \"never\"\n").await;
    stage.browser().sign_in().await;
    let mut ada = stage.browser();
    ada.open("/login/other").await;
    let back = yes(&ada);

    assert_eq!(ada.open(&back).await.status(), 403);

    assert!(ada.session_cookie().is_none());
    let user = stage.user("ada@example.org").await;
    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_nobody_vouches_for_links_nothing_and_asks_nothing() {
    let (stage, other) = with_other("").await;
    stage.browser().sign_in().await;
    for odd in [
        serde_json::json!(false),
        serde_json::json!(null),
        serde_json::json!("false"),
        serde_json::json!(1),
        serde_json::json!([]),
    ] {
        other.script().claims["email_verified"] = odd.clone();
        let mut ada = stage.browser();
        ada.open("/login/other").await;
        let back = yes(&ada);
        ada.open(&back).await;
        assert_ne!(ada.at, "/login/link-accounts", "{odd}");
    }
    let user = stage.user("ada@example.org").await;
    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_somebody_waiting_there_is_no_page() {
    let (stage, _other) = with_other("").await;

    assert_eq!(stage.browser().open("/login/link-accounts").await.status(), 400);
}
