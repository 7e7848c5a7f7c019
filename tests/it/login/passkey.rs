//! Passkeys: made from a fresh session, used without a name, a second factor where they are not the only one.

use serde_json::Value;
use time::Duration;

use super::{
    SECRET, answers, at_once, challenge, csrf, events, half_way, makes_passkey, sessions_in, sets_up_app, signed_in,
    types, uses_passkey, with_password,
};
use crate::it::stage::phone::recovery_codes;
use crate::it::stage::request::query_of;
use crate::it::stage::{Authenticator, Stage};

#[tokio::test]
async fn a_passkey_signs_in_without_a_name_and_counts_as_two_factors() {
    let stage = Stage::with("[services.wiki]\nrequire_mfa = true\n").await;
    let (mut ada, user) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::new();
    assert_eq!(makes_passkey(&mut ada, &mut key).await, 200);
    assert_eq!(recovery_codes(ada.body()).len(), 10);
    assert_eq!(key.user, user.id.0.as_bytes());

    let mut other = stage.browser();
    other.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    let form = csrf(&other, "#passkey-submit");
    let asked = [("csrf", form.as_str()), ("next", "https://wiki.example/"), ("service", "wiki")];
    let page = other.last.clone();
    other.post("/login/passkey/options", &asked).await;
    let told = other.last.json();
    other.last = page;
    let said = key.get(&told["options"]);
    answers(&mut other, "/login/passkey", "#passkey-submit", told["attempt"].as_str().unwrap(), &said).await;

    let token = query_of(other.last.location(), "jwt").unwrap_or_else(|| panic!("{}", other.body()));
    let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(events(&stage, "credential.passkey_added").await, 1);
    let letters = stage.letters().await;
    assert!(letters.iter().any(|letter| letter.subject.contains("passkey was added")));
}

#[tokio::test]
async fn the_challenge_says_the_same_to_everybody() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    makes_passkey(&mut ada, &mut Authenticator::new()).await;
    let mut shapes = Vec::new();
    for _ in 0..2 {
        let mut browser = stage.browser();
        browser.open("/login").await;
        let mut told = challenge(&mut browser, "/login/passkey/options", "#passkey-submit").await;
        assert_eq!(told["options"]["allowCredentials"], Value::Array(Vec::new()));
        assert_eq!(told["options"]["rpId"], "auth.example");
        assert_eq!(told["options"]["userVerification"], "required");
        for (path, key) in [("options", "challenge"), ("", "attempt")] {
            let place = if path.is_empty() { &mut told } else { &mut told[path] };
            place[key] = Value::Null;
        }
        shapes.push(told);
    }
    assert_eq!(shapes[0], shapes[1]);
}

#[tokio::test]
async fn new_passkeys_can_be_found_and_no_device_makes_a_second() {
    let stage = Stage::open().await;
    let (mut ada, user) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::new();
    makes_passkey(&mut ada, &mut key).await;
    ada.open("/account/security/passkeys/new").await;

    let told = challenge(&mut ada, "/account/security/passkeys/options", "#new-passkey-submit").await;

    let options = &told["options"];
    let kept = &stage.app.store().passkeys(user.id).await.unwrap()[0];
    assert_eq!(options["excludeCredentials"][0]["id"], kept.id);
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["user"]["name"], "ada@example.org");
    assert_eq!(options["rp"]["id"], "auth.example");
}

#[tokio::test]
async fn making_one_asks_for_a_fresh_session() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    ada.open("/account/security/passkeys/new").await;
    let told = challenge(&mut ada, "/account/security/passkeys/options", "#new-passkey-submit").await;
    let mut key = Authenticator::new();
    let made = key.create(&told["options"]);
    let page = ada.last.clone();
    stage.wait(Duration::minutes(10));

    let attempt = told["attempt"].as_str().unwrap();
    assert_eq!(answers(&mut ada, "/account/security/passkeys", "#new-passkey-submit", attempt, &made).await, 303);
    assert!(ada.last.location().starts_with("/account/confirm"));
    ada.last = page;
    let form = csrf(&ada, "#new-passkey-submit");
    ada.post("/account/security/passkeys/options", &[("csrf", &form)]).await;
    assert!(ada.last.location().starts_with("/account/confirm"));
    assert_eq!(stage.get("/account/security/passkeys/new").await.location(), "/login");
}

#[tokio::test]
async fn it_confirms_that_it_is_you_and_leads_back() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::new();
    makes_passkey(&mut ada, &mut key).await;
    stage.wait(Duration::minutes(11));
    ada.open("/account/security/totp").await;
    assert!(ada.has("#passkey-submit"), "{}", ada.body());

    let told = challenge(&mut ada, "/login/passkey/options", "#passkey-submit").await;
    let said = key.get(&told["options"]);
    answers(&mut ada, "/login/passkey", "#passkey-submit", told["attempt"].as_str().unwrap(), &said).await;

    assert_eq!(ada.last.location(), "/account/security/totp");
}

#[tokio::test]
async fn beside_a_password_it_answers_for_the_second_factor() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::plain_key();
    makes_passkey(&mut ada, &mut key).await;
    sets_up_app(&stage, &mut ada).await;
    let mut again = half_way(&stage, "ada").await;

    let told = challenge(&mut again, "/login/second-factor/passkey/options", "#second-passkey-submit").await;
    assert_eq!(told["options"]["allowCredentials"].as_array().unwrap().len(), 1);
    let said = key.get(&told["options"]);
    let attempt = told["attempt"].as_str().unwrap();
    let status = answers(&mut again, "/login/second-factor/passkey", "#second-passkey-submit", attempt, &said).await;

    assert_eq!(status, 303, "{}", again.body());
    assert_eq!(again.last.location(), "/account");
}

#[tokio::test]
async fn somebody_elses_passkey_is_no_second_factor() {
    let stage = Stage::open().await;
    let (mut eve, _) = signed_in(&stage, "eve").await;
    let mut of_eve = Authenticator::new();
    makes_passkey(&mut eve, &mut of_eve).await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    makes_passkey(&mut ada, &mut Authenticator::new()).await;
    sets_up_app(&stage, &mut ada).await;
    let mut thief = half_way(&stage, "ada").await;
    for user in [of_eve.user.clone(), Vec::new(), stage.user("ada@example.org").await.id.0.as_bytes().to_vec()] {
        thief.open("/login/second-factor").await;
        let told = challenge(&mut thief, "/login/second-factor/passkey/options", "#second-passkey-submit").await;
        of_eve.user = user;
        let said = of_eve.get(&told["options"]);
        let attempt = told["attempt"].as_str().unwrap();
        let status =
            answers(&mut thief, "/login/second-factor/passkey", "#second-passkey-submit", attempt, &said).await;
        assert_eq!(status, 401);
        assert!(thief.session_cookie().is_none());
    }
}

#[tokio::test]
async fn a_key_that_does_not_ask_who_holds_it_is_not_enough_alone() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut plain = Authenticator::plain_key();
    assert_eq!(makes_passkey(&mut ada, &mut plain).await, 200);
    assert_eq!(uses_passkey(&mut stage.browser(), &mut plain).await, 401);

    let mut lazy = Authenticator::new();
    makes_passkey(&mut ada, &mut lazy).await;
    lazy.user_verified = false;
    assert_eq!(uses_passkey(&mut stage.browser(), &mut lazy).await, 401);
}

#[tokio::test]
async fn where_the_file_demands_it_a_plain_key_is_not_even_kept() {
    let stage = Stage::with("[login.passkey]\nuser_verification = \"required\"\n").await;
    let (mut ada, user) = signed_in(&stage, "ada").await;

    assert_eq!(makes_passkey(&mut ada, &mut Authenticator::plain_key()).await, 400);

    assert_eq!(stage.app.store().factors(user.id).await.unwrap().passkeys, 0);
}

#[tokio::test]
async fn an_answer_counts_once_in_all_processes() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut key = Authenticator { step: 0, counter: 0, ..Authenticator::new() };
    makes_passkey(&mut ada, &mut key).await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    let told = challenge(&mut browser, "/login/passkey/options", "#passkey-submit").await;
    let said = key.get(&told["options"]).to_string();
    let form = csrf(&browser, "#passkey-submit");
    let fields = [("csrf", form.as_str()), ("attempt", told["attempt"].as_str().unwrap()), ("credential", &said)];
    let mut there = browser.clone();
    there.goes_to(&twin);

    let asks = (0..8).map(|n| if n % 2 == 0 { &browser } else { &there }.asks("POST", "/login/passkey").form(&fields));
    let replies = at_once(asks.collect()).await;

    assert_eq!(sessions_in(&replies), 1);
}

#[tokio::test]
async fn a_password_lock_does_not_shut_out_a_passkey() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::new();
    makes_passkey(&mut ada, &mut key).await;
    for _ in 0..30 {
        let mut eve = stage.browser();
        eve.moves_to("198.51.100.9");
        types(&mut eve, "ada", "wrong").await;
    }
    let mut locked = stage.browser();
    assert_eq!(types(&mut locked, "ada", SECRET).await, 429);

    assert_eq!(uses_passkey(&mut stage.browser(), &mut key).await, 303);
}

#[tokio::test]
async fn a_service_may_leave_passkeys_out() {
    let stage = Stage::with("[services.wiki]\nallowed_providers = [\"password\"]\n").await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    assert!(!ada.has("#passkey-submit"));
    let form = csrf(&ada, "#password-submit");

    ada.post("/login/passkey/options", &[("csrf", &form), ("next", "https://wiki.example/"), ("service", "wiki")])
        .await;

    assert_eq!(ada.status(), 403);
}

#[tokio::test]
async fn switched_off_they_are_nowhere() {
    let stage = Stage::with("[login.passkey]\nenabled = false\n").await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    ada.open("/account/security").await;
    assert!(!ada.has("#add-passkey") && !ada.body().contains("<script"));
    assert_eq!(ada.open("/account/security/passkeys/new").await.status(), 403);
    let mut browser = stage.browser();
    browser.open("/login").await;
    assert!(!browser.has("#passkey-submit") && !browser.body().contains("<script"));
    assert!(!browser.last.header("content-security-policy").unwrap().contains("script-src"));
}

#[tokio::test]
async fn other_origins_of_ours_are_named_and_believed() {
    let stage = Stage::with("[login.passkey]\nextra_origins = [\"https://app.example\"]\n").await;
    let reply = stage.get("/.well-known/webauthn").await;
    assert_eq!(reply.json()["origins"], serde_json::json!(["https://auth.example", "https://app.example"]));
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let mut key = Authenticator::new();
    makes_passkey(&mut ada, &mut key).await;
    key.origin = "https://app.example".into();

    assert_eq!(uses_passkey(&mut stage.browser(), &mut key).await, 303);

    assert_eq!(Stage::open().await.get("/.well-known/webauthn").await.status, 404);
}

#[tokio::test]
async fn no_host_of_a_request_has_a_part_in_it() {
    let stage = Stage::open().await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    let form = csrf(&browser, "#passkey-submit");

    let ask = browser.asks("POST", "/login/passkey/options").header("x-forwarded-host", "evil.example");
    let told = ask.form(&[("csrf", &form)]).await.json();

    assert_eq!(told["options"]["rpId"], "auth.example");
}
