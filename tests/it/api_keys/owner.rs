//! Who may have which key.

use time::Duration;

use super::{KeyOrder, KeyRefusal, ada, add, order, person, service, try_add};
use crate::it::stage::{Stage, set_roles};
use crate::store::api_keys::Owner;

#[tokio::test]
async fn nobody_gets_a_key_with_more_rights_than_they_have() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let id = person(&owner);
    let overreach = async |owner: &Owner, word: &str| {
        matches!(try_add(&stage, order(owner, &["authorize", word])).await, Err(KeyRefusal::Overreach(_)))
    };

    for word in ["users:read", "users:write", "roles:write", "permissions:read", "audit:read", "keys:write", "sessions"]
    {
        assert!(overreach(&owner, word).await, "{word}");
    }
    set_roles(stage.app.store(), id, &["admin"]).await;
    assert!(!overreach(&owner, "users:read").await);
    assert!(overreach(&owner, "sessions").await);
    assert!(!overreach(&service("shop"), "sessions").await);
}

#[tokio::test]
async fn a_wish_for_a_key_has_bounds() {
    let stage = Stage::with("[api]\nmax_key_ttl = \"30d\"").await;
    let owner = ada(&stage).await;
    let long = "x".repeat(61);
    let wish = || order(&owner, &["authorize"]);
    let month = Duration::days(30);

    for (what, wish) in [
        ("no name", KeyOrder { name: " ", ..wish() }),
        ("a long name", KeyOrder { name: &long, ..wish() }),
        ("a name of two lines", KeyOrder { name: "a\nb", ..wish() }),
        ("no scope", order(&owner, &[])),
        ("too long", KeyOrder { lasts: month + Duration::SECOND, ..wish() }),
        ("too short", KeyOrder { lasts: Duration::seconds(59), ..wish() }),
        ("refreshed too long", KeyOrder { refresh: Some(month + Duration::SECOND), ..wish() }),
        ("too many networks", KeyOrder { networks: vec!["192.0.2.0/24".parse().unwrap(); 33], ..wish() }),
    ] {
        assert!(try_add(&stage, wish).await.is_err(), "{what}");
    }
    for wish in [
        KeyOrder { name: &long[1..], ..wish() },
        KeyOrder { lasts: month, refresh: Some(month), ..wish() },
        KeyOrder { lasts: Duration::MINUTE, ..wish() },
        KeyOrder { networks: vec!["192.0.2.0/24".parse().unwrap(); 32], ..wish() },
    ] {
        assert!(try_add(&stage, wish).await.is_ok());
    }
}

#[tokio::test]
async fn an_owner_has_fifty_keys_and_no_more() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let first = add(&stage, &owner, &["authorize"]).await;
    for _ in 1..50 {
        add(&stage, &owner, &["authorize"]).await;
    }

    assert!(matches!(try_add(&stage, order(&owner, &["authorize"])).await, Err(KeyRefusal::TooMany)));

    let by = crate::domain::audit::By::command();
    stage.app.accounts.revoke_key(&owner, first.stored.id, &by).await.unwrap();
    add(&stage, &owner, &["authorize"]).await;
    assert_eq!(stage.app.store().api_keys_of(&owner).await.unwrap().len(), 50);
}

#[tokio::test]
async fn nobody_who_is_locked_or_gone_gets_a_key() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let id = person(&owner);
    let nobody = Owner::User(crate::domain::id::UserId::new());

    stage.lock(id, true).await;

    for owner in [&owner, &nobody] {
        assert!(matches!(try_add(&stage, order(owner, &["authorize"])).await, Err(KeyRefusal::Owner)));
    }
}

#[tokio::test]
async fn one_owner_does_not_revoke_the_key_of_another() {
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    let made = add(&stage, &owner, &["authorize"]).await;
    let by = crate::domain::audit::By::command();

    for other in [service("shop"), Owner::User(crate::domain::id::UserId::new())] {
        assert!(!stage.app.accounts.revoke_key(&other, made.stored.id, &by).await.unwrap());
        assert!(stage.app.store().api_keys_of(&other).await.unwrap().is_empty());
    }
    assert_eq!(stage.app.store().api_keys_of(&owner).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_is_over_is_forgotten_after_a_month() {
    use sea_orm::EntityTrait as _;
    let stage = Stage::open().await;
    let owner = ada(&stage).await;
    add(&stage, &owner, &["authorize"]).await;
    let rows = async || {
        stage.app.store().sweep().await.unwrap();
        crate::store::entity::api_key::Entity::find().all(stage.app.store().read()).await.unwrap().len()
    };

    stage.wait(Duration::days(31));
    assert_eq!(rows().await, 1);
    stage.wait(Duration::SECOND);
    assert_eq!(rows().await, 0);
}

#[tokio::test]
async fn the_key_of_an_admin_who_is_none_any_more_opens_nothing_in_any_process() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let owner = ada(&stage).await;
    let Owner::User(id) = owner else { panic!("a person") };
    set_roles(stage.app.store(), id, &["admin"]).await;
    let key = add(&stage, &owner, &["users:read"]).await.key.reveal().to_owned();
    let answers = async || {
        let (one, other) =
            (stage.get("/api/v1/users").bearer(&key).await, twin.get("/api/v1/users").bearer(&key).await);
        [one.status, other.status]
    };
    assert_eq!(answers().await, [200, 200]);

    set_roles(stage.app.store(), id, &["member"]).await;

    assert_eq!(answers().await, [401, 401]);
}
