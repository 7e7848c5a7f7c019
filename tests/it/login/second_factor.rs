//! The app's code: asked for after every first factor, good once, counted for the person.

use time::Duration;

use super::{SECRET, at_once, csrf, events, half_way, sessions_in, sets_up_app, signed_in, types, with_app};
use crate::domain::proof::Amr;
use crate::it::stage::phone::text_of;
use crate::it::stage::request::query_of;
use crate::it::stage::{Browser, Phone, Stage};

/// Types a code into the second step; stays with the first answer.
async fn code(browser: &mut Browser, code: &str) -> u16 {
    browser.fill_in("#code", code).press_only("#second-submit").await.status()
}

async fn amr(stage: &Stage, browser: &mut Browser) -> Vec<Amr> {
    browser.open("/account").await;
    let cookie = browser.session_cookie().expect("a session").to_owned();
    assert!(!cookie.is_empty());
    let user = stage.user("ada@example.org").await;
    let idle = Duration::days(1);
    let newest =
        stage.app.store().sessions_of(user.id, idle).await.unwrap().into_iter().max_by_key(|s| s.id.0).unwrap();
    stage.app.live(newest.id).await.unwrap().unwrap().amr.clone()
}

#[tokio::test]
async fn a_password_alone_is_a_session_for_nobody() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let mut ada = half_way(&stage, "ada").await;
    assert!(ada.session_cookie().is_none());
    ada.step_to("/account").await;
    assert_eq!(ada.last.location(), "/login");

    ada.open("/login/second-factor").await;
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 303);

    assert_eq!(ada.last.location(), "/account");
    assert_eq!(amr(&stage, &mut ada).await, [Amr::Pwd, Amr::Otp]);
}

#[tokio::test]
async fn a_mailed_link_and_a_provider_are_asked_for_the_code_too() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada", "ada@example.org");
    let mut ada = stage.browser();
    ada.sign_in().await;
    sets_up_app(&stage, &mut ada).await;

    let mut by_provider = stage.browser();
    by_provider.sign_in().await;
    let mut by_mail = stage.browser();
    by_mail.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let token = letter.text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    by_mail.open(&format!("/login/magic-link?token={token}")).await.press("#confirm").await;

    for browser in [by_provider, by_mail] {
        assert!(browser.session_cookie().is_none());
        assert!(browser.has("#second-submit"), "{}", browser.body());
    }
}

#[tokio::test]
async fn the_code_counts_for_its_step_and_one_either_side() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    for (steps, status) in [(-2, 401), (2, 401), (-1, 303), (0, 303), (1, 303)] {
        stage.wait(Duration::minutes(10));
        let mut ada = half_way(&stage, "ada").await;
        assert_eq!(code(&mut ada, &phone.code(stage.now() + 30 * steps)).await, status, "{steps}");
    }
}

#[tokio::test]
async fn a_code_and_all_before_it_count_once() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let now = stage.now();
    assert_eq!(code(&mut half_way(&stage, "ada").await, &phone.code(now)).await, 303);

    for used in [now, now - 30] {
        assert_eq!(code(&mut half_way(&stage, "ada").await, &phone.code(used)).await, 401);
    }
    assert_eq!(code(&mut half_way(&stage, "ada").await, &phone.code(now + 30)).await, 303);
}

#[tokio::test]
async fn the_code_that_set_the_app_up_does_not_sign_in() {
    let stage = Stage::open().await;
    let (mut ada, _) = signed_in(&stage, "ada").await;
    let (phone, _) = sets_up_app(&stage, &mut ada).await;

    assert_eq!(code(&mut half_way(&stage, "ada").await, &phone.code(stage.now())).await, 401);
}

#[tokio::test]
async fn of_two_processes_one_takes_the_code() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let (mut here, mut there) = (half_way(&stage, "ada").await, half_way(&stage, "ada").await);
    there.goes_to(&twin);
    let typed = phone.code(stage.now());
    let ask = |browser: &mut Browser| {
        let form = csrf(browser, "#second-submit");
        browser.asks("POST", "/login/second-factor").form(&[("csrf", &form), ("code", &typed)])
    };

    let replies = at_once(vec![ask(&mut here), ask(&mut there)]).await;

    assert_eq!(sessions_in(&replies), 1);
}

#[tokio::test]
async fn five_wrong_codes_in_five_minutes_are_all_there_are_wherever_they_come_from() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    for count in 0..5 {
        let mut eve = half_way(&stage, "ada").await;
        eve.moves_to(&format!("192.0.2.{}", 100 + count));
        assert_eq!(code(&mut eve, "000000").await, 401);
    }

    let mut ada = half_way(&stage, "ada").await;
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 429);
    assert!(ada.sees("Try again in 5 minutes"), "{}", ada.body());
    assert_eq!(ada.last.header("retry-after"), Some("301"));

    stage.wait(Duration::seconds(299));
    let mut early = half_way(&stage, "ada").await;
    assert_eq!(code(&mut early, &phone.code(stage.now())).await, 429);
    stage.wait(Duration::seconds(1));
    assert_eq!(code(&mut half_way(&stage, "ada").await, "000000").await, 401);
    assert_eq!(code(&mut half_way(&stage, "ada").await, &phone.code(stage.now())).await, 429);
}

#[tokio::test]
async fn the_wait_grows() {
    let stage = Stage::with("[rate_limit]\nlogin_account = { limit = 1000, per = \"1m\", burst = 1000 }\n").await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let mut tried = 0;
    for _ in 0..12 {
        stage.wait(Duration::minutes(5));
        tried += u32::from(code(&mut half_way(&stage, "ada").await, "000000").await == 401);
    }
    assert_eq!(tried, 12, "twelve in an hour, five minutes apart");

    stage.wait(Duration::minutes(5));
    // One more is free by now: an hour has gone by since the first.
    assert_eq!(code(&mut half_way(&stage, "ada").await, "000000").await, 401);
    stage.wait(Duration::minutes(5));
    let mut ada = half_way(&stage, "ada").await;
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 429);
    assert!(ada.sees("Try again in 55 minutes"), "{}", ada.body());
}

/// The same digits in the writing that has its zero here.
fn in_script(code: &str, zero: u32) -> String {
    code.chars().map(|c| char::from_u32(zero + c.to_digit(10).unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn codes_are_read_as_people_write_them_and_nothing_breaks() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    type Form = fn(&str) -> String;
    let spaced: Form = |code| format!(" {} {} ", &code[..3], &code[3..]);
    let dashed: Form = |code| format!("{}-{}", &code[..3], &code[3..]);
    let forms: [(Form, u16); 8] = [
        (spaced, 303),
        (dashed, 303),
        (|code| in_script(code, 0x0660), 303),
        (|code| in_script(code, 0xff10), 303),
        (|code| format!("{code}0"), 401),
        (|code| format!("+{}", &code[1..]), 401),
        (|code| code[1..].to_owned(), 401),
        (|_| "9".repeat(1000), 401),
    ];
    for (form, status) in forms {
        stage.wait(Duration::minutes(10));
        let typed = form(&phone.code(stage.now()));
        assert_eq!(code(&mut half_way(&stage, "ada").await, &typed).await, status, "{typed}");
    }
}

#[tokio::test]
async fn nothing_but_an_answer_leads_past_the_step() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let (eve_user, eve_phone, _) = with_app(&stage, "eve").await;
    let mut ada = half_way(&stage, "ada").await;
    let form = csrf(&ada, "#second-submit");

    assert_eq!(ada.post("/login/second-factor", &[("csrf", &form)]).await.status(), 400);
    assert_eq!(ada.post("/login/second-factor", &[("csrf", &form), ("code", "  ")]).await.status(), 400);
    assert_eq!(ada.post("/login/second-factor", &[("code", &phone.code(stage.now()))]).await.status(), 400);
    for path in ["/login/enrol", "/account", "/account/security", "/account/security/totp"] {
        ada.step_to(path).await;
        assert!(ada.status() == 400 || ada.last.location() == "/login", "{path} {}", ada.status());
    }
    assert_eq!(ada.post("/login/enrol/totp", &[("csrf", &form), ("code", "000000")]).await.status(), 400);
    // Somebody else's code, and somebody else's id in the form, change nothing.
    let eve = eve_user.id.to_string();
    let fields = [("csrf", form.as_str()), ("code", &eve_phone.code(stage.now())), ("user", &eve)];
    assert_eq!(ada.post("/login/second-factor", &fields).await.status(), 401);
    assert!(ada.session_cookie().is_none());
}

#[tokio::test]
async fn a_finished_step_is_over_and_a_late_one_too() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let mut ada = half_way(&stage, "ada").await;
    let mut thief = ada.clone();
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 303);
    stage.wait(Duration::minutes(1));
    let form = csrf(&thief, "#second-submit");
    let late = [("csrf", form.as_str()), ("code", &phone.code(stage.now()))];
    assert_eq!(thief.post("/login/second-factor", &late).await.status(), 400);

    let mut slow = half_way(&stage, "ada").await;
    stage.wait(Duration::minutes(10));
    assert_eq!(code(&mut slow, &phone.code(stage.now())).await, 400);
}

#[tokio::test]
async fn who_is_locked_on_the_way_does_not_arrive() {
    let stage = Stage::open().await;
    let (user, phone, _) = with_app(&stage, "ada").await;
    let mut ada = half_way(&stage, "ada").await;
    stage.lock(user.id, true).await;

    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 403);
}

#[tokio::test]
async fn the_way_on_is_kept_and_the_planted_session_is_worth_nothing() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2Fa").await;
    ada.cookies.insert("__Host-countersign".into(), "AAAAAAAAAAAAAAAAAAAAAA".into());
    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
    assert!(ada.sees("Team wiki"));

    ada.fill_in("#code", &phone.code(stage.now())).press("#second-submit").await;

    assert!(query_of(&ada.at, "jwt").is_some(), "{}", ada.at);
    assert_ne!(ada.session_cookie(), Some("AAAAAAAAAAAAAAAAAAAAAA"));
}

#[tokio::test]
async fn swapped_rows_open_for_nobody() {
    use sea_orm::sea_query::Expr;
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::totp::{Column, Entity};
    let stage = Stage::open().await;
    let (ada, phone, _) = with_app(&stage, "ada").await;
    let (eve, ..) = with_app(&stage, "eve").await;
    let store = stage.app.store();
    let of_ada = store.totp(ada.id).await.unwrap().unwrap().sealed;
    Entity::update_many()
        .col_expr(Column::Sealed, Expr::value(of_ada))
        .filter(Column::UserId.eq(eve.id.0))
        .exec(store.write())
        .await
        .unwrap();

    assert_eq!(code(&mut half_way(&stage, "eve").await, &phone.code(stage.now())).await, 401);
    assert_eq!(code(&mut half_way(&stage, "ada").await, &phone.code(stage.now())).await, 303);
}

#[tokio::test]
async fn an_app_is_set_up_from_a_fresh_session_and_after_its_code() {
    let stage = Stage::open().await;
    let (mut ada, user) = signed_in(&stage, "ada").await;
    ada.open("/account/security/totp").await;
    let key = text_of(ada.body(), "totp-key").to_owned();
    assert!(Phone::typed(&key).seed().len() >= 20);
    assert!(ada.body().contains("<svg") && !ada.body().contains("style="));

    ada.fill_in("#code", "000000").press("#totp-submit").await;
    assert_eq!(ada.status(), 401);
    assert!(!stage.app.store().factors(user.id).await.unwrap().totp);
    assert_eq!(text_of(ada.body(), "totp-key"), key, "the app knows it already");

    stage.wait(Duration::minutes(10));
    ada.step_to("/account/security/totp").await;
    assert!(ada.last.location().starts_with("/account/confirm"), "{}", ada.last.location());
    let mut late = ada.clone();
    let phone = Phone::typed(&key);
    let form = stage.app.house.master.mac("csrf", &[&ada.cookies["__Host-countersign-browser"]]);
    let fields = [("csrf", form.as_str()), ("code", &phone.code(stage.now()))];
    late.post("/account/security/totp", &fields).await;
    assert!(late.last.location().starts_with("/account/confirm"), "{} {}", late.status(), late.body());

    ada.open("/account/security/totp").await;
    ada.fill_in("#email", "ada").fill_in("#password", SECRET).press("#password-submit").await;
    assert!(ada.has("#totp-key"), "{}", ada.body());
    let phone = Phone::typed(text_of(ada.body(), "totp-key"));
    ada.fill_in("#code", &phone.code(stage.now())).press("#totp-submit").await;
    assert_eq!(ada.status(), 200);
    ada.open("/account/security/totp").await;
    assert!(!ada.body().contains("totp-key"), "the seed is shown no more");
    assert_eq!(events(&stage, "credential.totp_added").await, 1);
    assert!(stage.letter_to("ada@example.org").await.unwrap().subject.contains("authenticator app"));
}

#[tokio::test]
async fn the_app_is_removed_only_by_who_proved_a_factor() {
    let stage = Stage::open().await;
    let (mut ada, user) = signed_in(&stage, "ada").await;
    let (phone, _) = sets_up_app(&stage, &mut ada).await;
    stage.wait(Duration::minutes(1));
    // Fresh, but this session was begun with the password alone.
    ada.open("/account/security").await.press("#remove-totp").await;
    assert!(ada.has("#second-submit"), "{}", ada.body());
    assert!(stage.app.store().factors(user.id).await.unwrap().totp);

    ada.fill_in("#code", &phone.code(stage.now())).press("#second-submit").await;
    assert_eq!(ada.at, "/account/security");
    ada.press("#remove-totp").await;

    assert!(ada.sees("The app is removed"), "{}", ada.body());
    let left = stage.app.store().factors(user.id).await.unwrap();
    assert_eq!((left.totp, left.recovery_left), (false, 0));
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 303);
    assert_eq!(events(&stage, "credential.totp_removed").await, 1);
}

#[tokio::test]
async fn an_admin_takes_factors_away_and_sets_nothing() {
    use crate::domain::audit::By;
    let stage = Stage::open().await;
    let (user, ..) = with_app(&stage, "ada").await;

    assert!(stage.app.accounts.reset_factors(&user, &By::command()).await.unwrap());

    assert!(!stage.app.accounts.reset_factors(&user, &By::command()).await.unwrap());
    let mut ada = stage.browser();
    types(&mut ada, "ada", SECRET).await;
    assert_eq!(ada.last.location(), "/account");
    assert_eq!(events(&stage, "credential.factors_reset").await, 1);
    assert!(stage.letter_to("ada@example.org").await.unwrap().text.contains("administrator"));
}

#[tokio::test]
async fn a_step_that_waits_is_over_when_password_factors_or_a_lock_change() {
    let stage = Stage::open().await;
    let (user, phone, _) = with_app(&stage, "ada").await;
    let (accounts, by) = (&stage.app.accounts, crate::domain::audit::By::command());

    let mut ada = half_way(&stage, "ada").await;
    assert!(stage.set_locked(user.id, true).await && stage.set_locked(user.id, false).await);
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 400, "locked meanwhile");

    let mut ada = half_way(&stage, "ada").await;
    stage.wait(Duration::minutes(1));
    accounts.change_password(&user, SECRET, None, None, &by).await.unwrap();
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 400, "the password was set anew");

    let mut ada = half_way(&stage, "ada").await;
    let mut browser = half_way(&stage, "ada").await;
    assert_eq!(code(&mut browser, &phone.code(stage.now())).await, 303, "nothing has changed");
    assert!(accounts.remove_totp(&user, &by).await.unwrap());
    assert_eq!(code(&mut ada, &phone.code(stage.now())).await, 400, "the app is gone");
}
