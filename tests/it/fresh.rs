//! Sensitive steps ask for a fresh sign-in; a sign-in leaves its trace; of mailed links only the newest counts.

use sea_orm::{EntityTrait as _, QueryOrder as _};
use time::Duration;

use super::stage::{Browser, Stage};
use crate::domain::audit::By;
use crate::domain::proof::{Amr, Proof, names};
use crate::store::entity::audit_event;
use crate::store::latest;
use crate::store::users::NewUser;

const SECRET: &str = "correct battery horse";

async fn signed_in(stage: &Stage, name: &str) -> Browser {
    let email = format!("{name}@example.org").parse().unwrap();
    let new = NewUser { email: Some((email, true)), ..NewUser::default() };
    stage.app.accounts.add(new, Some(SECRET), &By::command()).await.unwrap();
    let mut browser = stage.browser();
    browser.open("/login").await;
    types(&mut browser, name).await;
    browser
}

async fn types(browser: &mut Browser, name: &str) {
    browser.fill_in("#email", &format!("{name}@example.org")).fill_in("#password", SECRET);
    browser.press("#password-submit").await;
}

#[tokio::test]
async fn a_fresh_sign_in_is_asked_for_after_the_window_and_leads_on() {
    let stage = Stage::open().await;
    let mut ada = signed_in(&stage, "ada").await;
    let window = stage.app.settings.session.sudo_window;
    let before = ada.session_cookie().unwrap().to_owned();

    stage.wait(window - Duration::SECOND);
    ada.step_to("/account/confirm?to=/account").await;
    assert_eq!((ada.status(), ada.last.location()), (303, "/account"), "still fresh");
    stage.wait(Duration::SECOND);
    ada.open("/account").await;
    ada.open("/account/confirm?to=/account").await;
    assert!(ada.sees("Confirm that it is you"), "activity does not prolong it: {}", ada.body());

    types(&mut ada, "ada").await;

    assert_eq!((ada.status(), ada.at.as_str()), (200, "/account"));
    assert_ne!(ada.session_cookie().unwrap(), before);
    ada.step_to("/account/confirm?to=/account").await;
    assert_eq!(ada.status(), 303, "it is fresh again");
}

#[tokio::test]
async fn somebody_elses_sign_in_confirms_nothing() {
    let stage = Stage::open().await;
    signed_in(&stage, "bob").await;
    let mut ada = signed_in(&stage, "ada").await;
    stage.wait(Duration::HOUR);
    ada.open("/account/confirm?to=/account/security").await;

    types(&mut ada, "bob").await;

    assert_eq!(ada.at, "/account", "bob is in, and not where ada wanted to go");
}

#[tokio::test]
async fn a_confirmation_leads_nowhere_but_to_the_account() {
    let stage = Stage::open().await;
    stage.upstream_knows("ada", "ada@example.org");
    for to in [
        "//evil.example",
        "/logout",
        "/accounts",
        "/account//evil.example",
        "/account/../logout",
        "https://evil.example",
        "",
    ] {
        let mut ada = stage.browser();
        ada.sign_in().await;
        stage.wait(Duration::HOUR);
        let query = url::form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>();
        stage.upstream_knows("ada", "ada@example.org");

        ada.open(&format!("/account/confirm?to={query}")).await.press("#idp-sso").await;
        assert!(ada.at.contains("prompt=login"), "the upstream asks who it is: {}", ada.at);
        ada.come_back().await;

        assert_eq!(ada.at, "/account", "{to}");
    }
}

#[tokio::test]
async fn after_a_sign_out_the_upstream_asks_who_it_is() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login").await.press("#idp-sso").await;
    assert!(!ada.at.contains("prompt="), "{}", ada.at);
    ada.come_back().await;

    ada.open("/logout").await.press("#logout-confirm").await;
    ada.open("/login").await.press("#idp-sso").await;

    assert!(ada.at.contains("prompt=login"), "{}", ada.at);
    ada.come_back().await;
    assert_eq!(ada.at, "/account");
    stage.browser().open("/login/sso").await;
    ada.open("/login/sso").await;
    assert!(!ada.at.contains("prompt="), "once: {}", ada.at);
}

#[tokio::test]
async fn who_is_not_signed_in_confirms_nothing() {
    let stage = Stage::open().await;

    let mut stranger = stage.browser();
    stranger.step_to("/account/confirm?to=/account").await;

    assert_eq!((stranger.status(), stranger.last.location()), (303, "/login"));
}

#[tokio::test]
async fn a_sign_in_and_a_sign_out_leave_their_trace() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.sign_in().await;
    let id = stage.user("ada@example.org").await.id.to_string();

    ada.open("/logout").await.press("#logout-confirm").await;

    let rows = audit_event::Entity::find().order_by_asc(audit_event::Column::Id).all(stage.app.store().read()).await;
    let rows = rows.unwrap();
    let events: Vec<_> = rows.iter().map(|row| (row.event.as_str(), row.actor_kind.as_str())).collect();
    assert_eq!(events, [("user.created", "anonymous"), ("user.login", "user"), ("user.logout", "user")]);
    for row in rows {
        assert_eq!(row.target.as_deref(), Some(id.as_str()));
        assert_eq!((row.ip.as_deref(), row.provider.as_deref()), (Some("192.0.2.7"), Some("sso")));
        assert!(row.user_agent.unwrap().contains("Firefox") && row.reference.unwrap().len() == 36);
        assert!(!row.details.contains("ada@"), "{}", row.details);
    }
}

#[tokio::test]
async fn of_several_links_the_newest_counts_once() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (db, until) = (stage.app.store().write(), stage.now() + 60);
    latest::put(db, "reset:ada", "first", until).await.unwrap();
    latest::put(db, "reset:ada", "second", until).await.unwrap();

    assert!(!latest::take(db, "reset:ada", "first").await.unwrap());
    assert!(latest::is(db, "reset:ada", "second").await.unwrap());
    let takes = (0..20).map(|n| {
        let store = if n % 2 == 0 { stage.app.store().clone() } else { twin.app.store().clone() };
        tokio::spawn(async move { latest::take(store.write(), "reset:ada", "second").await.unwrap() })
    });
    let mut wins = 0;
    for take in takes.collect::<Vec<_>>() {
        wins += usize::from(take.await.unwrap());
    }
    assert_eq!(wins, 1);
    assert!(!latest::is(db, "reset:ada", "second").await.unwrap());
}

#[test]
fn two_factors_are_two_different_ones() {
    let proof = |all: &[Amr]| Proof { method: "x".into(), amr: all.to_vec() };
    let one: [&[Amr]; 6] = [
        &[Amr::Pwd],
        &[Amr::Pwd, Amr::Mail],
        &[Amr::Passkey],
        &[Amr::Otp],
        &[Amr::Fed, Amr::Pwd],
        &[Amr::Pwd, Amr::UserVerified],
    ];
    let two: [&[Amr]; 5] = [
        &[Amr::Pwd, Amr::Otp],
        &[Amr::Mail, Amr::Recovery],
        &[Amr::Passkey, Amr::UserVerified],
        &[Amr::Fed, Amr::Passkey],
        &[Amr::FedMfa],
    ];

    assert!(one.into_iter().all(|amr| !proof(amr).is_multi_factor()));
    assert!(two.into_iter().all(|amr| proof(amr).is_multi_factor()));
    assert_eq!(names(&[Amr::Pwd, Amr::Otp]), ["pwd", "otp", "mfa"]);
    assert_eq!(names(&[Amr::Pwd]), ["pwd"]);
}
