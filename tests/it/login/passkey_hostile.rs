//! What authenticators, browsers and thieves may say that is not to be believed.

use sea_orm::EntityTrait as _;
use serde_json::json;
use time::Duration;

use super::{answers, challenge, csrf, events, makes_passkey, signed_in, uses_passkey, with_password};
use crate::it::stage::{Authenticator, Browser, Stage};
use crate::store::entity::passkey::Entity;

/// What is not true, and how to say it.
type Lie = (&'static str, fn(&mut Authenticator));

/// Ada, signed in, with a passkey.
async fn ada(stage: &Stage) -> (Browser, Authenticator) {
    let (mut ada, _) = signed_in(stage, "ada").await;
    let mut key = Authenticator::new();
    assert_eq!(makes_passkey(&mut ada, &mut key).await, 200, "{}", ada.body());
    (ada, key)
}

#[tokio::test]
async fn no_lie_signs_in() {
    let stage = Stage::with("[rate_limit]\nlogin_ip = { limit = 1000, per = \"1m\", burst = 1000 }\n").await;
    let (_, mut key) = ada(&stage).await;
    let lies: [Lie; 13] = [
        ("another origin", |key| key.origin = "https://evil.example".into()),
        ("a sub-domain", |key| key.origin = "https://sub.auth.example".into()),
        ("http", |key| key.origin = "http://auth.example".into()),
        ("another port", |key| key.origin = "https://auth.example:8443".into()),
        ("inside another page", |key| key.cross_origin = true),
        ("another relying party", |key| key.rp_id = "evil.example".into()),
        ("a registration", |key| key.kind = Some("webauthn.create")),
        ("nobody there", |key| key.user_present = false),
        ("nobody checked", |key| key.user_verified = false),
        ("a signature of zeros", |key| key.signature = Some(vec![0; 70])),
        ("no signature", |key| key.signature = Some(Vec::new())),
        ("on several devices all at once", |key| key.backup_eligible = true),
        ("somebody else", |key| key.user = vec![7; 16]),
    ];
    for (what, lie) in lies {
        let (user, counter) = (key.user.clone(), key.counter);
        lie(&mut key);
        let mut eve = stage.browser();
        let status = uses_passkey(&mut eve, &mut key).await;
        assert_eq!(status, 401, "{what}: {}", eve.body());
        assert!(eve.session_cookie().is_none(), "{what}");
        (key.origin, key.rp_id) = ("https://auth.example".into(), "auth.example".into());
        (key.cross_origin, key.kind, key.signature, key.backup_eligible) = (false, None, None, false);
        (key.user_present, key.user_verified, key.user) = (true, true, user);
        assert!(key.counter > counter);
    }
    assert_eq!(uses_passkey(&mut stage.browser(), &mut key).await, 303, "the truth still does");
}

#[tokio::test]
async fn a_counter_that_goes_back_is_refused_written_down_and_told() {
    let stage = Stage::open().await;
    let (_, mut key) = ada(&stage).await;
    assert_eq!(uses_passkey(&mut stage.browser(), &mut key).await, 303);
    key.counter -= 1;

    let mut copy = stage.browser();
    assert_eq!(uses_passkey(&mut copy, &mut key).await, 401);

    assert!(copy.session_cookie().is_none());
    assert_eq!(events(&stage, "credential.passkey_cloned").await, 1);
    assert!(stage.letter_to("ada@example.org").await.unwrap().text.contains("may be a copy"));
}

#[tokio::test]
async fn keys_that_never_count_are_fine() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut key = Authenticator { counter: 0, step: 0, backup_eligible: true, ..Authenticator::new() };
    makes_passkey(&mut ada, &mut key).await;
    for _ in 0..2 {
        assert_eq!(uses_passkey(&mut stage.browser(), &mut key).await, 303);
    }
}

#[tokio::test]
async fn a_challenge_is_for_one_browser_one_purpose_five_minutes() {
    let stage = Stage::open().await;
    let (mut ada, mut key) = ada(&stage).await;
    let path = "/login/passkey";
    let fresh = async || {
        let mut browser = stage.browser();
        browser.open("/login").await;
        let told = challenge(&mut browser, "/login/passkey/options", "#passkey-submit").await;
        (browser, told)
    };

    let (mut browser, told) = fresh().await;
    let attempt = told["attempt"].as_str().unwrap().to_owned();
    let said = key.get(&told["options"]);
    let (mut other, _) = fresh().await;
    assert_eq!(answers(&mut other, path, "#passkey-submit", &attempt, &said).await, 400, "another browser");
    stage.wait(Duration::minutes(5));
    assert_eq!(answers(&mut browser, path, "#passkey-submit", &attempt, &said).await, 400, "late");

    let (mut browser, told) = fresh().await;
    let (_, second) = fresh().await;
    let said = key.get(&second["options"]);
    let attempt = told["attempt"].as_str().unwrap();
    assert_eq!(answers(&mut browser, path, "#passkey-submit", attempt, &said).await, 401, "another challenge");
    let said = key.get(&told["options"]);
    browser.open("/login").await;
    assert_eq!(answers(&mut browser, path, "#passkey-submit", attempt, &said).await, 400, "a second time");

    ada.open("/account/security/passkeys/new").await;
    let told = challenge(&mut ada, "/account/security/passkeys/options", "#new-passkey-submit").await;
    let said = key.get(&told["options"]);
    let attempt = told["attempt"].as_str().unwrap();
    let form = csrf(&ada, "#new-passkey-submit");
    let fields = [("csrf", form.as_str()), ("attempt", attempt), ("credential", &said.to_string())];
    assert_eq!(ada.post(path, &fields).await.status(), 400, "a challenge to make one");
}

#[tokio::test]
async fn registrations_that_are_not_right_are_kept_nowhere() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let lies: [Lie; 9] = [
        ("another origin", |key| key.origin = "https://evil.example".into()),
        ("inside another page", |key| key.cross_origin = true),
        ("another relying party", |key| key.rp_id = "evil.example".into()),
        ("a sign-in", |key| key.kind = Some("webauthn.get")),
        ("nobody there", |key| key.user_present = false),
        ("an id that is too long", |key| key.id = vec![1; 1024]),
        ("no id", |key| key.id = Vec::new()),
        ("an algorithm nobody offered", |key| key.alg = -8),
        ("a key of another kind", |key| key.alg = -1),
    ];
    for (what, lie) in lies {
        let mut key = Authenticator::new();
        lie(&mut key);
        assert_eq!(makes_passkey(&mut ada, &mut key).await, 400, "{what}");
    }
    assert_eq!(Entity::find().all(stage.app.store().read()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn nonsense_is_refused_quickly() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let deep = "\u{81}".repeat(60_000);
    for credential in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "id": "a", "rawId": "AA", "type": "public-key", "response": {} }),
        json!({ "id": "a", "rawId": "AA", "type": "public-key", "response": { "attestationObject": "gYGBgYGB", "clientDataJSON": "e30" } }),
        json!({ "id": deep }),
    ] {
        ada.open("/account/security/passkeys/new").await;
        let told = challenge(&mut ada, "/account/security/passkeys/options", "#new-passkey-submit").await;
        let attempt = told["attempt"].as_str().unwrap();
        let status = answers(&mut ada, "/account/security/passkeys", "#new-passkey-submit", attempt, &credential).await;
        assert!(status == 400 || status == 413, "{status}");
    }
    ada.open("/account/security/passkeys/new").await;
    let form = csrf(&ada, "#new-passkey-submit");
    let huge = "x".repeat(10 * 1024 * 1024);
    let fields = [("csrf", form.as_str()), ("attempt", "a"), ("credential", &huge)];
    assert_eq!(ada.post("/account/security/passkeys", &fields).await.status(), 413);
}

#[tokio::test]
async fn an_id_belongs_to_who_had_it_first() {
    let stage = Stage::open().await;
    let (_, of_ada) = ada(&stage).await;
    let (mut eve, user) = signed_in(&stage, "eve").await;
    let mut copy = Authenticator { id: of_ada.id.clone(), ..Authenticator::new() };

    assert_eq!(makes_passkey(&mut eve, &mut copy).await, 409);

    assert_eq!(stage.app.store().factors(user.id).await.unwrap().passkeys, 0);
}

#[tokio::test]
async fn there_are_no_more_than_the_file_allows() {
    let stage = Stage::with("[login.passkey]\nmax_per_user = 2\n").await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    for status in [200, 303, 409] {
        assert_eq!(makes_passkey(&mut ada, &mut Authenticator::new()).await, status);
    }
}

#[tokio::test]
async fn the_locked_and_the_removed_stay_out() {
    let stage = Stage::open().await;
    let (_, mut key) = ada(&stage).await;
    let user = stage.user("ada@example.org").await;
    stage.lock(user.id, true).await;
    assert_eq!(uses_passkey(&mut stage.browser(), &mut key).await, 401);
    stage.lock(user.id, false).await;
    let mut ada = stage.browser();
    assert_eq!(uses_passkey(&mut ada, &mut key).await, 303);
    ada.open("/account/security").await.press("#remove-1").await;
    assert!(ada.sees("The passkey is removed"), "{}", ada.body());

    let mut gone = stage.browser();
    assert_eq!(uses_passkey(&mut gone, &mut key).await, 401);

    assert!(gone.body().contains("data-unknown-credential"), "the password manager may forget it");
}

#[tokio::test]
async fn forms_come_from_our_pages() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    let form = csrf(&browser, "#passkey-submit");
    for path in ["/login/passkey/options", "/login/passkey", "/login/second-factor", "/login/enrol/totp"] {
        let fields = [("csrf", "no"), ("attempt", "a"), ("credential", "{}"), ("code", "1")];
        assert_eq!(browser.post(path, &fields).await.status(), 403, "{path}");
        let fields = [("csrf", form.as_str()), ("attempt", "a"), ("credential", "{}"), ("code", "1")];
        assert_eq!(browser.post_from_elsewhere(path, &fields).await.status(), 403, "{path}");
    }
}
