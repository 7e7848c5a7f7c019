//! Two accounts become one, and two again.

use time::Duration;

use super::{Desk, again, events, made, refused};
use crate::account::administration::{ADMIN, AdminError, Refused};
use crate::domain::identity::Subject;
use crate::it::stage::Stage;
use crate::store::users;

fn subject(name: &str) -> Subject {
    Subject::new("sso", "https://sso.test", name).unwrap()
}

#[tokio::test]
async fn what_moves_is_said_before_moves_then_and_comes_back() {
    let stage = Stage::open().await;
    let (old, ada) = (made(&stage, "old", &["guest"]).await, made(&stage, "ada", &["member"]).await);
    users::link(stage.app.store().write(), old.id, &subject("1815"), stage.now()).await.unwrap();
    let desk = Desk::command();
    let office = desk.office(&stage);

    let preview = office.preview_merge(old.id, ada.id).await.unwrap();
    assert_eq!(preview.addresses, ["old@example.com"]);
    assert_eq!(preview.identities, ["sso"]);
    assert_eq!(
        preview.conflicts,
        [
            "username: `ada` stays, `old` goes",
            "name: `ADA` stays, `OLD` goes",
            "role `guest`: it goes; grant it to whoever stays"
        ]
    );
    assert_eq!(again(&stage, ada.id).await, ada);

    stage.wait(Duration::seconds(10));
    office.merge(old.id, ada.id).await.unwrap();
    let merged = again(&stage, ada.id).await;
    assert_eq!(merged.email.as_ref().unwrap().email.as_str(), "ada@example.com", "the main address stays");
    assert_eq!(merged.roles, ["member"], "roles do not move");
    assert_eq!(stage.app.store().user_by_email(&"old@example.com".parse().unwrap()).await.unwrap().unwrap().id, ada.id);
    assert_eq!(stage.app.store().identities(ada.id).await.unwrap()[0].subject, subject("1815"));
    assert_eq!(office.find(&old.id.to_string()).await.unwrap().id, ada.id, "the old id names who stayed");
    assert!(again(&stage, old.id).await.is_locked());
    assert!(matches!(office.lock(old.id).await, Err(AdminError::NotFound)), "nothing is done to who went");
    assert!(matches!(office.merge(old.id, ada.id).await, Err(AdminError::NotFound)));
    let listed = stage.app.store().people(&crate::store::people::Wanted::default(), None, 10).await.unwrap();
    assert_eq!(listed.people.len(), 1);

    assert_eq!(office.undo_merge(old.id).await.unwrap(), ada.id);
    let parted = again(&stage, old.id).await;
    assert!(!parted.is_locked());
    assert_eq!((parted.email, parted.roles, parted.username), (old.email, old.roles, old.username));
    assert_eq!(stage.app.store().identities(old.id).await.unwrap().len(), 1);
    assert_eq!(office.find(&old.id.to_string()).await.unwrap().id, old.id);
    assert!(matches!(office.undo_merge(old.id).await, Err(AdminError::NothingToUndo)));
    assert_eq!(events(&stage, ada.id).await, ["user.created", "user.merged", "user.unmerged"]);
}

#[tokio::test]
async fn a_merge_can_be_undone_for_a_fortnight_and_then_whoever_went_is_gone() {
    let stage = Stage::open().await;
    let (old, ada) = (made(&stage, "old", &[]).await, made(&stage, "ada", &[]).await);
    let desk = Desk::command();
    let office = desk.office(&stage);
    office.merge(old.id, ada.id).await.unwrap();

    stage.wait(Duration::days(14) - Duration::SECOND);
    stage.app.store().sweep().await.unwrap();
    assert!(office.rehearsal(true).undo_merge(old.id).await.is_ok());
    stage.wait(Duration::SECOND);
    assert!(matches!(office.undo_merge(old.id).await, Err(AdminError::NothingToUndo)));
    stage.app.store().sweep().await.unwrap();
    assert!(stage.app.store().user(old.id).await.unwrap().is_none());
    assert_eq!(office.find(&old.id.to_string()).await.unwrap().id, ada.id);
}

#[tokio::test]
async fn nobody_is_merged_with_themselves_and_admins_are_guarded() {
    let stage = Stage::open().await;
    let (ada, ben) = (made(&stage, "ada", &[ADMIN]).await, made(&stage, "ben", &[]).await);
    let desk = Desk::command();
    let office = desk.office(&stage);

    assert!(matches!(office.merge(ben.id, ben.id).await, Err(AdminError::SameAccount)));
    assert!(matches!(office.preview_merge(ben.id, ben.id).await, Err(AdminError::SameAccount)));
    assert_eq!(refused(office.merge(ada.id, ben.id).await), Refused::LastAdmin);
    assert!(office.merge(ben.id, ada.id).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crosswise_merges_of_two_processes_leave_one_account() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let (ada, ben) = (made(&stage, "ada", &[]).await, made(&stage, "ben", &[]).await);
    let desk = Desk::command();
    let (one, other) = (desk.office(&stage), desk.office(&twin));

    let (first, second) = tokio::join!(one.merge(ada.id, ben.id), other.merge(ben.id, ada.id));

    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let listed = stage.app.store().people(&crate::store::people::Wanted::default(), None, 10).await.unwrap();
    assert_eq!(listed.people.len(), 1);
}
