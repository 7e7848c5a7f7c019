//! Another password by a link that an administrator asked for, and second factors that are taken away.

use super::{Desk, again, events, made, refused};
use crate::account::AccountError;
use crate::account::administration::{ADMIN, AdminError, Change, Refused};
use crate::app::resets::HandedOver;
use crate::domain::user::User;
use crate::it::stage::{ORIGIN, Stage};
use crate::store::factors::{self, Passkey};

const PASSWORD: &str = "plenty of quiet rivers";

async fn with_passkey(stage: &Stage, user: &User) {
    let passkey = Passkey {
        id: format!("key-of-{}", user.id),
        user: user.id,
        name: "Phone".into(),
        credential: r#"{"user_verified":true}"#.into(),
        aaguid: None,
        synced: false,
        created_at: stage.app.now(),
        used_at: None,
    };
    assert!(factors::add_passkey(stage.app.store().write(), passkey).await.unwrap());
}

#[tokio::test]
async fn the_link_is_mailed_and_the_password_stays_until_its_owner_uses_it() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &[]).await;
    let desk = Desk::command();

    stage.app.reset_for(&desk.office(&stage), &ada, HandedOver::ByMail).await.unwrap();

    let letter = stage.letter_to("ada@example.com").await.expect("a letter");
    assert!(letter.text.contains("administrator"), "{}", letter.text);
    assert_eq!(stage.app.store().password_hash(ada.id).await.unwrap(), None);
    assert_eq!(events(&stage, ada.id).await, ["user.created", "credential.password_reset_asked"]);

    let link = letter.text.lines().find(|line| line.contains("/login/reset?token=")).expect("a link").trim();
    let mut browser = stage.browser();
    browser.open(link.strip_prefix(ORIGIN).unwrap()).await;
    browser.fill_in("#password", PASSWORD).press("#reset-submit").await;
    assert!(stage.app.store().password_hash(ada.id).await.unwrap().is_some(), "{}", browser.body());
}

#[tokio::test]
async fn a_printed_link_is_not_mailed_and_only_the_newest_counts() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &[]).await;
    let desk = Desk::command();
    let print = async || stage.app.reset_for(&desk.office(&stage), &ada, HandedOver::ByCaller).await.unwrap();
    let (first, second) = (print().await, print().await);
    let rehearsed = desk.office(&stage).rehearsal(true);
    let third = stage.app.reset_for(&rehearsed, &ada, HandedOver::ByCaller).await.unwrap();

    assert!(stage.letter_to("ada@example.com").await.is_none());
    for (link, status) in [(first, 410), (third, 410), (second, 200)] {
        let mut browser = stage.browser();
        assert_eq!(browser.open(link.strip_prefix(ORIGIN).unwrap()).await.status(), status);
    }
}

#[tokio::test]
async fn a_link_is_made_for_nobody_above_the_caller_locked_or_without_an_address() {
    let stage = Stage::open().await;
    let (boss, ada) = (made(&stage, "boss", &[ADMIN]).await, made(&stage, "ada", &[]).await);
    let (limited, desk) = (Desk::of(&ada), Desk::command());
    let by_mail = async |desk: &Desk, user: &User| {
        let office = desk.office(&stage);
        stage.app.reset_for(&office, user, HandedOver::ByMail).await
    };

    assert_eq!(refused(by_mail(&limited, &boss).await), Refused::AboveCaller);
    desk.office(&stage).lock(ada.id).await.unwrap();
    assert!(matches!(by_mail(&desk, &ada).await, Err(AdminError::Account(AccountError::Locked))));
    let nowhere = User { email: None, ..boss };
    assert!(matches!(by_mail(&desk, &nowhere).await, Err(AdminError::NoAddress)));
    assert!(stage.letters().await.is_empty());
}

#[tokio::test]
async fn without_passwords_or_letters_there_is_no_link_to_mail() {
    let desk = Desk::command();
    let stage = Stage::with("[login.password]\nenabled = false").await;
    let ada = made(&stage, "ada", &[]).await;
    let done = stage.app.reset_for(&desk.office(&stage), &ada, HandedOver::ByCaller).await;
    assert!(matches!(done, Err(AdminError::NoPasswords)), "{done:?}");
}

#[tokio::test]
async fn the_last_administrator_keeps_a_way_in() {
    let stage = Stage::with("[login.magic_link]\nenabled = false").await;
    let ada = made(&stage, "ada", &[ADMIN]).await;
    with_passkey(&stage, &ada).await;
    let desk = Desk::command();
    let office = desk.office(&stage);

    assert!(matches!(office.reset_factors(ada.id).await, Err(AdminError::LastWayIn)));
    assert_eq!(stage.app.store().factors(ada.id).await.unwrap().passkeys, 1);

    made(&stage, "ben", &[ADMIN]).await;
    assert!(office.reset_factors(ada.id).await.unwrap(), "another one runs the server");
}

#[tokio::test]
async fn the_only_proven_address_of_the_last_administrator_stays_proven() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &[ADMIN]).await;
    let desk = Desk::command();
    let office = desk.office(&stage);
    let doubt = || Change { verified: Some(false), ..Change::default() };

    assert!(matches!(office.edit(ada.id, doubt(), None).await, Err(AdminError::LastWayIn)));
    assert!(again(&stage, ada.id).await.email.unwrap().verified);

    made(&stage, "ben", &[ADMIN]).await;
    assert!(office.edit(ada.id, doubt(), None).await.is_ok());
}
