//! Users as administrators look for them.

use super::{Desk, made};
use crate::domain::audit::By;
use crate::domain::identity::Subject;
use crate::it::stage::Stage;
use crate::store::people::{Place, Wanted};
use crate::store::users::{self, NewUser};

/// All pages, each with at most `limit` users; the names in the order they came.
async fn all(stage: &Stage, wanted: &Wanted, limit: usize) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None);
    for _ in 0..1000 {
        let page = stage.app.store().people(wanted, after, limit).await.unwrap();
        assert!(page.people.len() <= limit);
        names.extend(page.people.into_iter().map(|person| person.user.shown_name()));
        let Some(next) = page.next else { return names };
        after = Some(Place::parse(&next.to_text()).unwrap());
    }
    panic!("the list has no end");
}

fn search(text: &str) -> Wanted {
    Wanted { search: Some(text.into()), ..Wanted::default() }
}

#[tokio::test]
async fn a_search_finds_what_begins_with_the_text_each_user_once() {
    let stage = Stage::open().await;
    for name in ["ada", "adam", "ben", "bea"] {
        made(&stage, name, &[]).await;
    }
    let person = |name: &str, email: &str| NewUser {
        name: Some(name.into()),
        email: Some((email.parse().unwrap(), true)),
        ..NewUser::default()
    };
    for (name, email) in
        [("Grace Hopper", "g@x.example"), ("Hopper Grace", "h@x.example"), ("100% _Real_", "r@x.example")]
    {
        stage.app.accounts.add(person(name, email), None, &By::command()).await.unwrap();
    }

    for limit in [1, 2, 3, 50] {
        assert_eq!(all(&stage, &search("ad"), limit).await, ["ADA", "ADAM"], "{limit}");
        assert_eq!(all(&stage, &search(" ADA@Example"), limit).await, ["ADA"]);
        assert_eq!(all(&stage, &search("hop"), limit).await, ["Hopper Grace", "Grace Hopper"]);
        assert_eq!(all(&stage, &search("grace"), limit).await, ["Grace Hopper", "Hopper Grace"]);
        assert_eq!(all(&stage, &search("dam"), limit).await, [""; 0], "only what begins with it");
    }
    for nothing_special in ["%", "\\", "' or 1=1 --", "\"", "*", "\u{10ffff}"] {
        assert_eq!(all(&stage, &search(nothing_special), 10).await, [""; 0], "{nothing_special}");
    }
    assert_eq!(all(&stage, &search("100%"), 10).await, ["100% _Real_"]);
    assert_eq!(all(&stage, &search("_r"), 10).await, ["100% _Real_"]);
    assert_eq!(all(&stage, &search("  "), 3).await.len(), 7, "nothing to look for is everybody");
}

#[tokio::test]
async fn filters_hold_alone_and_together_page_by_page() {
    let stage = Stage::open().await;
    let desk = Desk::command();
    for number in 0..12 {
        let user =
            made(&stage, &format!("user{number:02}"), if number % 3 == 0 { &["guest", "member"] } else { &["member"] })
                .await;
        if number % 4 == 0 {
            desk.office(&stage).lock(user.id).await.unwrap();
        }
        if number % 2 == 0 {
            let change = crate::account::administration::Change { verified: Some(false), ..Default::default() };
            desk.office(&stage).edit(user.id, change, None).await.unwrap();
        }
        if number == 6 || number == 7 {
            let subject = Subject::new("sso", "https://sso.test", &number.to_string()).unwrap();
            users::link(stage.app.store().write(), user.id, &subject, stage.now()).await.unwrap();
            crate::store::changes::signed_in(stage.app.store().write(), user.id, stage.now()).await.unwrap();
        }
    }
    let names = |numbers: &[usize]| numbers.iter().map(|number| format!("USER{number:02}")).collect::<Vec<_>>();
    let guests = Wanted { role: Some("guest".into()), ..Wanted::default() };
    let locked = Wanted { locked: Some(true), ..Wanted::default() };
    let open = Wanted { locked: Some(false), ..Wanted::default() };
    let unverified = Wanted { unverified: true, ..Wanted::default() };
    let linked = Wanted { provider: Some("sso".into()), ..Wanted::default() };
    let never = Wanted { never_signed_in: true, ..Wanted::default() };
    let cases = [
        (guests.clone(), names(&[0, 3, 6, 9])),
        (locked.clone(), names(&[0, 4, 8])),
        (open, names(&[1, 2, 3, 5, 6, 7, 9, 10, 11])),
        (unverified.clone(), names(&[0, 2, 4, 6, 8, 10])),
        (linked.clone(), names(&[6, 7])),
        (never, names(&[0, 1, 2, 3, 4, 5, 8, 9, 10, 11])),
        (Wanted { locked: Some(true), ..guests.clone() }, names(&[0])),
        (Wanted { unverified: true, ..linked.clone() }, names(&[6])),
        (Wanted { never_signed_in: true, ..linked }, names(&[])),
        (Wanted { search: Some("user0".into()), ..locked }, names(&[0, 4, 8])),
        (Wanted { provider: Some("other".into()), ..guests }, names(&[])),
        (Wanted { role: Some("gues".into()), ..unverified }, names(&[])),
    ];

    for (wanted, expected) in cases {
        for limit in [1, 2, 5, 100] {
            assert_eq!(all(&stage, &wanted, limit).await, expected, "{wanted:?} {limit}");
        }
    }
}

#[tokio::test]
async fn a_place_of_another_list_leads_nowhere_and_nonsense_is_no_place() {
    let stage = Stage::open().await;
    let ada = made(&stage, "ada", &[]).await;
    let found = Place::Found(200, "a".into(), ada.id.0);

    for (wanted, place) in
        [(search("a"), Place::After(ada.id.0)), (Wanted::default(), found.clone()), (search("a"), found)]
    {
        let page = stage.app.store().people(&wanted, Some(place), 10).await.unwrap();
        assert!(page.people.is_empty() && page.next.is_none());
    }
    for nonsense in ["", "x", "usr_1", "bnVsbA", "{}"] {
        assert_eq!(Place::parse(nonsense), None, "{nonsense}");
    }
}
