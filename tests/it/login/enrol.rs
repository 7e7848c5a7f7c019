//! Where a second factor is demanded and there is none, it is set up before there is a session.

use super::{SECRET, answers, challenge, signed_in, types, with_app, with_password};
use crate::it::stage::phone::{recovery_codes, text_of};
use crate::it::stage::request::query_of;
use crate::it::stage::{Authenticator, Phone, Stage, set_roles};

const ALWAYS: &str = "[login.mfa]\nrequire = \"always\"\n";

#[tokio::test]
async fn who_has_none_sets_up_an_app_and_sees_the_codes_before_going_on() {
    let stage = Stage::with(ALWAYS).await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2Fa").await;
    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
    assert!(ada.session_cookie().is_none());
    assert!(ada.sees("needs a second proof") && ada.sees("Team wiki"), "{}", ada.body());
    let phone = Phone::typed(text_of(ada.body(), "totp-key"));
    ada.fill_in("#code", "000000").press("#totp-submit").await;
    assert_eq!(ada.status(), 401);
    assert!(ada.session_cookie().is_none());

    ada.fill_in("#code", &phone.code(stage.now())).press("#totp-submit").await;

    assert_eq!(recovery_codes(ada.body()).len(), 10);
    assert!(ada.session_cookie().is_some());
    ada.press("#continue").await;
    assert!(query_of(&ada.at, "jwt").is_some(), "{}", ada.at);
}

#[tokio::test]
async fn a_passkey_will_do() {
    let stage = Stage::with(ALWAYS).await;
    let user = with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    types(&mut ada, "ada", SECRET).await;
    ada.open("/login/enrol").await;
    let mut key = Authenticator::new();
    let told = challenge(&mut ada, "/login/enrol/passkey/options", "#enrol-passkey-submit").await;
    let made = key.create(&told["options"]);

    let status =
        answers(&mut ada, "/login/enrol/passkey", "#enrol-passkey-submit", told["attempt"].as_str().unwrap(), &made)
            .await;

    assert_eq!(status, 200, "{}", ada.body());
    assert_eq!(recovery_codes(ada.body()).len(), 10);
    assert!(ada.session_cookie().is_some());
    assert_eq!(stage.app.store().factors(user.id).await.unwrap().passkeys, 1);
}

#[tokio::test]
async fn only_admins_where_the_file_says_so() {
    let stage = Stage::with("[login.mfa]\nrequire = \"admins\"\n").await;
    let ada = with_password(&stage, "ada").await;
    with_password(&stage, "bob").await;
    set_roles(stage.app.store(), ada.id, &["admin"]).await;

    for (name, to) in [("ada", "/login/enrol"), ("bob", "/account")] {
        let mut browser = stage.browser();
        types(&mut browser, name, SECRET).await;
        assert_eq!(browser.last.location(), to);
    }
}

#[tokio::test]
async fn nobody_adds_a_second_app_on_the_way_in() {
    let stage = Stage::with(ALWAYS).await;
    with_password(&stage, "ada").await;
    let (mut first, mut second) = (stage.browser(), stage.browser());
    types(&mut first, "ada", SECRET).await;
    types(&mut second, "ada", SECRET).await;
    first.open("/login/enrol").await;
    second.open("/login/enrol").await;
    let phone = Phone::typed(text_of(first.body(), "totp-key"));
    first.fill_in("#code", &phone.code(stage.now())).press("#totp-submit").await;
    assert_eq!(first.status(), 200);

    let theirs = Phone::typed(text_of(second.body(), "totp-key"));
    second.fill_in("#code", &theirs.code(stage.now())).press("#totp-submit").await;

    assert_eq!(second.status(), 400);
    assert!(second.session_cookie().is_none());
}

#[tokio::test]
async fn a_seed_of_somebody_else_is_no_seed() {
    let stage = Stage::with(ALWAYS).await;
    with_password(&stage, "ada").await;
    with_password(&stage, "eve").await;
    let mut eve = stage.browser();
    types(&mut eve, "eve", SECRET).await;
    eve.open("/login/enrol").await;
    let phone = Phone::typed(text_of(eve.body(), "totp-key"));
    types(&mut eve, "ada", SECRET).await;
    let form = csrf_of(&stage, &eve);

    eve.post("/login/enrol/totp", &[("csrf", &form), ("code", &phone.code(stage.now()))]).await;

    assert_eq!(eve.status(), 400);
}

fn csrf_of(stage: &Stage, browser: &crate::it::stage::Browser) -> String {
    stage.app.house.master.mac("csrf", &[&browser.cookies["__Host-countersign-browser"]])
}

const STRICT: &str = "[services.wiki]\nrequire_mfa = true\n";

#[tokio::test]
async fn a_service_that_asks_for_more_gets_more() {
    let stage = Stage::with(STRICT).await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    stage.reload("[services.wiki]\nrequire_mfa = false\n").unwrap();
    // Somebody whose session has one factor only: set up after it began.
    let (mut bob, _) = signed_in(&stage, "bob").await;
    stage.reload(STRICT).unwrap();
    bob.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    assert!(bob.has("#totp-submit"), "{}", bob.body());
    let app = Phone::typed(text_of(bob.body(), "totp-key"));
    bob.fill_in("#code", &app.code(stage.now())).press("#totp-submit").await;
    bob.press("#continue").await;
    assert!(query_of(&bob.at, "jwt").is_some(), "{}", bob.at);

    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
    ada.fill_in("#code", &phone.code(stage.now())).press("#second-submit").await;
    assert!(query_of(&ada.at, "jwt").is_some(), "{}", ada.at);
}

#[tokio::test]
async fn a_login_token_with_one_factor_is_not_enough_for_such_a_service() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
    let token = query_of(&ada.at, "jwt").unwrap();
    let ask = || stage.get("/auth/authorize?service=wiki").bearer(&token);
    assert_eq!(ask().await.status, 200, "{}", ask().await.body);

    stage.reload(STRICT).unwrap();

    let refused = ask().await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.body.contains("second factor"), "{}", refused.body);
}

#[tokio::test]
async fn a_provider_that_asked_for_two_factors_is_believed_only_where_the_file_says_so() {
    for (keys, trusted) in [
        (String::new(), false),
        ("trust_upstream_amr = true\n".to_owned(), true),
        ("trust_upstream_amr = true\n[providers.sso]\nemail_trust = \"never\"\n".to_owned(), false),
    ] {
        let stage = Stage::with(&format!("{ALWAYS}{keys}")).await;
        for (amr, counts) in [(serde_json::json!(["pwd", "mfa"]), trusted), (serde_json::json!(["pwd"]), false)] {
            stage.upstream.script().claims["amr"] = amr;
            let mut ada = stage.browser();
            ada.sign_in().await;
            assert_eq!(ada.session_cookie().is_some(), counts, "{keys} {}", ada.body());
        }
    }
}
