//! What is kept of somebody, for them to take along, and the end of an account.

use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use time::Duration;

use super::{PASSWORD, letter, sign_up};
use crate::account::AccountError;
use crate::domain::id::UserId;
use crate::it::stage::{Browser, Stage, erase, set_roles};
use crate::store::entity::{address, audit_event, identity, password, session, user};

async fn ada_on(stage: &Stage) -> Browser {
    let mut ada = stage.browser();
    sign_up(stage, &mut ada, "ada@example.org", PASSWORD).await;
    ada
}

async fn leave(browser: &mut Browser, typed: &str) {
    browser.open("/account/privacy").await.press("#leave").await;
    browser.fill_in("#confirmation", typed).press("#delete").await;
}

/// Rows of the user, in all tables that hold any.
async fn rows_of(stage: &Stage, id: UserId) -> u64 {
    let db = stage.app.store().write();
    user::Entity::find().filter(user::Column::Id.eq(id.0)).count(db).await.unwrap()
        + address::Entity::find().filter(address::Column::UserId.eq(id.0)).count(db).await.unwrap()
        + identity::Entity::find().filter(identity::Column::UserId.eq(id.0)).count(db).await.unwrap()
        + password::Entity::find().filter(password::Column::UserId.eq(id.0)).count(db).await.unwrap()
        + session::Entity::find().filter(session::Column::UserId.eq(id.0)).count(db).await.unwrap()
}

#[tokio::test]
async fn the_data_is_complete_and_opens_nothing() {
    let stage = Stage::open().await;
    let mut ada = ada_on(&stage).await;
    let user = stage.user("ada@example.org").await;
    let hash = stage.app.store().password_hash(user.id).await.unwrap().unwrap();

    ada.open("/account/privacy").await.press("#export").await;

    assert_eq!(ada.last.header("content-type"), Some("application/json"));
    assert!(ada.last.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(ada.last.header("cache-control"), Some("no-store"));
    let all = ada.last.json();
    assert_eq!(all["account"]["id"], user.id.to_string());
    assert_eq!(all["addresses"][0]["email"], "ada@example.org");
    assert_eq!(all["sessions"].as_array().unwrap().len(), 1);
    assert!(all["sessions"][0]["user_agent"].as_str().unwrap().contains("Firefox"));
    assert!(all["password"][0]["changed_at"].as_str().unwrap().starts_with("2020-01-01T"));
    let events: Vec<_> =
        all["activity"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert!(events.contains(&"user.created") && events.contains(&"user.exported"), "{events:?}");
    let cookie = ada.session_cookie().unwrap();
    for secret in [hash.as_str(), hash.rsplit('$').next().unwrap(), cookie, "token_hash", "sealed", "skeleton"] {
        assert!(!ada.body().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn data_and_deletion_ask_for_a_fresh_sign_in() {
    let stage = Stage::open().await;
    let mut ada = ada_on(&stage).await;
    let csrf = ada.open("/account/privacy").await.fields("#export")[0].1.clone();
    stage.wait(stage.app.settings.session.sudo_window - Duration::SECOND);
    assert_eq!(ada.open("/account/privacy").await.at, "/account/privacy");
    stage.wait(Duration::SECOND);

    for (path, to) in
        [("/account/privacy/export", "/account/privacy"), ("/account/privacy/delete", "/account/privacy/delete")]
    {
        ada.post(path, &[("csrf", &csrf), ("confirmation", "ada")]).await;
        assert_eq!((ada.status(), ada.last.location()), (303, format!("/account/confirm?to={to}").as_str()));
        ada.post(path, &[("csrf", "wrong"), ("confirmation", "ada")]).await;
        assert_eq!(ada.status(), 403);
    }
    assert!(stage.user("ada@example.org").await.deletes_at.is_none());
}

#[tokio::test]
async fn who_leaves_types_who_they_are_and_may_come_back_until_the_grace_is_over() {
    let stage = Stage::open().await;
    let mut ada = ada_on(&stage).await;
    let mut telephone = stage.browser();
    telephone.open("/login").await.fill_in("#email", "ada@example.org").fill_in("#password", PASSWORD);
    telephone.press("#password-submit").await;
    for wrong in ["", "yes", "bob", "ada@example.com"] {
        leave(&mut ada, wrong).await;
        assert_eq!(ada.status(), 400, "{wrong}");
    }

    leave(&mut ada, "Ada").await;

    assert!(ada.sees("Goodbye") && ada.session_cookie().is_none(), "{}", ada.body());
    assert_eq!(telephone.open("/account").await.at, "/login", "signed out everywhere");
    assert!(letter(&stage, "ada@example.org").await.subject.contains("will be deleted"));
    stage.wait(Duration::days(14) - Duration::SECOND);
    assert_eq!(stage.app.erase_due().await.unwrap(), 0);
    ada.open("/login?next=https%3A%2F%2Fwiki.example%2F").await.fill_in("#email", "ada@example.org");
    ada.fill_in("#password", PASSWORD).press("#password-submit").await;
    assert_eq!(ada.at, "/account/keep", "no service before they say that they stay");
    assert_eq!(ada.open("/account/profile").await.at, "/account/keep");
    ada.press("#keep").await;
    assert!(ada.sees("Your account stays"), "{}", ada.body());
    stage.wait(Duration::days(30));
    assert_eq!(stage.app.erase_due().await.unwrap(), 0);
    assert!(stage.user("ada@example.org").await.deletes_at.is_none());
}

#[tokio::test]
async fn when_the_grace_is_over_everything_goes_and_the_trail_names_nobody() {
    let stage = Stage::open().await;
    let mut ada = ada_on(&stage).await;
    let user = stage.user("ada@example.org").await;
    leave(&mut ada, "ada@example.org").await;
    assert!(rows_of(&stage, user.id).await > 0);
    stage.wait(Duration::days(14));

    assert_eq!(stage.app.erase_due().await.unwrap(), 1);

    assert_eq!(rows_of(&stage, user.id).await, 0);
    assert_eq!(stage.app.erase_due().await.unwrap(), 0);
    assert!(letter(&stage, "ada@example.org").await.subject.contains("is deleted"));
    let trail = audit_event::Entity::find().all(stage.app.store().write()).await.unwrap();
    assert!(trail.iter().any(|event| event.event == "user.deleted"));
    for event in &trail {
        assert!(!event.details.contains("ada@example.org"), "{event:?}");
        if event.actor_id.as_deref() == Some(user.id.to_string().as_str()) {
            assert_eq!((&event.ip, &event.user_agent), (&None, &None), "{}", event.event);
        }
    }
    sign_up(&stage, &mut stage.browser(), "ada@example.org", PASSWORD).await;
    assert_ne!(stage.user("ada@example.org").await.id, user.id, "who comes again is somebody new");
}

#[tokio::test]
async fn who_was_erased_and_comes_again_has_nothing_of_before() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    let before = stage.user("ada@example.org").await;
    set_roles(stage.app.store(), before.id, &["guest"]).await;

    assert!(erase(&stage, &before).await.unwrap());
    assert!(!erase(&stage, &before).await.unwrap(), "once");

    assert_eq!(ada.open("/account").await.at, "/login");
    ada.sign_in().await;
    let after = stage.user("ada@example.org").await;
    assert_ne!(after.id, before.id);
    assert_eq!(after.roles, ["member"]);
}

#[tokio::test]
async fn without_a_grace_the_account_goes_at_once() {
    let stage = Stage::with("[privacy]\ndelete_grace = \"0s\"").await;
    let mut ada = ada_on(&stage).await;
    let user = stage.user("ada@example.org").await;

    leave(&mut ada, "ada").await;

    assert!(ada.sees("is deleted"), "{}", ada.body());
    assert_eq!(rows_of(&stage, user.id).await, 0);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let stage = Stage::with("[login.mfa]\nrequire = \"never\"").await;
    let mut ada = ada_on(&stage).await;
    let user = stage.user("ada@example.org").await;
    set_roles(stage.app.store(), user.id, &["admin"]).await;

    leave(&mut ada, "ada").await;
    assert_eq!(ada.status(), 409);
    assert!(ada.sees("last administrator"), "{}", ada.body());
    let user = stage.user("ada@example.org").await;
    let refused = erase(&stage, &user).await;
    assert!(matches!(refused, Err(AccountError::LastAdmin)));

    sign_up(&stage, &mut stage.browser(), "bob@example.org", PASSWORD).await;
    set_roles(stage.app.store(), stage.user("bob@example.org").await.id, &["admin"]).await;
    assert!(erase(&stage, &user).await.unwrap(), "another one is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_who_leave_at_once_one_stays() {
    let stage = Stage::with("[rate_limit]\nexempt = [\"192.0.2.0/24\"]").await;
    let twin = stage.twin().await;
    let mut admins = Vec::new();
    for name in ["ada", "bob"] {
        let email = format!("{name}@example.org");
        sign_up(&stage, &mut stage.browser(), &email, PASSWORD).await;
        set_roles(stage.app.store(), stage.user(&email).await.id, &["admin"]).await;
        admins.push(stage.user(&email).await);
    }

    let houses = [(*stage).clone(), twin];
    let running = houses
        .into_iter()
        .zip(admins)
        .map(|(house, admin)| tokio::spawn(async move { erase(&house, &admin).await.is_ok() }));
    let mut gone = 0;
    for answer in running.collect::<Vec<_>>() {
        gone += i32::from(answer.await.unwrap());
    }

    assert_eq!(gone, 1);
}

#[tokio::test]
async fn services_are_told_that_somebody_is_gone() {
    let stage = Stage::with("[extensions.crm]\nkind = \"log\"\nevents = [\"user.logout\", \"user.deleted\"]").await;
    let _ada = ada_on(&stage).await;
    let user = stage.user("ada@example.org").await;

    assert!(erase(&stage, &user).await.unwrap());

    let parcels = crate::store::entity::outbox::Entity::find().all(stage.app.store().write()).await.unwrap();
    assert_eq!(parcels.iter().filter(|parcel| parcel.channel == "extension:crm").count(), 2, "signed out, then gone");
}

#[tokio::test]
async fn the_overview_says_what_could_be_safer_and_what_happened() {
    let stage = Stage::open().await;
    let mut ada = ada_on(&stage).await;

    ada.open("/account").await;

    for text in [
        "Your address is verified",
        "more than one way to sign in",
        "no passkey yet",
        "The account was made",
        "You signed in",
    ] {
        assert!(ada.sees(text), "{text}: {}", ada.body());
    }
}
