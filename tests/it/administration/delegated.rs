//! Whoever is here for one service: what the guards let them do, and how nothing leads beyond it.

use super::{Desk, again, events, made, refused};
use crate::account::administration::{ADMIN, Caller, Change, Refused};
use crate::domain::audit::By;
use crate::domain::identity::Subject;
use crate::domain::user::User;
use crate::it::stage::{House, Stage};

const FILE: &str = r#"
[roles.wiki-admins]
[roles.wiki-editor]
[roles.shop-clerk]
[admin]
emails = ["owner@example.com"]
[services.wiki]
admins = ["wiki-admins"]
roles = ["wiki-editor"]
[services.shop]
admins = ["shop-admins"]
roles = ["shop-clerk"]
[roles.shop-admins]
"#;

/// Somebody at the desk for the wiki.
fn steward(house: &House, user: &User) -> Desk {
    let wiki = house.app.service("wiki").unwrap();
    Desk { caller: Caller::person(user, ADMIN).only(wiki), by: By::command() }
}

#[tokio::test]
async fn they_give_and_take_the_roles_of_their_service() {
    let stage = Stage::with(FILE).await;
    let (wanda, ada) = (made(&stage, "wanda", &["wiki-admins"]).await, made(&stage, "ada", &["member"]).await);
    let desk = steward(&stage, &wanda);
    let office = desk.office(&stage);

    assert!(office.grant(ada.id, "wiki-editor").await.unwrap());
    assert!(!office.grant(ada.id, "wiki-editor").await.unwrap());
    assert_eq!(again(&stage, ada.id).await.roles, ["member", "wiki-editor"]);
    assert!(office.revoke(ada.id, "wiki-editor").await.unwrap());

    assert_eq!(again(&stage, ada.id).await.roles, ["member"]);
    assert_eq!(events(&stage, ada.id).await, ["user.created", "role.granted", "role.revoked"]);
    assert_eq!(office.end_kept(ada.id, "wiki").await.unwrap(), 0);
}

#[tokio::test]
async fn no_other_role_goes_through_their_hands_not_even_their_own() {
    let stage = Stage::with(FILE).await;
    let wanda = made(&stage, "wanda", &["wiki-admins", "member", "shop-clerk"]).await;
    let ada = made(&stage, "ada", &["member", "shop-clerk"]).await;
    let desk = steward(&stage, &wanda);
    let office = desk.office(&stage);

    for target in [&ada, &wanda] {
        for role in ["admin", "member", "guest", "wiki-admins", "shop-admins", "shop-clerk"] {
            assert_eq!(refused(office.grant(target.id, role).await), Refused::BeyondService, "{role}");
        }
        for role in ["member", "wiki-admins", "shop-clerk", "gone"] {
            assert_eq!(refused(office.revoke(target.id, role).await), Refused::BeyondService, "{role}");
        }
    }
    assert!(office.revoke(wanda.id, "admin").await.is_err());
    assert_eq!(again(&stage, wanda.id).await, wanda);
    assert_eq!(again(&stage, ada.id).await, ada);
}

#[tokio::test]
async fn administrators_and_those_who_are_about_to_be_are_above_them() {
    let stage = Stage::with(FILE).await;
    let wanda = made(&stage, "wanda", &["wiki-admins"]).await;
    let (boss, owner) = (made(&stage, "boss", &["admin"]).await, made(&stage, "owner", &["member"]).await);
    let desk = steward(&stage, &wanda);
    let office = desk.office(&stage);

    for target in [boss.id, owner.id] {
        assert_eq!(refused(office.grant(target, "wiki-editor").await), Refused::AboveCaller);
        assert_eq!(refused(office.revoke(target, "wiki-editor").await), Refused::AboveCaller);
        assert_eq!(refused(office.end_kept(target, "wiki").await), Refused::AboveCaller);
    }
}

#[tokio::test]
async fn nothing_else_is_done_by_anybody_who_is_here_for_one_service() {
    let stage = Stage::with(FILE).await;
    let wanda = made(&stage, "wanda", &["wiki-admins"]).await;
    // Even an administrator, when it is the wiki's desk they sit at.
    let boss = made(&stage, "boss", &["admin", "wiki-admins"]).await;
    let (ada, bob) = (made(&stage, "ada", &["member"]).await, made(&stage, "bob", &["member"]).await);
    for user in [&wanda, &boss] {
        let desk = steward(&stage, user);
        let office = desk.office(&stage);
        let change = Change { name: Some(Some("Evil".into())), ..Change::default() };
        let subject = Subject::new("sso", "https://sso.test", "ada").unwrap();

        assert_eq!(refused(office.edit(ada.id, change, None).await), Refused::BeyondService);
        assert_eq!(refused(office.lock(ada.id).await), Refused::BeyondService);
        assert_eq!(refused(office.unlock(ada.id).await), Refused::BeyondService);
        assert_eq!(refused(office.verify(ada.id).await), Refused::BeyondService);
        assert_eq!(refused(office.unlink(ada.id, &subject).await), Refused::BeyondService);
        assert_eq!(refused(office.end_sessions(ada.id).await), Refused::BeyondService);
        assert_eq!(refused(office.export(ada.id).await), Refused::BeyondService);
        assert_eq!(refused(office.erase(ada.id).await), Refused::BeyondService);
        assert_eq!(refused(office.merge(ada.id, bob.id).await), Refused::BeyondService);
        assert_eq!(refused(office.end_kept(ada.id, "shop").await), Refused::BeyondService);
        assert_eq!(refused(office.grant(ada.id, "shop-clerk").await), Refused::BeyondService);
    }
    assert_eq!(again(&stage, ada.id).await, ada);
}
