//! Addresses: proven before they are somebody's, and the one before hears of it.

use time::Duration;

use super::{PASSWORD, letter, link_in, sign_up};
use crate::domain::audit::By;
use crate::it::stage::{Browser, Stage};
use crate::store::users::NewUser;

const CALM: &str = "[rate_limit]\nexempt = [\"192.0.2.0/24\"]\n";

async fn ada_on(stage: &Stage) -> Browser {
    let mut ada = stage.browser();
    sign_up(stage, &mut ada, "ada@example.org", PASSWORD).await;
    ada
}

async fn want(browser: &mut Browser, email: &str, as_main: bool) {
    browser.open("/account/addresses").await.fill_in("#email", email);
    if as_main {
        browser.fill_in("#as-main", "yes");
    }
    browser.press("#address-submit").await;
}

async fn held(stage: &Stage, email: &str) -> Vec<(String, bool)> {
    let user = stage.user(email).await;
    let all = stage.app.store().addresses(user.id).await.unwrap();
    all.into_iter().map(|held| (held.email.to_string(), held.is_main)).collect()
}

fn both(main: &str, other: &str) -> Vec<(String, bool)> {
    vec![(main.to_owned(), true), (other.to_owned(), false)]
}

#[tokio::test]
async fn an_address_is_added_by_the_button_behind_its_link() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    want(&mut ada, "ada@work.example", false).await;
    assert!(ada.sees("A link is on its way"), "{}", ada.body());
    let link = link_in(&letter(&stage, "ada@work.example").await);
    ada.open(&link).await;
    assert_eq!(held(&stage, "ada@example.org").await.len(), 1, "looking changes nothing");

    ada.press("#confirm").await;

    assert!(ada.sees("The address is yours."), "{}", ada.body());
    assert_eq!(held(&stage, "ada@work.example").await, both("ada@example.org", "ada@work.example"));
    assert_eq!(ada.open(&link).await.status(), 410, "once");
    let mut again = stage.browser();
    again.open("/login").await.fill_in("#email", "ada@work.example").fill_in("#password", PASSWORD);
    again.press("#password-submit").await;
    assert_eq!(again.at, "/account", "every address opens the account");
}

#[tokio::test]
async fn nobody_adds_an_address_by_having_its_owner_press_a_button() {
    let stage = Stage::with(CALM).await;
    let mut mallory = stage.browser();
    sign_up(&stage, &mut mallory, "mallory@example.org", PASSWORD).await;
    want(&mut mallory, "victim@example.org", false).await;
    let link = link_in(&letter(&stage, "victim@example.org").await);
    let (mut nobody, mut other) = (stage.browser(), ada_on(&stage).await);

    nobody.open(&link).await;
    assert!(nobody.sees("Sign in first") && !nobody.has("#confirm"));
    other.open(&link).await;
    assert!(other.sees("another account") && !other.has("#confirm"));
    let csrf = other.open("/account/addresses").await.fields("#address-submit")[0].1.clone();
    other.post("/account/addresses/confirm", &[("csrf", &csrf), ("token", link.rsplit('=').next().unwrap())]).await;

    assert_eq!(other.status(), 403);
    assert_eq!(held(&stage, "mallory@example.org").await.len(), 1);
}

#[tokio::test]
async fn an_address_of_somebody_else_gives_the_same_answer_and_its_owner_a_letter() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    let mut bob = stage.browser();
    sign_up(&stage, &mut bob, "bob@example.org", PASSWORD).await;

    want(&mut ada, "free@example.org", false).await;
    let free = (ada.status(), ada.body().to_owned());
    want(&mut ada, "bob@example.org", false).await;

    assert_eq!((ada.status(), ada.body().to_owned()), free);
    let told = letter(&stage, "bob@example.org").await;
    assert!(!told.text.contains("https://auth.example/account"), "{}", told.text);
    assert_eq!(held(&stage, "bob@example.org").await.len(), 1);
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_stays_where_it_is() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    want(&mut ada, "new@example.org", false).await;
    let link = link_in(&letter(&stage, "new@example.org").await);
    sign_up(&stage, &mut stage.browser(), "new@example.org", PASSWORD).await;

    ada.open(&link).await.press("#confirm").await;

    assert_eq!(ada.status(), 409);
    assert_eq!(held(&stage, "ada@example.org").await.len(), 1);
}

#[tokio::test]
async fn the_newest_link_counts_and_none_outlives_the_password_or_a_day() {
    let stage = Stage::with(&format!("{CALM}[session]\nsudo_window = \"1h\"\nidle_timeout = \"48h\"")).await;
    let mut ada = ada_on(&stage).await;
    want(&mut ada, "one@example.org", false).await;
    let first = link_in(&letter(&stage, "one@example.org").await);
    want(&mut ada, "two@example.org", false).await;
    let second = link_in(&letter(&stage, "two@example.org").await);

    assert_eq!(ada.open(&first).await.status(), 410);
    ada.open(&second).await;
    assert!(ada.has("#confirm"));
    stage.wait(Duration::SECOND);
    let user = stage.user("ada@example.org").await;
    let hash = stage.app.store().password_hash(user.id).await.unwrap().unwrap();
    crate::store::users::set_password_hash(stage.app.store().write(), user.id, &hash, stage.now()).await.unwrap();
    assert_eq!(ada.press("#confirm").await.status(), 410, "the password was set anew");

    want(&mut ada, "three@example.org", false).await;
    let third = link_in(&letter(&stage, "three@example.org").await);
    stage.wait(Duration::hours(24) - Duration::SECOND);
    assert_eq!(ada.open(&third).await.status(), 200);
    stage.wait(Duration::SECOND);
    assert_eq!(ada.open(&third).await.status(), 410);
}

#[tokio::test]
async fn another_main_address_is_told_to_the_one_before_who_can_take_it_back() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    want(&mut ada, "thief@example.org", true).await;
    ada.open(&link_in(&letter(&stage, "thief@example.org").await)).await.press("#confirm").await;
    assert_eq!(held(&stage, "ada@example.org").await, both("thief@example.org", "ada@example.org"));
    let told = letter(&stage, "ada@example.org").await;
    assert!(!told.text.contains("thief@"), "the new address is not given away: {}", told.text);
    let undo = link_in(&told);
    let mut owner = stage.browser();
    owner.open(&undo).await;
    assert_eq!(held(&stage, "ada@example.org").await.len(), 2, "looking changes nothing");

    owner.press("#confirm").await;

    assert!(owner.sees("taken back"), "{}", owner.body());
    assert_eq!(held(&stage, "ada@example.org").await, [("ada@example.org".to_owned(), true)]);
    ada.open("/account").await;
    assert_eq!(ada.at, "/login", "every session ended");
    assert_eq!(owner.open(&undo).await.status(), 410);
}

#[tokio::test]
async fn an_undo_comes_too_late_after_a_week_and_where_the_address_is_taken() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    want(&mut ada, "new@example.org", true).await;
    ada.open(&link_in(&letter(&stage, "new@example.org").await)).await.press("#confirm").await;
    let undo = link_in(&letter(&stage, "ada@example.org").await);
    ada.open("/account/addresses").await.press("#remove-1").await;
    assert!(ada.sees("The address is removed."), "{}", ada.body());
    sign_up(&stage, &mut stage.browser(), "ada@example.org", PASSWORD).await;
    let mut owner = stage.browser();

    assert_eq!(owner.open(&undo).await.press("#confirm").await.status(), 409);
    stage.wait(Duration::days(7));
    assert_eq!(owner.open(&undo).await.status(), 410);
    assert_eq!(held(&stage, "new@example.org").await, [("new@example.org".to_owned(), true)]);
}

#[tokio::test]
async fn the_main_address_stays_and_others_go() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    want(&mut ada, "two@example.org", false).await;
    ada.open(&link_in(&letter(&stage, "two@example.org").await)).await.press("#confirm").await;
    let csrf = ada.open("/account/addresses").await.fields("#address-submit")[0].1.clone();

    ada.post("/account/addresses/remove", &[("csrf", &csrf), ("email", "ada@example.org")]).await;
    assert!(ada.sees("This is your main address"), "{}", ada.body());
    for path in ["/account/addresses/remove", "/account/addresses/main"] {
        ada.post(path, &[("csrf", &csrf), ("email", "nobody@example.org")]).await;
        assert_eq!(ada.status(), 404);
        ada.post(path, &[("csrf", "wrong"), ("email", "two@example.org")]).await;
        assert_eq!(ada.status(), 403);
    }
    ada.open("/account/addresses").await.press("#main-1").await;
    assert_eq!(held(&stage, "ada@example.org").await, both("two@example.org", "ada@example.org"));
    ada.press("#remove-1").await;

    assert_eq!(held(&stage, "two@example.org").await, [("two@example.org".to_owned(), true)]);
    let told = letter(&stage, "ada@example.org").await;
    assert!(
        !told.text.contains("/account/addresses/undo"),
        "who was here for a moment does not come back: {}",
        told.text
    );
}

#[tokio::test]
async fn addresses_are_changed_after_a_fresh_sign_in_only() {
    let stage = Stage::with(CALM).await;
    let mut ada = ada_on(&stage).await;
    let csrf = ada.open("/account/addresses").await.fields("#address-submit")[0].1.clone();
    stage.wait(stage.app.settings.session.sudo_window);

    for path in ["add", "main", "remove"] {
        let fields = [("csrf", csrf.as_str()), ("email", "two@example.org")];
        ada.post(&format!("/account/addresses/{path}"), &fields).await;
        assert_eq!((ada.status(), ada.last.location()), (303, "/account/confirm?to=/account/addresses"), "{path}");
    }
    ada.open("/account/addresses").await;
    assert!(ada.at.starts_with("/account/confirm"), "{}", ada.at);
    assert_eq!(stage.letter_to("two@example.org").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_accounts_that_prove_one_address_at_once_one_has_it() {
    let stage = Stage::with(CALM).await;
    let twin = stage.twin().await;
    let (mut ada, mut bob) = (ada_on(&stage).await, stage.browser());
    sign_up(&stage, &mut bob, "bob@example.org", PASSWORD).await;
    bob.goes_to(&twin);
    for browser in [&mut ada, &mut bob] {
        want(browser, "both@example.org", false).await;
        browser.open(&link_in(&letter(&stage, "both@example.org").await)).await;
        if !browser.has("#confirm") {
            // The letters of the other process lie in its own tray.
            browser.open(&link_in(&letter(&twin, "both@example.org").await)).await;
        }
        assert!(browser.has("#confirm"), "{}", browser.body());
    }

    let running = [ada, bob].map(|mut browser| tokio::spawn(async move { browser.press("#confirm").await.status() }));
    let mut answers = Vec::new();
    for answer in running {
        answers.push(answer.await.unwrap());
    }

    answers.sort_unstable();
    assert_eq!(answers, [200, 409]);
}

#[tokio::test]
async fn who_has_not_proven_the_address_reaches_only_the_page_that_asks_for_it() {
    let stage = Stage::with(CALM).await;
    let new = NewUser { email: Some(("ada@example.org".parse().unwrap(), false)), ..NewUser::default() };
    stage.app.accounts.add(new, Some(PASSWORD), &By::command()).await.unwrap();
    let mut ada = stage.browser();
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await.fill_in("#email", "ada@example.org");
    ada.fill_in("#password", PASSWORD).press("#password-submit").await;
    assert_eq!(ada.at, "/account/verify", "{}", ada.body());
    for path in [
        "/account",
        "/account/profile",
        "/account/addresses",
        "/account/privacy",
        "/login?next=https%3A%2F%2Fwiki.example%2F",
    ] {
        ada.open(path).await;
        assert_eq!(ada.at, "/account/verify", "{path}");
    }

    ada.press("#verify-submit").await;
    assert!(ada.sees("A link is on its way"), "{}", ada.body());
    ada.open(&link_in(&letter(&stage, "ada@example.org").await)).await.press("#confirm").await;

    assert_eq!(ada.at, "/account", "{}", ada.body());
    let user = stage.user("ada@example.org").await;
    assert!(user.email.unwrap().verified);
    assert!(stage.app.store().password_hash(user.id).await.unwrap().is_some(), "the password stays");
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await;
    assert!(ada.at.starts_with("https://wiki.example/"), "{}", ada.at);
}

#[tokio::test]
async fn an_unproven_address_opens_no_service_unless_the_file_says_so() {
    for (rule, status) in [(true, 403), (false, 200)] {
        let stage = Stage::with(&format!("[login]\nrequire_verified_email = {rule}")).await;
        let mut ada = stage.browser();
        let token = ada.login_token().await;
        let user = stage.user("ada@example.org").await;
        unprove(&stage, "ada@example.org").await;

        let reply = stage.get("/auth/authorize?service=wiki").bearer(&token).await;

        assert_eq!(reply.status, status, "{user:?}");
        if status == 403 {
            assert_eq!(reply.problem(), "address-unverified");
        }
    }
}

async fn unprove(stage: &Stage, email: &str) {
    use sea_orm::sea_query::Expr;
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

    use crate::store::entity::address::{Column, Entity};
    let update =
        Entity::update_many().col_expr(Column::VerifiedAt, Expr::value(None::<i64>)).filter(Column::Email.eq(email));
    assert_eq!(update.exec(stage.app.store().write()).await.unwrap().rows_affected, 1);
}
