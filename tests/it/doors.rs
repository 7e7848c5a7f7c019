//! Who gets in and out, and whom it concerns.

use time::Duration;

use super::stage::script::SHOP_SECRET;
use super::stage::{House, Stage};
use crate::account::AccountError;
use crate::app::Minted;
use crate::domain::audit::By;
use crate::domain::email::Email;
use crate::login::Attempt;
use crate::store::outbox::{Lane, claim};
use crate::store::users::NewUser;

const PASSWORD: &str = "a password nobody has";

fn admin(email: &str) -> NewUser {
    NewUser { email: Some((email.parse::<Email>().unwrap(), true)), roles: vec!["admin".into()], ..NewUser::default() }
}

/// How many tellings wait to be delivered; they are taken.
async fn tellings(house: &House) -> usize {
    claim(house.app.store().write(), Lane::Tellings, house.app.now(), 100, Duration::MINUTE).await.unwrap().len()
}

/// The attempt behind a link printed at start, if it is good.
async fn opened(house: &House, link: &str) -> Option<Attempt> {
    house.app.open_admin_link(link.rsplit('/').next().unwrap()).await.unwrap()
}

#[tokio::test]
async fn extensions_hear_of_the_logout_of_a_browser_that_brings_only_its_cookie() {
    let stage = Stage::with("extensions.told = { kind = \"log\", events = [\"user.logout\"] }").await;
    let mut browser = stage.browser();
    browser.sign_in().await;
    tellings(&stage).await;

    assert_eq!(browser.post("/auth/logout", &[]).await.status(), 200);
    assert_eq!(tellings(&stage).await, 1);

    assert_eq!(browser.post("/auth/logout", &[]).await.status(), 200);
    assert_eq!(tellings(&stage).await, 0);
}

#[tokio::test]
async fn a_login_token_in_the_query_logs_out() {
    let stage = Stage::open().await;
    let token = stage.browser().login_token().await;

    assert_eq!(stage.post(&format!("/auth/logout?jwt={token}")).await.json()["success"], true);

    assert_eq!(stage.get("/auth/check").bearer(&token).await.json()["authenticated"], false);
}

#[tokio::test]
async fn of_two_links_printed_at_start_one_makes_an_administrator() {
    let stage = Stage::open().await;
    let one = opened(&stage, &stage.app.admin_link(Minted::AtStart)).await.unwrap();
    let other = opened(&stage, &stage.app.admin_link(Minted::AtStart)).await.unwrap();

    let by = By::command();
    let (one, other) = tokio::join!(
        stage.app.add_admin(&one, admin("one@example.org"), PASSWORD, &by),
        stage.app.add_admin(&other, admin("other@example.org"), PASSWORD, &by),
    );

    assert_eq!([one.unwrap(), other.unwrap()].iter().flatten().count(), 1);
}

#[tokio::test]
async fn an_admin_link_that_made_nobody_is_still_good() {
    let stage = Stage::open().await;
    let mut ada = admin("ada@example.org");
    ada.roles.clear();
    stage.app.accounts.add(ada, None, &By::command()).await.unwrap();
    let link = stage.app.admin_link(Minted::AtStart);

    let attempt = opened(&stage, &link).await.unwrap();
    let taken = stage.app.add_admin(&attempt, admin("ada@example.org"), PASSWORD, &By::command()).await;
    assert!(matches!(taken, Err(AccountError::Store(error)) if error.is_conflict()));

    let attempt = opened(&stage, &link).await.unwrap();
    assert!(
        stage.app.add_admin(&attempt, admin("grace@example.org"), PASSWORD, &By::command()).await.unwrap().is_some()
    );
    assert!(opened(&stage, &link).await.is_none());
}

#[tokio::test]
async fn strangers_do_not_use_up_what_a_service_may_ask() {
    let stage = Stage::with("rate_limit.token_client = { limit = 2, per = \"1m\", burst = 2 }").await;
    let ask = |secret, ip| stage.post("/auth/token").basic("shop", secret).from(ip).form(&[("code", "x")]);

    assert_eq!(ask("wrong", "198.51.100.1").await.status, 401);
    assert_eq!(ask("wrong", "198.51.100.1").await.status, 401);
    assert_eq!(ask("wrong", "198.51.100.1").await.status, 429);

    assert_eq!(ask(SHOP_SECRET, "203.0.113.7").await.problem(), "code-spent");
}
