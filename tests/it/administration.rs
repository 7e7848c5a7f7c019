//! What administrators do to accounts, and what keeps them from doing it.

mod delegated;
mod lists;
mod merge;
mod reset;
mod rules;

use serde_json::{Value, json};

use super::stage::{House, Stage, made, set_roles};
use crate::account::administration::{ADMIN, AdminError, Caller, Change, Office, Refused};
use crate::domain::audit::By;
use crate::domain::id::UserId;
use crate::domain::identity::Subject;
use crate::domain::user::{User, Username};
use crate::store::users;

struct Desk {
    caller: Caller,
    by: By,
}

impl Desk {
    fn command() -> Self {
        Self { caller: Caller::command(), by: By::command() }
    }

    fn of(user: &User) -> Self {
        Self { caller: Caller::person(user, ADMIN), by: By::command() }
    }

    fn office<'a>(&'a self, house: &'a House) -> Office<'a> {
        Office::new(&house.app.accounts, &house.app.settings, &self.caller, &self.by)
    }
}

async fn again(house: &House, id: UserId) -> User {
    house.app.store().user(id).await.unwrap().unwrap()
}

fn refused<T: std::fmt::Debug>(done: Result<T, AdminError>) -> Refused {
    match done {
        Err(AdminError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

/// The events of a user so far, oldest first.
async fn events(house: &House, id: UserId) -> Vec<String> {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

    use crate::store::entity::audit_event::{Column, Entity};
    let rows = Entity::find().filter(Column::Target.eq(id.to_string())).order_by_asc(Column::Id);
    rows.all(house.app.store().write()).await.unwrap().into_iter().map(|row| row.event).collect()
}

#[tokio::test]
async fn a_lock_ends_sessions_and_keeps_roles_for_the_day_they_come_back() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &["member", "guest"]).await;
    let desk = Desk::command();

    assert!(desk.office(&stage).lock(ada.id).await.unwrap());
    assert!(!desk.office(&stage).lock(ada.id).await.unwrap());
    let locked = again(&stage, ada.id).await;
    assert!(locked.is_locked());
    assert_eq!(locked.roles, ["guest", "member"]);

    assert!(desk.office(&stage).unlock(ada.id).await.unwrap());
    assert!(!desk.office(&stage).unlock(ada.id).await.unwrap());
    assert_eq!(again(&stage, ada.id).await.roles, ["guest", "member"]);
    assert_eq!(events(&stage, ada.id).await, ["user.created", "user.locked", "user.unlocked"]);
}

#[tokio::test]
async fn nobody_locks_deletes_demotes_or_merges_themselves_away() {
    let stage = Stage::open().await;
    let (ada, ben) = (made(&stage, "ada", &[ADMIN]).await, made(&stage, "ben", &[ADMIN]).await);
    let desk = Desk::of(&ada);
    let office = desk.office(&stage);

    assert_eq!(refused(office.lock(ada.id).await), Refused::Oneself);
    assert_eq!(refused(office.erase(ada.id).await), Refused::Oneself);
    assert_eq!(refused(office.revoke(ada.id, ADMIN).await), Refused::Oneself);
    assert_eq!(refused(office.merge(ada.id, ben.id).await), Refused::Oneself);
    assert!(again(&stage, ada.id).await.roles.contains(&ADMIN.to_owned()));

    assert!(office.lock(ben.id).await.unwrap(), "others they may");
}

#[tokio::test]
async fn the_last_admin_who_can_sign_in_stays() {
    let stage = Stage::open().await;
    let (ada, ben) = (made(&stage, "ada", &[ADMIN]).await, made(&stage, "ben", &[ADMIN]).await);
    let desk = Desk::command();
    let office = desk.office(&stage);
    assert!(office.lock(ben.id).await.unwrap());

    assert_eq!(refused(office.lock(ada.id).await), Refused::LastAdmin);
    assert_eq!(refused(office.erase(ada.id).await), Refused::LastAdmin);
    assert_eq!(refused(office.revoke(ada.id, ADMIN).await), Refused::LastAdmin);
    let cy = made(&stage, "cy", &[]).await;
    assert_eq!(refused(office.merge(ada.id, cy.id).await), Refused::LastAdmin);

    office.unlock(ben.id).await.unwrap();
    assert!(office.revoke(ada.id, ADMIN).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_cannot_take_the_last_two_admins_at_once() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    for _ in 0..5 {
        let (ada, ben) = (made(&stage, "ada", &[ADMIN]).await, made(&stage, "ben", &[ADMIN]).await);
        let desk = Desk::command();

        let (one, other) = (desk.office(&stage), desk.office(&twin));
        let (first, second) = tokio::join!(one.revoke(ada.id, ADMIN), other.lock(ben.id));

        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        assert!(stage.app.store().anybody_has_role(ADMIN).await.unwrap());
        for user in [ada, ben] {
            users::delete(stage.app.store().write(), user.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_limited_caller_touches_no_admin_and_gives_nothing_they_lack() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &[ADMIN]).await;
    let ben = made(&stage, "ben", &["member"]).await;
    let cy = made(&stage, "cy", &["guest"]).await;
    let desk = Desk::of(&cy);
    let office = desk.office(&stage);

    let change = || Change { name: Some(Some("Mallory".into())), ..Change::default() };
    assert_eq!(refused(office.lock(ada.id).await), Refused::AboveCaller);
    assert_eq!(refused(office.edit(ada.id, change(), None).await), Refused::AboveCaller);
    assert_eq!(refused(office.end_sessions(ada.id).await), Refused::AboveCaller);
    assert_eq!(refused(office.merge(ada.id, ben.id).await), Refused::AboveCaller);
    assert_eq!(refused(office.merge(ben.id, ada.id).await), Refused::AboveCaller);
    assert_eq!(refused(office.grant(cy.id, ADMIN).await), Refused::RoleBeyondCaller);
    assert_eq!(refused(office.grant(ben.id, "member").await), Refused::RoleBeyondCaller);
    assert_eq!(refused(office.revoke(ben.id, "member").await), Refused::RoleBeyondCaller);

    assert!(office.grant(ben.id, "guest").await.unwrap());
    assert_eq!(again(&stage, ben.id).await.roles, ["guest", "member"]);
}

#[tokio::test]
async fn only_roles_of_the_file_are_given_and_any_can_be_taken() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &["member", "gone"]).await;
    let desk = Desk::command();
    let office = desk.office(&stage);

    assert!(matches!(office.grant(ada.id, "boss").await, Err(AdminError::RoleUnknown)));
    assert!(!office.grant(ada.id, "member").await.unwrap());
    assert!(office.revoke(ada.id, "gone").await.unwrap());
    assert!(!office.revoke(ada.id, "gone").await.unwrap());
    assert!(matches!(office.grant(UserId::new(), "member").await, Err(AdminError::NotFound)));
    assert_eq!(events(&stage, ada.id).await, ["user.created", "role.revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_given_at_the_same_time_are_all_there() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let ada = made(&stage, "ada", &[]).await;
    let desk = Desk::command();
    let (one, other) = (desk.office(&stage), desk.office(&twin));

    let done = tokio::join!(
        one.grant(ada.id, "member"),
        other.grant(ada.id, "guest"),
        one.grant(ada.id, ADMIN),
        other.grant(ada.id, "guest")
    );

    assert!(done.0.unwrap() && done.2.unwrap());
    assert!(done.1.unwrap() != done.3.unwrap(), "one of two equal wishes changes something");
    assert_eq!(again(&stage, ada.id).await.roles, [ADMIN, "guest", "member"]);
}

#[tokio::test]
async fn an_edit_merges_attributes_and_minds_the_version() {
    let stage = Stage::open().await;
    let (ada, _ben) = (made(&stage, "ada", &[]).await, made(&stage, "ben", &[]).await);
    let desk = Desk::command();
    let office = desk.office(&stage);
    let extra = |value: Value| Change { extra: value.as_object().cloned(), ..Change::default() };
    let of = async || stage.app.store().extra_of(ada.id).await.unwrap();

    office.edit(ada.id, extra(json!({ "team": { "name": "a", "size": 3 }, "age": 36 })), None).await.unwrap();
    let version = again(&stage, ada.id).await.version;
    office.edit(ada.id, extra(json!({ "team": { "size": null }, "age": null })), Some(version)).await.unwrap();
    assert_eq!(Value::Object(of().await), json!({ "team": { "name": "a" } }));

    let late = office.edit(ada.id, extra(json!({ "x": 1 })), Some(version)).await;
    assert!(matches!(late, Err(AdminError::Stale)));
    let large = office.edit(ada.id, extra(json!({ "x": "y".repeat(16 * 1024) })), None).await;
    assert!(matches!(large, Err(AdminError::TooMuch)));
    let name = Change { username: Some(Username::new("BEN")), ..Change::default() };
    assert!(matches!(office.edit(ada.id, name, None).await, Err(AdminError::UsernameTaken)));

    let change = Change { name: Some(None), username: Some(None), verified: Some(false), ..Change::default() };
    let edited = office.edit(ada.id, change, None).await.unwrap();
    assert_eq!((edited.name, edited.username), (None, None));
    assert!(!edited.email.unwrap().verified);
    assert!(office.verify(ada.id).await.unwrap());
    assert!(!office.verify(ada.id).await.unwrap());
}

#[tokio::test]
async fn the_last_way_to_sign_in_is_not_taken() {
    let stage = Stage::with("[login.magic_link]\nenabled = false").await;
    let ada = made(&stage, "ada", &[]).await;
    let subject = |name: &str| Subject::new("sso", "https://sso.test", name).unwrap();
    for name in ["one", "two"] {
        users::link(stage.app.store().write(), ada.id, &subject(name), stage.now()).await.unwrap();
    }
    let desk = Desk::command();
    let office = desk.office(&stage);

    assert!(!office.unlink(ada.id, &subject("three")).await.unwrap());
    assert!(office.unlink(ada.id, &subject("one")).await.unwrap());
    assert!(matches!(office.unlink(ada.id, &subject("two")).await, Err(AdminError::LastWayIn)));
    assert_eq!(stage.app.store().identities(ada.id).await.unwrap().len(), 1);

    users::set_password_hash(stage.app.store().write(), ada.id, "$argon2id$", stage.now()).await.unwrap();
    assert!(office.unlink(ada.id, &subject("two")).await.unwrap());
}

#[tokio::test]
async fn a_rehearsal_says_the_same_and_changes_nothing() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &[ADMIN]).await;
    let desk = Desk::command();
    let office = desk.office(&stage).rehearsal(true);

    assert!(office.grant(ada.id, "member").await.unwrap());
    assert_eq!(refused(office.lock(ada.id).await), Refused::LastAdmin);
    assert_eq!(again(&stage, ada.id).await, ada);
    assert_eq!(events(&stage, ada.id).await, ["user.created"]);
    set_roles(stage.app.store(), ada.id, &[]).await;
    office.erase(ada.id).await.unwrap();
    again(&stage, ada.id).await;
}
