//! Wrong passwords in a row: the account rests, longer each time, and wakes by itself.

use time::Duration;

use super::people::{SECRET, events, types, with_password};
use crate::domain::pause::{Pause, after};
use crate::it::stage::Stage;

#[test]
fn the_rest_grows_and_has_an_end() {
    let lasts = |failures| after(failures, 5).map(|pause| pause.lasts);
    assert_eq!(lasts(0), None);
    assert_eq!(lasts(4), None);
    assert_eq!(lasts(5), Some(Duration::seconds(30)));
    assert_eq!(lasts(6), Some(Duration::seconds(60)));
    assert_eq!(lasts(9), Some(Duration::minutes(8)));
    assert_eq!(lasts(13), Some(Duration::seconds(30 * 256)));
    assert_eq!(lasts(14), Some(Duration::hours(4)));
    assert_eq!(lasts(u32::MAX), Some(Duration::hours(4)));
    assert_eq!(after(9, 5).map(|pause| pause.is_lock), Some(false));
    assert_eq!(after(10, 5), Some(Pause { lasts: Duration::minutes(16), is_lock: true }));
    assert!(after(1, 1).is_some() && after(1, 0).is_some());
}

/// One guess from an address of its own; the status, and how long to wait.
async fn guess(stage: &Stage, n: usize, name: &str, password: &str) -> (u16, Option<i64>) {
    let mut browser = stage.browser();
    browser.moves_to(&format!("198.51.{}.{}", n / 250, n % 250));
    let status = types(&mut browser, name, password).await;
    let wait = browser.last.header("retry-after").map(|text| text.parse().unwrap());
    (status, wait)
}

/// Guesses wrongly until there were so many failures, and waits whenever told to; all the waits that were told.
async fn fails(stage: &Stage, name: &str, times: usize) -> Vec<i64> {
    let (mut failures, mut waits, mut n) = (0, Vec::new(), 0);
    while failures < times {
        n += 1;
        match guess(stage, n, name, "not the password").await {
            (401, _) => failures += 1,
            (429, Some(wait)) => {
                waits.push(wait);
                stage.wait(Duration::seconds(wait));
            }
            other => panic!("{other:?}"),
        }
    }
    waits
}

#[tokio::test]
async fn the_wait_grows_and_even_the_right_password_waits() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;

    let waits = fails(&stage, "ada", 10).await;

    assert!(waits.is_sorted_by(|a, b| a <= b || *b <= 90), "{waits:?}");
    assert!(waits.contains(&480), "{waits:?}");
    let (status, wait) = guess(&stage, 900, "ada", SECRET).await;
    assert_eq!((status, wait), (429, Some(960)));
    stage.wait(Duration::seconds(959));
    assert_eq!(guess(&stage, 901, "ada", SECRET).await.0, 429);
    stage.wait(Duration::SECOND);
    assert_eq!(guess(&stage, 902, "ada", SECRET).await.0, 303, "it ends by itself");
    assert_eq!(guess(&stage, 903, "ada", "wrong").await.0, 401, "and begins anew after the right one");
    assert_eq!(guess(&stage, 904, "ada", SECRET).await.0, 303);
}

#[tokio::test]
async fn nobody_learns_from_the_waits_who_exists() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let known = fails(&stage, "ada@example.org", 10).await;

    let stage = Stage::open().await;
    let unknown = fails(&stage, "ada@example.org", 10).await;

    assert_eq!(known, unknown);
    assert_eq!(stage.letters().await, [], "nobody is told of nobody");
}

#[tokio::test]
async fn the_owner_is_told_once_for_each_lock() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    fails(&stage, "ada", 9).await;
    assert_eq!(stage.letters().await, []);

    fails(&stage, "ada", 1).await;
    for n in 0..3 {
        assert_eq!(guess(&stage, 700 + n, "ada", "wrong").await.0, 429);
    }

    let letters = stage.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to.as_str(), "ada@example.org");
    assert!(letters[0].text.contains("16 minutes"), "{}", letters[0].text);
    let all = events(&stage).await;
    assert_eq!(all.iter().filter(|event| *event == "user.login_failed").count(), 10);
    assert_eq!(all.iter().filter(|event| *event == "security.brute_force").count(), 1);
}

#[tokio::test]
async fn sessions_and_other_ways_in_are_not_touched() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = stage.browser();
    types(&mut ada, "ada", SECRET).await;
    fails(&stage, "ada", 10).await;

    assert_eq!(ada.open("/account").await.at, "/account");
    let mut by_mail = stage.browser();
    by_mail.open("/login").await.fill_in("#magic-link-email", "ada@example.org").press("#magic-link-submit").await;
    let letter = stage.letter_to("ada@example.org").await.unwrap();
    let link = letter.text.lines().find(|line| line.contains("/login/magic-link")).unwrap().trim();
    by_mail.open(link).await.press("#confirm").await;
    assert_eq!(by_mail.at, "/account");
}

#[tokio::test]
async fn the_count_is_in_the_database_where_every_process_sees_it() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    with_password(&stage, "ada").await;
    fails(&stage, "ada", 10).await;

    let mut there = stage.browser();
    there.goes_to(&twin);

    assert_eq!(types(&mut there, "ada", SECRET).await, 429);
}

#[tokio::test]
async fn failures_fade_with_time() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    fails(&stage, "ada", 8).await;

    stage.wait(Duration::hours(8));

    for n in 0..4 {
        assert_eq!(guess(&stage, 800 + n, "ada", "wrong").await.0, 401, "{n}");
    }
    assert_eq!(guess(&stage, 810, "ada", SECRET).await.0, 303);
}
