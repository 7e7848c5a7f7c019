//! The page of sign-in methods: connect, disconnect, rename, remove, and never the last way in.

use time::Duration;

use super::{answer, events, makes_passkey, signed_in, uses_passkey, with_other, with_password, yes};
use crate::account::ways::{WayIn, Ways};
use crate::domain::identity::Subject;
use crate::it::stage::{Authenticator, Browser, Stage};

fn subject(provider: &str) -> Subject {
    Subject { provider: provider.into(), realm: String::new(), subject: "1".into() }
}

#[test]
fn something_is_always_left() {
    let (sso, other) = (subject("sso"), subject("other"));
    let ways = |password, mail, passkeys: &[&str], identities: &[&Subject]| Ways {
        password,
        mail,
        passkeys: passkeys.iter().map(|&id| id.to_owned()).collect(),
        identities: identities.iter().map(|&subject| subject.clone()).collect(),
    };
    for (ways, without, survives) in [
        (ways(true, false, &[], &[]), WayIn::Password, false),
        (ways(true, false, &[], &[&sso]), WayIn::Password, true),
        (ways(true, false, &[], &[&sso]), WayIn::Identity(&sso), true),
        (ways(false, false, &[], &[&sso]), WayIn::Identity(&sso), false),
        (ways(false, false, &[], &[&sso, &other]), WayIn::Identity(&sso), true),
        (ways(false, true, &[], &[&sso]), WayIn::Identity(&sso), true),
        (ways(false, false, &["a"], &[]), WayIn::Passkey("a"), false),
        (ways(false, false, &["a", "b"], &[]), WayIn::Passkey("a"), true),
        (ways(false, false, &["a"], &[]), WayIn::Passkey("b"), true),
        (Ways::default(), WayIn::Password, false),
    ] {
        assert_eq!(ways.survive(without), survives, "{ways:?} {without:?}");
    }
}

/// Follows the button that connects the upstream `sso`, up to the upstream.
async fn begins(browser: &mut Browser) {
    browser.open("/account/security").await.press("#link-sso").await;
    assert!(browser.at.starts_with("https://sso.test"), "{} {}", browser.at, browser.body());
}

#[tokio::test]
async fn a_provider_is_connected_by_who_is_signed_in_and_signs_in_from_then_on() {
    let stage = Stage::open().await;
    let (mut bob, user) = signed_in(&stage, "bob").await;
    begins(&mut bob).await;
    bob.come_back().await;
    assert!(bob.sees("SSO is connected"), "{}", bob.body());

    let mut again = stage.browser();
    again.sign_in().await;

    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 1);
    assert!(again.sees("bob"), "{}", again.body());
    assert_eq!(events(&stage, "identity.linked").await, 1);
    assert!(stage.letter_to("bob@example.org").await.unwrap().subject.contains("way to sign in was added"));
}

#[tokio::test]
async fn connecting_is_bound_to_browser_session_and_person() {
    let stage = Stage::open().await;
    let (mut bob, user) = signed_in(&stage, "bob").await;
    let (mut eve, _) = signed_in(&stage, "eve").await;

    begins(&mut bob).await;
    let back = yes(&bob);
    assert_eq!(eve.step_to(&back).await.status(), 400, "another browser");
    let mut other = bob.clone();
    other.cookies.retain(|name, _| name.contains("-login-"));
    assert_eq!(other.step_to(&back).await.status(), 400, "nobody is signed in");

    begins(&mut bob).await;
    let back = yes(&bob);
    let login: Vec<_> = bob.cookies.iter().filter(|(name, _)| name.contains("-login-")).collect();
    let login: Vec<_> = login.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    eve.cookies.extend(login);
    assert_eq!(eve.step_to(&back).await.status(), 400, "another person");

    begins(&mut bob).await;
    let back = yes(&bob);
    bob.open("/logout").await.press("#logout-confirm").await;
    assert_eq!(bob.step_to(&back).await.status(), 400, "after signing out");

    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 0);
}

#[tokio::test]
async fn connecting_begins_from_our_page_and_a_fresh_session() {
    let stage = Stage::open().await;
    let (mut bob, _) = signed_in(&stage, "bob").await;
    bob.step_to("/account/security/identities/link?provider=sso&proof=no").await;
    assert_eq!(bob.status(), 403);
    bob.open("/account/security").await;
    stage.wait(Duration::minutes(10));

    bob.press_only("#link-sso").await;

    assert!(bob.last.location().starts_with("/account/confirm"), "{}", bob.last.location());
}

#[tokio::test]
async fn an_identity_of_somebody_else_is_not_taken() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada", "ada@example.org");
    stage.browser().sign_in().await;
    let ada = stage.user("ada@example.org").await;
    let (mut eve, user) = signed_in(&stage, "eve").await;
    begins(&mut eve).await;

    eve.come_back().await;

    assert_eq!(eve.status(), 403);
    assert!(eve.sees("belongs to an account here already"), "{}", eve.body());
    assert_eq!(stage.app.store().identities(ada.id).await.unwrap().len(), 1);
    assert_eq!(stage.app.store().identities(user.id).await.unwrap().len(), 0);
    assert_eq!(events(&stage, "identity.link_refused").await, 1);
}

#[tokio::test]
async fn who_says_no_at_the_provider_stays_as_they_were() {
    let stage = Stage::open().await;
    let (mut bob, _) = signed_in(&stage, "bob").await;
    begins(&mut bob).await;
    let no = answer(&bob, &[("error", "access_denied")]);

    assert_eq!(bob.step_to(&no).await.status(), 403);
    assert_eq!(bob.open("/account").await.status(), 200);
}

const ONLY_PROVIDERS: &str =
    "[login.password]\nenabled = false\n[login.magic_link]\nenabled = false\n[login.passkey]\nenabled = true\n";

#[tokio::test]
async fn the_last_way_in_is_not_taken_away() {
    let (stage, other) = with_other(ONLY_PROVIDERS).await;
    stage.upstream_knows("ada", "ada@example.org");
    let mut ada = stage.browser();
    ada.sign_in().await;
    ada.open("/account/security").await;
    assert!(ada.sees("your only way in") && !ada.has("#unlink-sso"), "{}", ada.body());
    let user = stage.user("ada@example.org").await;
    let sso = stage.app.store().identities(user.id).await.unwrap().remove(0).subject;
    let form = stage.app.house.master.mac("csrf", &[&ada.cookies["__Host-countersign-browser"]]);
    let fields = [("csrf", form.as_str()), ("provider", "sso"), ("realm", &sso.realm), ("subject", &sso.subject)];
    ada.post("/account/security/identities/unlink", &fields).await;
    assert_eq!(ada.status(), 409);
    assert!(ada.sees("last way in"), "{}", ada.body());

    other.script().claims["sub"] = "somebody".into();
    ada.open("/account/security").await.press("#link-other").await.come_back().await;
    ada.press("#unlink-sso").await;

    assert!(ada.sees("disconnected"), "{}", ada.body());
    let left = stage.app.store().identities(user.id).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].subject.provider, "other");
    assert_eq!(events(&stage, "identity.unlinked").await, 1);
}

#[tokio::test]
async fn a_key_that_is_not_enough_alone_is_no_way_in() {
    let stage = Stage::with(ONLY_PROVIDERS).await;
    stage.upstream_knows("ada", "ada@example.org");
    let mut ada = stage.browser();
    ada.sign_in().await;
    makes_passkey(&mut ada, &mut Authenticator::plain_key()).await;
    ada.open("/account/security").await;
    assert!(!ada.has("#unlink-sso"));

    makes_passkey(&mut ada, &mut Authenticator::new()).await;

    ada.open("/account/security").await;
    assert!(ada.has("#unlink-sso"));
}

#[tokio::test]
async fn passkeys_are_renamed_and_removed_by_their_owner_only() {
    let stage = Stage::open().await;
    let (mut ada, user) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::new();
    makes_passkey(&mut ada, &mut key).await;
    let id = stage.app.store().passkeys(user.id).await.unwrap()[0].id.clone();
    let (mut eve, _) = signed_in(&stage, "eve").await;
    let form = stage.app.house.master.mac("csrf", &[&eve.cookies["__Host-countersign-browser"]]);
    let rename = [("csrf", form.as_str()), ("id", &id), ("name", "mine")];
    assert_eq!(eve.post("/account/security/passkeys/rename", &rename).await.status(), 404);
    assert_eq!(eve.post("/account/security/passkeys/remove", &rename[..2]).await.status(), 404);

    ada.open("/account/security").await;
    ada.fill_in("#name-1", "<b>Key</b>\u{202e} ring").press("#rename-1").await;
    assert!(ada.body().contains("&lt;b&gt;Key") || ada.body().contains("&#60;b&#62;Key"), "{}", ada.body());
    let mut ada = stage.browser();
    assert_eq!(uses_passkey(&mut ada, &mut key).await, 303);
    ada.open("/account/security").await.press("#remove-1").await;

    assert!(stage.app.store().passkeys(user.id).await.unwrap().is_empty());
    assert_eq!(events(&stage, "credential.passkey_removed").await, 1);
    assert!(stage.letter_to("ada@example.org").await.unwrap().subject.contains("passkey was removed"));
}

#[tokio::test]
async fn the_page_is_for_who_is_signed_in() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    assert_eq!(stage.get("/account/security").await.location(), "/login");
    for path in ["/account/security/totp", "/account/security/passkeys/new"] {
        assert_eq!(stage.get(path).await.location(), "/login", "{path}");
    }
}
