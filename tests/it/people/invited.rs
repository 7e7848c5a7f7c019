//! Invitations: an address may have an account, whoever else may not.

use time::Duration;

use super::{PASSWORD, letter, link_in};
use crate::account::AccountError;
use crate::account::inviting::Invite;
use crate::domain::audit::By;
use crate::it::stage::Stage;

fn invite(email: &str) -> Invite {
    let roles = vec!["admin".to_owned()];
    Invite { email: email.parse().unwrap(), roles, service: Some("wiki".into()), lasts: Duration::days(3) }
}

/// Where only the invited may come, and no second factor is asked for.
async fn open(signup: &str) -> Stage {
    Stage::with(&format!("[login]\nsignup = \"{signup}\"\n[login.mfa]\nrequire = \"never\"")).await
}

#[tokio::test]
async fn an_invitation_is_accepted_once_and_gives_its_roles() {
    for signup in ["invite", "closed"] {
        let stage = open(signup).await;
        let invited = stage.app.invite(&By::command(), invite("ada@example.org")).await.unwrap();
        let link = link_in(&letter(&stage, "ada@example.org").await);
        assert!(invited.link.ends_with(&link));
        let mut ada = stage.browser();

        ada.open(&link).await;
        assert!(ada.sees("You are invited") && ada.sees("Team wiki"), "{}", ada.body());
        ada.fill_in("#name", "Ada").fill_in("#password", PASSWORD).press("#invite-submit").await;

        assert_eq!((ada.status(), ada.at.as_str()), (200, "/account"), "{}", ada.body());
        let user = stage.user("ada@example.org").await;
        assert_eq!(user.roles, ["admin", "member"]);
        assert!(user.email.unwrap().verified);
        let mut again = stage.browser();
        again.open(&link).await;
        assert_eq!(again.status(), 410);
        let list = stage.app.accounts.invitations(None, 10).await.unwrap();
        assert!(list[0].accepted_at.is_some());
    }
}

#[tokio::test]
async fn an_invitation_ends_by_time_by_hand_and_by_a_newer_one() {
    let stage = open("invite").await;
    let by = By::command();
    let late = stage.app.invite(&by, invite("late@example.org")).await.unwrap();
    let taken_back = stage.app.invite(&by, invite("back@example.org")).await.unwrap();
    let older = stage.app.invite(&by, invite("ada@example.org")).await.unwrap();
    let newer = stage.app.invite(&by, invite("ada@example.org")).await.unwrap();
    let mut browser = stage.browser();

    assert!(stage.app.accounts.revoke_invitation(&by, taken_back.invitation.id).await.unwrap());
    assert!(!stage.app.accounts.revoke_invitation(&by, taken_back.invitation.id).await.unwrap());

    for over in [&taken_back, &older] {
        assert_eq!(browser.open(&over.link).await.status(), 410);
    }
    assert_eq!(browser.open(&newer.link).await.status(), 200);
    stage.wait(Duration::days(3) - Duration::SECOND);
    assert_eq!(browser.open(&late.link).await.status(), 200);
    stage.wait(Duration::SECOND);
    assert_eq!(browser.open(&late.link).await.status(), 410);
    assert_eq!(browser.open("/invite/guess").await.status(), 410);
}

#[tokio::test]
async fn who_is_invited_may_come_by_any_proof_of_the_address() {
    let stage = open("closed").await;
    stage.app.invite(&By::command(), invite("ada@example.org")).await.unwrap();
    let mut stranger = stage.browser();
    stage.upstream_knows("mallory", "mallory@example.org");
    stranger.sign_in().await;
    assert_eq!(stranger.status(), 403);
    let mut ada = stage.browser();
    stage.upstream_knows("ada", "ada@example.org");

    ada.sign_in().await;

    assert_eq!((ada.status(), ada.at.as_str()), (200, "/account"), "{}", ada.body());
    assert_eq!(stage.user("ada@example.org").await.roles, ["admin", "member"]);
    assert!(stage.app.accounts.invitations(None, 10).await.unwrap()[0].accepted_at.is_some());
}

#[tokio::test]
async fn who_has_an_account_is_not_invited() {
    let stage = open("open").await;
    let mut ada = stage.browser();
    ada.sign_in().await;

    let refused = stage.app.invite(&By::command(), invite("ada@example.org")).await;

    assert!(matches!(refused, Err(AccountError::AddressTaken)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_accept_at_once_in_two_processes_one_has_the_account() {
    let stage = Stage::with(
        "[login]\nsignup = \"closed\"\n[login.mfa]\nrequire = \"never\"\n[rate_limit]\nexempt = [\"192.0.2.0/24\"]",
    )
    .await;
    let twin = stage.twin().await;
    let invited = stage.app.invite(&By::command(), invite("ada@example.org")).await.unwrap();

    let mut browsers = Vec::new();
    for number in 0..10 {
        let mut browser = stage.browser();
        browser.goes_to(if number % 2 == 0 { &stage } else { &twin });
        browser.open(&invited.link).await;
        browsers.push(browser);
    }
    let accept = |mut browser: crate::it::stage::Browser| async move { browser.press("#invite-submit").await.status() };
    let running: Vec<_> = browsers.into_iter().map(|browser| tokio::spawn(accept(browser))).collect();
    let mut made = 0;
    for answer in running {
        match answer.await.unwrap() {
            200 => made += 1,
            other => assert_eq!(other, 410),
        }
    }

    assert_eq!(made, 1);
}
