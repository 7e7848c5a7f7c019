//! What an upstream says about somebody: kept up to date, but for what people have chosen themselves.

use super::{House, Identity, at, bare, email, vouched};
use crate::account::Renamed;
use crate::account::administration::{Caller, Change, Office};
use crate::domain::audit::By;
use crate::domain::user::Username;
use crate::domain::username::Unusable;

fn called(subject: &str, username: &str) -> Identity {
    Identity { username: Some(username.into()), ..bare(subject) }
}

#[tokio::test]
async fn a_username_is_given_once_and_gets_a_number_where_it_is_taken() {
    let house = House::open("").await;

    assert_eq!(house.enter(&called("1", "Ada")).await.username.as_deref(), Some("ada"));
    assert_eq!(house.enter(&called("2", "ADA")).await.username.as_deref(), Some("ada-2"));
    assert_eq!(house.enter(&called("3", "ada")).await.username.as_deref(), Some("ada-3"));
    assert_eq!(house.enter(&called("4", "ada-2")).await.username.as_deref(), Some("ada-2-2"));

    assert_eq!(house.enter(&called("2", "grace")).await.username.as_deref(), Some("ada-2"));
    assert_eq!(house.enter(&called("1", "ada")).await.username.as_deref(), Some("ada"));
}

#[tokio::test]
async fn without_a_login_name_the_address_suggests_one() {
    let house = House::open("").await;

    assert_eq!(house.enter(&vouched("1", "grace+x@x.example")).await.username.as_deref(), Some("gracex"));
    assert_eq!(house.enter(&bare("2")).await.username, None);
}

#[tokio::test]
async fn nobody_becomes_an_administrator_by_name() {
    let house = House::open("").await;

    for (subject, name) in [("1", "admin"), ("2", "ADMIN"), ("3", "\u{430}dmin"), ("4", "root"), ("5", "adm\u{131}n")] {
        let user = house.enter(&called(subject, name)).await;

        let username = user.username.clone().unwrap_or_default();
        assert!(username != "admin" && username != "root", "{name} became {username}");
        assert!(!user.roles.contains(&"admin".to_owned()));
    }
}

#[tokio::test]
async fn a_username_that_its_owner_chose_stays_and_is_nobody_elses() {
    let house = House::open("").await;
    let ada = house.enter(&bare("1")).await;
    let bob = house.enter(&bare("2")).await;
    let accounts = &house.app.accounts;
    let wish = async |user: &_, wish: &str| accounts.rename(&By::system(), user, wish).await.unwrap();

    assert_eq!(wish(&ada, "admin").await, Renamed::Unusable(Unusable::Reserved));
    assert_eq!(wish(&ada, "Ada").await, Renamed::Yes);
    assert_eq!(wish(&bob, "aDA").await, Renamed::Taken);
    assert_eq!(wish(&ada, "grace").await, Renamed::AlreadySet, "even by an old page");
    let ada = house.app.store().user(ada.id).await.unwrap().unwrap();
    assert_eq!(ada.username.as_deref(), Some("Ada"));
    let (caller, by) = (Caller::command(), By::command());
    let change = Change { username: Some(Username::new("grace")), ..Change::default() };
    let office = Office::new(accounts, &house.app.settings, &caller, &by);
    assert!(office.edit(ada.id, change, None).await.is_ok(), "an administrator may");

    assert_eq!(house.enter(&called("1", "hopper")).await.username.as_deref(), Some("grace"));
}

#[tokio::test]
async fn name_picture_and_groups_follow_the_upstream() {
    let house = House::open("").await;
    let first = Identity {
        name: Some("Ada".into()),
        avatar_url: Some("https://pics.example/1".parse().unwrap()),
        groups: vec!["github:staff".into(), "github:old".into()],
        ..bare("1")
    };
    let before = house.enter(&first).await;
    assert_eq!(before.groups, ["github:old", "github:staff"]);
    let same = house.enter(&first).await;
    assert_eq!(same.version, before.version, "nothing new, nothing to ask again");

    let later = Identity {
        name: Some("Ada L.".into()),
        avatar_url: Some("https://pics.example/2".parse().unwrap()),
        groups: vec!["github:staff".into(), "github:new".into()],
        ..bare("1")
    };
    let after = house.enter(&later).await;
    assert_eq!(after.name.as_deref(), Some("Ada L."));
    assert_eq!(after.avatar_url.as_deref(), Some("https://pics.example/2"));
    assert_eq!(after.groups, ["github:new", "github:staff"]);
    assert!(after.version > before.version);

    let silent = house.enter(&bare("1")).await;
    assert_eq!(silent.name.as_deref(), Some("Ada L."), "who says nothing takes nothing");
    assert!(silent.groups.is_empty(), "but who is in no group is in none");
}

#[tokio::test]
async fn the_groups_of_one_provider_are_not_the_business_of_another() {
    let house = House::open("").await;
    let ada = house.enter(&Identity { groups: vec!["github:staff".into()], ..vouched("1", "ada@x.example") }).await;
    let google = Identity { groups: vec!["google:team".into()], ..at("google", "https://g.example", "7") };
    assert!(house.app.accounts.link_after_proof(&ada, &google, &By::command()).await.unwrap());

    assert_eq!(house.enter(&google).await.groups, ["github:staff", "google:team"]);
    assert_eq!(house.enter(&bare("1")).await.groups, ["google:team"]);
}

#[tokio::test]
async fn a_first_address_is_taken_over_and_a_later_one_changes_nothing() {
    let house = House::open("").await;
    let before = house.enter(&bare("1")).await;
    assert_eq!(before.email, None);

    let after = house.enter(&vouched("1", "ada@x.example")).await;
    assert!(after.version > before.version, "what was remembered of somebody without an address is over");
    assert_eq!(house.enter(&vouched("1", "ada@x.example")).await.version, after.version);
    let address = after.email.unwrap();
    assert_eq!((address.email, address.verified), (email("ada@x.example"), true));
    let address = house.enter(&vouched("1", "other@x.example")).await.email.unwrap();
    assert_eq!(address.email, email("ada@x.example"));

    house.enter(&bare("2")).await;
    assert_eq!(house.enter(&vouched("2", "ada@x.example")).await.email, None, "it is somebody else's");
}

#[tokio::test]
async fn a_name_is_shown_without_its_tricks() {
    use crate::domain::identity::{Subject, avatar, display_name};

    assert_eq!(display_name(" A\u{202e}d\u{2066}a\r\n\0 ").as_deref(), Some("Ada"));
    assert_eq!(display_name("<b>Ada</b>").as_deref(), Some("<b>Ada</b>"), "pages escape");
    assert_eq!(display_name(&"\u{e4}".repeat(201)).unwrap().chars().count(), 200);
    assert_eq!(display_name("\u{200e} \n"), None);

    assert!(avatar("https://pics.example/a.png").is_some());
    for odd in ["javascript:alert(1)", "data:text/html,x", "http://pics.example/a.png", "/a.png", ""] {
        assert_eq!(avatar(odd), None, "{odd}");
    }

    assert!(Subject::new("p", "r", &"s".repeat(255)).is_some());
    for odd in ["", "a\0b", "a\nb", &"s".repeat(256)] {
        assert_eq!(Subject::new("p", "r", odd), None);
    }
    assert_eq!(Subject::new("p", "r", " s ").unwrap().subject, " s ");
}
