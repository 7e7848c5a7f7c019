//! The rule carried out: one transaction, one user for one identity, nothing left of an account nobody had proven.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use super::{House, WAY, allowing, arrival, at, bare, email, vouched};
use crate::account::{AccountError, Outcome};
use crate::domain::audit::By;
use crate::domain::id::SessionId;
use crate::domain::linking::LinkPolicy::{Ask, Never, VerifiedEmail};
use crate::domain::user::User;
use crate::it::stage::clock::ManualClock;
use crate::it::stage::set_roles;
use crate::store::sessions::{Lifetimes, SIGNED_IN, Sessions, SignedIn};
use crate::store::users::{self, NewUser};

const SECRET: &str = "a squatter's own password";

/// An account with the victim's address, never proven, with every way in that its maker could prepare.
async fn squatter(house: &House) -> (User, Sessions, Id) {
    let new = NewUser { email: Some((email("ada@x.example"), false)), ..NewUser::default() };
    let user = house.app.accounts.add(new, Some(SECRET), &By::command()).await.unwrap();
    let now = house.app.store().now();
    users::link(house.app.store().write(), user.id, &bare("squatter").subject, now).await.unwrap();
    let hour = time::Duration::HOUR;
    let lifetimes = Lifetimes { absolute: hour * 24, idle: hour, remembered: hour, max_per_user: 10 };
    let sessions = Sessions::new(house.app.store().clone(), Arc::new(ArcSwap::from_pointee(lifetimes)));
    let signed_in = SignedIn {
        session: SessionId::new(),
        user: user.id,
        method: "password".into(),
        user_agent: None,
        ip: None,
        amr: Vec::new(),
        remembered: false,
    };
    let data = [(SIGNED_IN.to_owned(), serde_json::to_value(signed_in).unwrap())].into();
    let mut record = Record { id: Id::default(), data, expiry_date: house.app.now() + hour };
    sessions.create(&mut record).await.unwrap();
    assert!(sessions.load(&record.id).await.unwrap().is_some());
    assert!(house.sign_in("ada@x.example", SECRET).await.unwrap().is_some());
    (user, sessions, record.id)
}

async fn is_emptied(house: &House, user: &User, sessions: &Sessions, session: &Id, identities: usize) {
    assert_eq!(house.app.store().password_hash(user.id).await.unwrap(), None);
    assert!(house.sign_in("ada@x.example", SECRET).await.unwrap().is_none());
    assert!(sessions.load(session).await.unwrap().is_none());
    assert_eq!(house.app.store().identities(user.id).await.unwrap().len(), identities);
    let address = house.app.store().user(user.id).await.unwrap().unwrap().email.unwrap();
    assert!(address.verified);
}

#[tokio::test]
async fn nothing_that_a_squatter_prepared_survives_the_owner_of_the_address() {
    for policy in [Ask, VerifiedEmail] {
        let house = House::open("").await;
        let (user, sessions, session) = squatter(&house).await;

        let outcome = house.app.accounts.arrive(allowing(&vouched("ada", "ADA@x.example"), policy)).await.unwrap();

        let Outcome::In(ada) = outcome else { panic!("asked") };
        assert_eq!(ada.id, user.id);
        is_emptied(&house, &user, &sessions, &session, 1).await;
        let squatter = house.enter(&bare("squatter")).await;
        assert_ne!(squatter.id, user.id, "the squatter's own identity is a stranger now");
    }
}

#[tokio::test]
async fn nothing_that_a_squatter_prepared_survives_an_answered_mail() {
    for policy in ["ask", "never"] {
        let house = House::open(&format!("account_linking = \"{policy}\"")).await;
        let (user, sessions, session) = squatter(&house).await;

        let ada = house.app.accounts.arrive_by_mail(&email("ada@x.example"), WAY).await.unwrap();

        assert_eq!(ada.id, user.id);
        is_emptied(&house, &user, &sessions, &session, 0).await;
    }
}

#[tokio::test]
async fn where_linking_is_off_a_claim_changes_nothing_and_lets_nobody_in() {
    let house = House::open("").await;
    let (user, sessions, session) = squatter(&house).await;

    let refused = house.app.accounts.arrive(allowing(&vouched("ada", "ada@x.example"), Never)).await;

    assert!(matches!(refused, Err(AccountError::LinkRefused)));
    assert!(sessions.load(&session).await.unwrap().is_some());
    assert_eq!(house.app.store().identities(user.id).await.unwrap().len(), 1);
    assert_eq!(house.count().await, 1);
}

#[tokio::test]
async fn a_locked_account_is_not_taken_over_and_keeps_what_it_has() {
    let house = House::open("").await;
    let (user, ..) = squatter(&house).await;
    house.set_locked(user.id, true).await;

    let refused = house.app.accounts.arrive(allowing(&vouched("ada", "ada@x.example"), VerifiedEmail)).await;

    assert!(matches!(refused, Err(AccountError::Locked)));
    assert!(house.app.store().password_hash(user.id).await.unwrap().is_some());
    assert_eq!(house.app.store().identities(user.id).await.unwrap()[0].subject, bare("squatter").subject);
    assert!(matches!(house.app.accounts.arrive_by_mail(&email("ada@x.example"), WAY).await, Err(AccountError::Locked)));
}

#[tokio::test]
async fn a_proven_account_keeps_what_it_has_when_another_identity_is_linked() {
    let house = House::open("account_linking = \"verified-email\"").await;
    let new = NewUser { email: Some((email("ada@x.example"), true)), ..NewUser::default() };
    let ada = house.app.accounts.add(new, Some(SECRET), &By::command()).await.unwrap();

    let same = house.enter(&vouched("ada", "ada@x.example")).await;

    assert_eq!(same.id, ada.id);
    assert!(house.sign_in("ada@x.example", SECRET).await.unwrap().is_some());
}

#[tokio::test]
async fn asking_changes_nothing_until_the_proof_is_there() {
    let house = House::open("").await;
    let ada = house.enter(&vouched("ada", "ada@x.example")).await;
    let other =
        super::Identity { subject: at("google", "https://g.example", "7").subject, ..vouched("7", "ada@x.example") };

    assert_eq!(house.arrive(&other).await, Outcome::Ask(ada.id));
    assert_eq!(house.app.store().identities(ada.id).await.unwrap().len(), 1);

    assert!(house.app.accounts.link_after_proof(&ada, &other, &By::command()).await.unwrap());
    assert_eq!(house.enter(&other).await.id, ada.id);
    assert_eq!(house.count().await, 1);
}

#[tokio::test]
async fn an_identity_that_belongs_to_somebody_is_not_linked_to_another() {
    let house = House::open("").await;
    let ada = house.enter(&bare("ada")).await;
    let bob = house.enter(&bare("bob")).await;

    assert!(!house.app.accounts.link_after_proof(&bob, &bare("ada"), &By::command()).await.unwrap());

    assert_eq!(house.enter(&bare("ada")).await.id, ada.id);
    assert_eq!(house.app.store().identities(bob.id).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_logins_of_one_identity_at_the_same_moment_on_two_servers_make_one_user() {
    let house = House::open("").await;
    let apps = [house.app.clone(), house.twin().await.app];
    let crowd = (0..12).map(|n| {
        let app = apps[n % 2].clone();
        tokio::spawn(async move { app.accounts.arrive(arrival(&vouched("ada", "ada@x.example"))).await })
    });

    let mut ids = std::collections::HashSet::new();
    for one in crowd.collect::<Vec<_>>() {
        let Outcome::In(user) = one.await.unwrap().unwrap() else { panic!("asked to prove to be themselves") };
        ids.insert(user.id);
    }

    assert_eq!((ids.len(), house.count().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_with_one_wish_for_a_username_at_the_same_moment_get_two() {
    let house = House::open("").await;
    let apps = [house.app.clone(), house.twin().await.app];
    let crowd = (0..8).map(|n| {
        let app = apps[n % 2].clone();
        let who = super::Identity { username: Some("ada".into()), ..bare(&format!("ada{n}")) };
        tokio::spawn(async move { app.accounts.arrive(arrival(&who)).await })
    });

    let mut names = std::collections::HashSet::new();
    for one in crowd.collect::<Vec<_>>() {
        let Outcome::In(user) = one.await.unwrap().unwrap() else { panic!("asked") };
        names.insert(user.username.unwrap());
    }

    assert_eq!(names.len(), 8, "{names:?}");
}

#[tokio::test]
async fn a_subject_is_somebody_else_in_another_case_realm_or_provider() {
    let house = House::open("").await;
    let people = [
        at("github", "https://github.example", "abc"),
        at("github", "https://github.example", "ABC"),
        at("github", "https://github.example", "abc "),
        at("github", "https://moved.example", "abc"),
        at("google", "https://github.example", "abc"),
    ];

    let mut ids = std::collections::HashSet::new();
    for who in &people {
        ids.insert(house.enter(who).await.id);
    }

    assert_eq!((ids.len(), house.count().await), (people.len(), people.len()));
    for who in &people {
        assert!(ids.contains(&house.enter(who).await.id));
    }
}

#[tokio::test]
async fn who_is_deleted_comes_back_as_somebody_new() {
    let house = House::open("").await;
    let ada = house.enter(&bare("ada")).await;
    set_roles(house.app.store(), ada.id, &["admin"]).await;
    assert!(users::delete(house.app.store().write(), ada.id).await.unwrap());

    let again = house.enter(&bare("ada")).await;

    assert_ne!(again.id, ada.id);
    assert!(again.roles.is_empty());
}

#[tokio::test]
async fn new_accounts_are_made_only_where_the_file_allows_it() {
    for (login, provider, mail) in [
        ("signup = \"open\"", true, true),
        ("signup = \"providers\"", true, false),
        ("signup = \"closed\"", false, false),
        ("signup = \"open\"\nallowed_email_domains = [\"x.example\"]", true, true),
        ("signup = \"open\"\nallowed_email_domains = [\"y.example\"]", false, false),
        ("signup = \"open\"\nblocked_email_domains = [\"x.example\"]", false, false),
    ] {
        let house = House::open(login).await;

        let arrived = house.app.accounts.arrive(arrival(&vouched("ada", "ada@x.example"))).await;
        assert_eq!(arrived.is_ok(), provider, "{login}: {arrived:?}");

        let bob = email("bob@x.example");
        assert_eq!(house.app.accounts.is_reachable_by_mail(&bob).await.unwrap(), mail, "{login}");
        let arrived = house.app.accounts.arrive_by_mail(&bob, WAY).await;
        assert_eq!(arrived.is_ok(), mail, "{login}: {arrived:?}");
        assert_eq!(house.count().await, usize::from(provider) + usize::from(mail), "{login}");
    }
}

#[tokio::test]
async fn where_addresses_are_chosen_nobody_comes_in_without_one() {
    let house = House::open("allowed_email_domains = [\"x.example\"]").await;

    for who in [bare("ada"), vouched("bob", "bob@x.example.evil.example"), vouched("cy", "cy@sub.x.example")] {
        let refused = house.app.accounts.arrive(arrival(&who)).await;
        assert!(matches!(refused, Err(AccountError::AddressRefused)), "{refused:?}");
    }
    assert_eq!(house.count().await, 0);
}

#[tokio::test]
async fn a_locked_user_and_a_wrong_password_are_one_answer() {
    let house = House::open("").await;
    let new = NewUser {
        username: crate::domain::user::Username::new("Ada"),
        email: Some((email("ada@x.example"), true)),
        ..NewUser::default()
    };
    let ada = house.app.accounts.add(new, Some(SECRET), &By::command()).await.unwrap();
    let comes = async |name: &str, password: &str| house.sign_in(name, password).await.unwrap().is_some();

    for name in ["ada@x.example", "ADA@X.example", " ada@x.example", "Ada", "ADA", "ada"] {
        assert!(comes(name, SECRET).await, "{name}");
    }
    assert!(!comes("ada", "wrong").await);
    assert!(!comes("nobody", SECRET).await);
    assert!(!comes("", "").await);
    house.set_locked(ada.id, true).await;
    assert!(!comes("ada", SECRET).await);
    house.set_locked(ada.id, false).await;
    assert!(comes("ada", SECRET).await);
}

#[tokio::test]
async fn a_hash_is_renewed_at_the_next_sign_in_and_only_then() {
    let house = House::open("").await;
    let new = NewUser { email: Some((email("ada@x.example"), true)), ..NewUser::default() };
    let ada = house.app.accounts.add(new, None, &By::command()).await.unwrap();
    let weak = crate::config::settings::Password {
        argon2_iterations: 1,
        argon2_memory_kib: 4096,
        ..house.app.settings.login.password.clone()
    };
    let old = crate::account::Hasher::new(&weak).hash(SECRET).await.unwrap();
    users::set_password_hash(house.app.store().write(), ada.id, &old, 0).await.unwrap();
    let stored = async || house.app.store().password_hash(ada.id).await.unwrap().unwrap();

    assert!(house.sign_in("ada@x.example", "wrong").await.unwrap().is_none());
    assert_eq!(stored().await, old);

    assert!(house.sign_in("ada@x.example", SECRET).await.unwrap().is_some());
    let new = stored().await;
    assert!(new.contains("m=8192,t=1"), "{new}");
    assert!(house.sign_in("ada@x.example", SECRET).await.unwrap().is_some());
    assert_eq!(stored().await, new);
}

/// The clock of the house is the only one: the machine's says 2020 is long over.
#[tokio::test]
async fn an_account_is_as_old_as_the_clock_of_the_house_says() {
    let house = House::open("").await;

    let ada = house.enter(&bare("ada")).await;

    assert_eq!(ada.created_at, crate::clock::Clock::now(&ManualClock::new()));
}
