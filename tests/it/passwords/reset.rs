//! A mailed link to another password: once, the newest, in time, and it signs nobody in.

use std::future::IntoFuture as _;

use time::Duration;

use super::people::{OTHER, SECRET, add, events, give_totp, types, with_password};
use crate::it::login::with_app;
use crate::it::stage::{Browser, Stage};

/// Asks for a link; stays with the first answer.
async fn asks(stage: &Stage, email: &str) -> Browser {
    let mut browser = stage.browser();
    browser.open("/login/forgot").await.fill_in("#email", email).press_only("#forgot-submit").await;
    browser
}

/// The path in the newest letter.
async fn link(stage: &Stage, email: &str) -> String {
    let letter = stage.letter_to(email).await.unwrap();
    let line = letter.text.lines().find(|line| line.contains("/login/reset?token=")).expect("a link");
    line.trim().trim_start_matches("https://auth.example").to_owned()
}

/// A browser with the form of a link.
async fn opens(stage: &Stage, link: &str) -> Browser {
    let mut browser = stage.browser();
    browser.open(link).await;
    browser
}

/// Ada, her link, and a browser at its form.
async fn ada_at_the_form(stage: &Stage) -> Browser {
    with_password(stage, "ada").await;
    asks(stage, "ada@example.org").await;
    opens(stage, &link(stage, "ada@example.org").await).await
}

#[tokio::test]
async fn a_new_password_is_set_and_nobody_is_signed_in_by_it() {
    let stage = Stage::open().await;
    let mut ada = ada_at_the_form(&stage).await;
    assert_eq!(ada.at, "/login/reset", "the token has left the address");
    assert!(ada.sees("ada@example.org"));

    ada.fill_in("#password", OTHER).press("#reset-submit").await;

    assert_eq!(ada.at, "/login?news=password-set");
    assert!(ada.sees("Your new password is set. Sign in with it."));
    assert!(ada.session_cookie().is_none());
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 401);
    assert_eq!(types(&mut stage.browser(), "ada", OTHER).await, 303);
    assert_eq!(stage.letter_to("ada@example.org").await.unwrap().subject, "Your auth.example password was changed");
    let all = events(&stage).await;
    assert!(
        all.contains(&"credential.password_reset_asked".into()) && all.contains(&"credential.password_reset".into())
    );
}

#[tokio::test]
async fn the_link_is_found_on_the_login_page() {
    let stage = Stage::open().await;
    let mut browser = stage.browser();
    browser.open("/login").await;
    assert!(browser.body().contains("href=\"/login/forgot\""));
}

#[tokio::test]
async fn opening_the_link_uses_nothing_up() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    asks(&stage, "ada@example.org").await;
    let link = link(&stage, "ada@example.org").await;
    for method in ["GET", "HEAD", "OPTIONS", "GET"] {
        stage.ask(method, &link).await;
    }

    let mut ada = opens(&stage, &link).await;
    assert_eq!(ada.fill_in("#password", OTHER).press_only("#reset-submit").await.status(), 303);
}

#[tokio::test]
async fn the_page_tells_nobody_of_the_token() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    asks(&stage, "ada@example.org").await;
    let link = link(&stage, "ada@example.org").await;
    let token = link.split_once("token=").unwrap().1;

    let mut ada = stage.browser();
    ada.step_to(&link).await;
    assert_eq!((ada.status(), ada.last.location()), (303, "/login/reset"));
    assert_eq!(ada.last.header("cache-control"), Some("no-store"));
    ada.open("/login/reset").await;

    assert!(!ada.body().contains(token) && !ada.body().contains("://"), "{}", ada.body());
    assert_eq!(ada.last.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(ada.last.header("cache-control"), Some("no-store"));
}

/// Status, place and page of an answer, without what differs for every browser.
async fn seen(stage: &Stage, email: &str) -> (u16, String, String) {
    let mut browser = asks(stage, email).await;
    let (status, to) = (browser.status(), browser.last.location().to_owned());
    browser.open(&to).await;
    (status, to, browser.body().to_owned())
}

#[tokio::test]
async fn the_answer_is_the_same_for_every_address() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    add(&stage, "nopwd", None).await;
    let locked = with_password(&stage, "locky").await;
    stage.lock(locked.id, true).await;

    let known = seen(&stage, "ada@example.org").await;

    assert_eq!(known.0, 303);
    for email in ["nobody@example.org", "nopwd@example.org", "locky@example.org"] {
        assert_eq!(seen(&stage, email).await, known, "{email}");
    }
    assert!(stage.letter_to("nobody@example.org").await.is_none());
    assert!(stage.letter_to("locky@example.org").await.is_none());
}

#[tokio::test]
async fn who_signs_in_with_a_provider_hears_so_and_gets_no_link() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada-at-sso", "ada@example.org");
    stage.browser().sign_in().await;

    asks(&stage, "ada@example.org").await;

    let letter = stage.letter_to("ada@example.org").await.unwrap();
    assert!(letter.text.contains("The account has no password."), "{}", letter.text);
    assert!(!letter.text.contains("/login/reset"));
}

#[tokio::test]
async fn only_one_plain_address_is_read_and_the_letter_goes_to_the_stored_one() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut eve = stage.browser();
    eve.open("/login/forgot").await;
    let csrf = eve.fields("#forgot-submit")[0].1.clone();
    let post = |fields: &[(&str, &str)]| eve.asks("POST", "/login/forgot").form(fields);

    for email in [
        "ada@example.org,eve@evil.example",
        "ada@example.org;eve@evil.example",
        "ada@example.org\r\nBcc: eve@evil.example",
        "ada@example.org eve@evil.example",
        "ada@example.org\0",
        "",
    ] {
        assert_eq!(post(&[("csrf", &csrf), ("email", email)]).await.status, 400, "{email:?}");
    }
    assert_eq!(post(&[("csrf", &csrf), ("email", "ada@example.org"), ("email", "eve@evil.example")]).await.status, 400);
    assert_eq!(post(&[("csrf", &csrf), ("email[]", "eve@evil.example")]).await.status, 400);
    let json = serde_json::json!({ "csrf": csrf, "email": ["ada@example.org", "eve@evil.example"] });
    assert_eq!(eve.asks("POST", "/login/forgot").json(&json).await.status, 415);
    assert_eq!(stage.letters().await, []);

    assert_eq!(post(&[("csrf", &csrf), ("email", " ADA@Example.org ")]).await.status, 303);
    assert_eq!(stage.letters().await.len(), 1);
    assert_eq!(stage.letters().await[0].to.as_str(), "ada@example.org");
}

#[tokio::test]
async fn a_link_is_over_after_a_newer_one_after_use_in_time_and_after_a_sign_in() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let get = async || {
        asks(&stage, "ada@example.org").await;
        link(&stage, "ada@example.org").await
    };

    let (first, second) = (get().await, get().await);
    assert_eq!(opens(&stage, &first).await.status(), 410, "a newer one was sent");
    let mut there = opens(&stage, &second).await;
    let mut ada = opens(&stage, &second).await;
    assert_eq!(ada.fill_in("#password", OTHER).press_only("#reset-submit").await.status(), 303);
    assert_eq!(there.fill_in("#password", SECRET).press_only("#reset-submit").await.status(), 410, "used");
    assert_eq!(opens(&stage, &second).await.status(), 410);

    stage.wait(Duration::hours(2));
    let third = get().await;
    stage.wait(Duration::minutes(29));
    assert_eq!(opens(&stage, &third).await.status(), 200);
    stage.wait(Duration::minutes(1));
    assert_eq!(opens(&stage, &third).await.status(), 410, "late");

    let fourth = get().await;
    let mut half = opens(&stage, &fourth).await;
    assert_eq!(types(&mut stage.browser(), "ada", OTHER).await, 303);
    assert_eq!(opens(&stage, &fourth).await.status(), 410, "who knows the password needs no link");
    assert_eq!(half.fill_in("#password", SECRET).press_only("#reset-submit").await.status(), 410);
}

#[tokio::test]
async fn a_link_is_over_when_the_address_is_no_longer_theirs_or_the_account_is_locked() {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::address::{Column, Entity};
    let stage = Stage::open().await;
    let mut ada = ada_at_the_form(&stage).await;
    let user = stage.user("ada@example.org").await;
    stage.lock(user.id, true).await;
    assert_eq!(ada.fill_in("#password", OTHER).press_only("#reset-submit").await.status(), 410);
    stage.lock(user.id, false).await;
    ada.open("/login/reset").await;
    assert_eq!(ada.status(), 200);

    Entity::delete_many().filter(Column::UserId.eq(user.id.0)).exec(stage.app.store().write()).await.unwrap();

    assert_eq!(ada.fill_in("#password", OTHER).press_only("#reset-submit").await.status(), 410);
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_the_link_at_once_on_two_servers_one_sets_the_password() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let ada = ada_at_the_form(&stage).await;
    let csrf = ada.fields("#reset-submit").into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let mut there = ada.clone();
    there.goes_to(&twin);
    let wish = |n: usize| format!("purple elephants dance {n} times");

    let asks = (0..10).map(|n| {
        let browser = if n % 2 == 0 { &ada } else { &there };
        let ask = browser.asks("POST", "/login/reset").form(&[("csrf", csrf.as_str()), ("password", &wish(n))]);
        tokio::spawn(ask.into_future())
    });
    let mut statuses = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        statuses.push(ask.await.unwrap().status);
    }

    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 410).count(), 9, "{statuses:?}");
    let winner = statuses.iter().position(|status| *status == 303).unwrap();
    assert_eq!(types(&mut stage.browser(), "ada", &wish(winner)).await, 303);
    let letters = stage.letters().await;
    assert_eq!(letters.iter().filter(|mail| mail.subject.contains("was changed")).count(), 1);
}

#[tokio::test]
async fn everything_that_was_opened_with_the_old_one_ends() {
    let stage = Stage::open().await;
    let mut ada = ada_at_the_form(&stage).await;
    stage.wait(Duration::SECOND);
    let mut elsewhere = stage.browser();
    elsewhere.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let magic = letter.text.lines().find(|line| line.contains("/login/magic-link")).unwrap().trim().to_owned();
    let mut signed_in = stage.browser();
    signed_in.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let used = letter.text.lines().find(|line| line.contains("/login/magic-link")).unwrap().trim().to_owned();
    signed_in.open(&used).await.press("#confirm").await;
    assert_eq!(signed_in.open("/account").await.at, "/account");
    stage.wait(Duration::SECOND);

    assert_eq!(ada.fill_in("#password", OTHER).press_only("#reset-submit").await.status(), 303);

    assert_eq!(signed_in.open("/account").await.at, "/login");
    elsewhere.open(&magic).await.press_only("#confirm").await;
    assert_eq!(elsewhere.status(), 400);
    assert!(elsewhere.session_cookie().is_none());
}

#[tokio::test]
async fn a_bad_wish_uses_nothing_up() {
    let stage = Stage::open().await;
    let mut ada = ada_at_the_form(&stage).await;

    assert_eq!(ada.fill_in("#password", "ada").press_only("#reset-submit").await.status(), 400);
    assert!(ada.sees("at least 15 characters"));

    assert_eq!(ada.fill_in("#password", OTHER).press_only("#reset-submit").await.status(), 303);
}

#[tokio::test]
async fn a_reset_wakes_an_account_that_rests() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    for n in 0..5 {
        let mut eve = stage.browser();
        eve.moves_to(&format!("198.51.100.{n}"));
        assert_eq!(types(&mut eve, "ada", "wrong").await, 401);
    }
    assert_eq!(types(&mut stage.browser(), "ada", SECRET).await, 429);
    asks(&stage, "ada@example.org").await;
    let mut ada = opens(&stage, &link(&stage, "ada@example.org").await).await;

    ada.fill_in("#password", OTHER).press("#reset-submit").await;

    assert_eq!(types(&mut stage.browser(), "ada", OTHER).await, 303);
}

#[tokio::test]
async fn where_there_is_a_second_factor_it_is_asked_for_first() {
    let stage = Stage::open().await;
    let ada = with_password(&stage, "ada").await;
    give_totp(&stage, ada.id).await;
    asks(&stage, "ada@example.org").await;
    let link = link(&stage, "ada@example.org").await;
    let mut browser = stage.browser();
    browser.step_to(&link).await.step_to("/login/reset").await;
    assert_eq!((browser.status(), browser.last.location()), (303, "/login/second-factor"));

    // The form cannot be sent around it.
    browser.step_to("/login").await;
    let csrf = browser.fields("#password-submit").into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    browser.post("/login/reset", &[("csrf", &csrf), ("password", OTHER)]).await;

    assert_eq!((browser.status(), browser.last.location()), (303, "/login/second-factor"));
    assert!(stage.app.accounts.factors(&ada).await.unwrap().totp, "the factor stays");
    let hasher = stage.app.accounts.hasher();
    let hash = stage.app.store().password_hash(ada.id).await.unwrap();
    assert_eq!(hasher.check(OTHER, hash.as_deref()).await.unwrap(), crate::account::password::Checked::Wrong);
}

#[tokio::test]
async fn with_the_second_factor_the_password_is_set_and_still_nobody_is_signed_in() {
    for by_recovery in [false, true] {
        let stage = Stage::open().await;
        let (user, phone, codes) = with_app(&stage, "ada").await;
        asks(&stage, "ada@example.org").await;
        let mut ada = opens(&stage, &link(&stage, "ada@example.org").await).await;
        assert_eq!(ada.at, "/login/second-factor");
        assert_eq!(ada.fill_in("#code", "000000").press_only("#second-submit").await.status(), 401);
        let code = if by_recovery { codes[0].clone() } else { phone.code(stage.now()) };

        ada.fill_in("#code", &code).press("#second-submit").await;
        assert_eq!(ada.at, "/login/reset", "{}", ada.body());
        assert!(ada.session_cookie().is_none());
        ada.fill_in("#password", OTHER).press("#reset-submit").await;

        assert_eq!(ada.at, "/login?news=password-set");
        assert!(ada.session_cookie().is_none());
        assert!(stage.app.accounts.factors(&user).await.unwrap().totp, "the factor stays");
        let mut again = stage.browser();
        assert_eq!(types(&mut again, "ada", OTHER).await, 303);
        assert_eq!(again.last.location(), "/login/second-factor");
    }
}

#[tokio::test]
async fn what_a_squatter_set_up_under_the_address_stops_nobody_and_goes() {
    use crate::domain::user::Username;
    use crate::store::users::NewUser;
    let stage = Stage::open().await;
    let email = "ada@example.org".parse().unwrap();
    let new = NewUser { username: Username::new("ada"), email: Some((email, false)), ..NewUser::default() };
    let by = crate::domain::audit::By::command();
    let squatted = stage.app.accounts.add(new, Some("what only the squatter knows"), &by).await.unwrap();
    give_totp(&stage, squatted.id).await;
    asks(&stage, "ada@example.org").await;
    let mut ada = opens(&stage, &link(&stage, "ada@example.org").await).await;
    assert_eq!(ada.at, "/login/reset");

    ada.fill_in("#password", OTHER).press("#reset-submit").await;

    assert!(!stage.app.accounts.factors(&squatted).await.unwrap().any());
    assert!(stage.user("ada@example.org").await.email.unwrap().verified);
    assert_eq!(types(&mut stage.browser(), "ada", "what only the squatter knows").await, 401);
    assert_eq!(types(&mut stage.browser(), "ada", OTHER).await, 303);
}

#[tokio::test]
async fn a_second_factor_without_a_link_that_counts_leads_nowhere() {
    let stage = Stage::open().await;
    let (_, phone, _) = with_app(&stage, "ada").await;
    asks(&stage, "ada@example.org").await;
    let mut ada = opens(&stage, &link(&stage, "ada@example.org").await).await;
    asks(&stage, "ada@example.org").await;

    ada.fill_in("#code", &phone.code(stage.now())).press_only("#second-submit").await;

    assert_eq!(ada.status(), 410, "a newer one was sent");
    assert!(ada.session_cookie().is_none());
    assert_eq!(ada.open("/account").await.at, "/login");
}

#[tokio::test]
async fn the_keys_of_the_account_end_too() {
    let stage = Stage::open().await;
    let user = with_password(&stage, "ada").await;
    let owner = crate::store::api_keys::Owner::User(user.id);
    crate::it::api_keys::add(&stage, &owner, &["authorize"]).await;
    let live = async || stage.app.store().api_keys_of(&owner).await.unwrap().len();
    assert_eq!(live().await, 1);
    asks(&stage, "ada@example.org").await;
    let mut ada = opens(&stage, &link(&stage, "ada@example.org").await).await;

    ada.fill_in("#password", OTHER).press("#reset-submit").await;

    assert_eq!(live().await, 0);
    assert!(events(&stage).await.contains(&"apikey.revoked".to_owned()));
}

#[tokio::test]
async fn links_of_other_kinds_and_of_other_cookies_are_none() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    asks(&stage, "ada@example.org").await;
    let good = link(&stage, "ada@example.org").await;
    let mut bob = stage.browser();
    bob.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let magic = letter.text.lines().find(|line| line.contains("/login/magic-link")).unwrap().trim();
    let token = magic.split_once("token=").unwrap().1;

    for bad in ["", "x", token, &good[..good.len() - 1]] {
        let path = if bad.starts_with('/') { bad.to_owned() } else { format!("/login/reset?token={bad}") };
        assert_eq!(stage.browser().open(&path).await.status(), 410, "{path}");
    }
    assert_eq!(stage.browser().open("/login/reset").await.status(), 410, "without a link");
    let reset = good.split_once("token=").unwrap().1;
    assert_eq!(stage.browser().open(&format!("/login/magic-link?token={reset}")).await.status(), 400);
}

#[tokio::test]
async fn letters_are_counted_by_address_and_by_client() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(asks(&stage, "ada@example.org").await.status());
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    let mut other = Vec::new();
    let stage = Stage::open().await;
    for _ in 0..8 {
        other.push(asks(&stage, "ada@example.org").await.status());
    }
    assert_eq!(other, statuses, "the same for nobody");
}
