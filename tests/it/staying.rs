//! How long a browser stays signed in, and where.

use time::Duration;

use super::stage::{Browser, Stage};
use crate::domain::audit::By;
use crate::store::users::NewUser;

const PASSWORD: &str = "Tr0mbone-under-the-bridge";
const SHORT: &str = "[session]\nidle_timeout = \"1h\"\nremember_timeout = \"10d\"\nabsolute_timeout = \"30d\"";

async fn with_bob(stage: &Stage) {
    let email = Some(("bob@example.org".parse().unwrap(), true));
    let new = NewUser { email, roles: vec!["member".into()], ..NewUser::default() };
    stage.app.accounts.add(new, Some(PASSWORD), &By::command()).await.unwrap();
}

/// Bob signs in, and ticks the box or does not; whether the cookie outlives the browser.
async fn signs_in(stage: &Stage, tick: bool) -> (Browser, bool) {
    let mut browser = stage.browser();
    browser.open("/login").await.fill_in("#email", "bob@example.org").fill_in("#password", PASSWORD);
    if tick {
        browser.fill_in("#stay", "1");
    }
    browser.press_only("#password-submit").await;
    assert_eq!(browser.last.status, 303, "{}", browser.last.body);
    let mut lines = browser.last.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let line = lines.rfind(|line| line.starts_with("__Host-countersign=")).unwrap().to_owned();
    (browser, line.contains("Max-Age"))
}

async fn is_in(browser: &Browser) -> bool {
    browser.clone().open("/account").await.at == "/account"
}

#[tokio::test]
async fn a_browser_is_remembered_where_the_box_was_ticked() {
    let stage = Stage::with(SHORT).await;
    with_bob(&stage).await;
    let (plain, plain_lasts) = signs_in(&stage, false).await;
    let (kept, kept_lasts) = signs_in(&stage, true).await;
    assert_eq!((plain_lasts, kept_lasts), (false, true));

    stage.wait(Duration::HOUR - Duration::SECOND);
    assert!(is_in(&plain).await && is_in(&kept).await);
    stage.app.store().write_touched().await.unwrap();
    stage.wait(Duration::HOUR);
    assert!(!is_in(&plain).await && is_in(&kept).await);
    stage.app.store().write_touched().await.unwrap();
    stage.wait(Duration::days(10) - Duration::SECOND);
    assert!(is_in(&kept).await);
    stage.app.store().write_touched().await.unwrap();
    stage.wait(Duration::days(10));
    assert!(!is_in(&kept).await);
}

#[tokio::test]
async fn the_file_may_decide_for_everybody() {
    for (word, lasts) in [("always", true), ("never", false)] {
        let stage = Stage::with(&format!("[session]\nremember_me = \"{word}\"")).await;
        with_bob(&stage).await;
        let mut browser = stage.browser();
        browser.open("/login").await;
        assert!(!browser.has("#stay"), "{word}");

        let (_, cookie_lasts) = signs_in(&stage, true).await;

        assert_eq!(cookie_lasts, lasts, "{word}");
    }
}

#[tokio::test]
async fn whoever_confirms_that_it_is_them_stays_as_they_were() {
    let stage = Stage::with(SHORT).await;
    with_bob(&stage).await;
    let (mut kept, _) = signs_in(&stage, true).await;
    stage.wait(Duration::minutes(11));

    kept.open("/account/confirm?to=/account").await.fill_in("#password", PASSWORD).press("#password-submit").await;
    stage.wait(Duration::hours(2));

    assert!(is_in(&kept).await);
}

#[tokio::test]
async fn a_session_bound_to_its_address_ends_where_that_changes() {
    let stage = Stage::with("[session]\nbind_ip = true").await;
    with_bob(&stage).await;
    let (here, _) = signs_in(&stage, false).await;
    assert!(is_in(&here).await);
    let mut elsewhere = here.clone();
    elsewhere.moves_to("192.0.2.8");

    assert!(!is_in(&elsewhere).await);
    assert!(!is_in(&here).await, "it is over for everybody");

    let stage = Stage::open().await;
    with_bob(&stage).await;
    let (mut here, _) = signs_in(&stage, false).await;
    here.moves_to("192.0.2.8");
    assert!(is_in(&here).await, "unless the file says so, nobody minds");
}

#[tokio::test]
async fn devices_are_listed_and_ended_by_their_owner() {
    let stage = Stage::open().await;
    with_bob(&stage).await;
    let (mut here, _) = signs_in(&stage, false).await;
    let (there, _) = signs_in(&stage, false).await;
    let (third, _) = signs_in(&stage, false).await;

    here.open("/account/devices").await;
    let page = here.last.body.clone();
    assert_eq!(
        (page.matches("Firefox on Linux</strong>").count(), page.matches("This device").count()),
        (3, 1),
        "{page}"
    );
    let user = stage.user("bob@example.org").await.id;
    let sessions = stage.app.store().sessions_of(user, Duration::DAY).await.unwrap();
    let csrf = here.fields("#end-others")[0].1.clone();
    here.post("/account/devices/end", &[("csrf", &csrf), ("session", "ses_x")]).await;
    assert_eq!(here.last.status, 404);
    here.post_from_elsewhere("/account/devices/end-others", &[("csrf", &csrf)]).await;
    assert_eq!(here.last.status, 403);
    let id = sessions[0].id.to_string();
    let anonymous =
        stage.browser().post("/account/devices/end", &[("csrf", &csrf), ("session", &id)]).await.last.status;
    assert_eq!(anonymous, 403);

    here.open("/account/devices").await.press("#end-others").await;

    assert_eq!(here.at, "/account/devices");
    assert!(is_in(&here).await && !is_in(&there).await && !is_in(&third).await);
    assert!(!here.has("#end-others"));
    assert_eq!(stage.browser().open("/account/devices").await.at, "/login");
}
