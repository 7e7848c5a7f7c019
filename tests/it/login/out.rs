//! The way out, the account page, and what every page has in common.

use super::{SECRET, csrf, leaves, types, with_password};
use crate::domain::id::SessionId;
use crate::it::stage::{Browser, Stage};

async fn signed_in(stage: &Stage, name: &str) -> Browser {
    let mut browser = stage.browser();
    assert_eq!(types(&mut browser, name, SECRET).await, 303);
    browser.open("/account").await;
    browser
}

async fn is_in(browser: &Browser) -> bool {
    browser.clone().open("/account").await.at == "/account"
}

#[tokio::test]
async fn signing_out_ends_the_session_on_every_server_and_leaves_the_others() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    with_password(&stage, "ada").await;
    let (mut here, there) = (signed_in(&stage, "ada").await, signed_in(&stage, "ada").await);
    let mut thief = here.clone();

    here.open("/logout").await;
    assert!(is_in(&here).await, "looking at the page ends nothing");
    leaves(&mut here, "here").await;

    assert_eq!((here.status(), here.last.location()), (303, "/logout/done"));
    assert!(here.last.header("clear-site-data").is_some());
    assert!(here.session_cookie().is_none());
    assert!(!is_in(&thief).await);
    thief.goes_to(&twin);
    assert!(!is_in(&thief).await);
    assert!(is_in(&there).await);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_of_ones_own_sessions_and_nobody_elses() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    with_password(&stage, "bob").await;
    let (mut here, there, bob) =
        (signed_in(&stage, "ada").await, signed_in(&stage, "ada").await, signed_in(&stage, "bob").await);

    leaves(&mut here, "everywhere").await;

    assert!(!is_in(&here).await && !is_in(&there).await);
    assert!(is_in(&bob).await);
}

#[tokio::test]
async fn nobody_signs_somebody_else_out() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = signed_in(&stage, "ada").await;
    ada.open("/logout").await;
    let own = csrf(&ada, "#logout-confirm");

    for path in ["/logout", "/account/devices/end", "/account/devices/end-others"] {
        for method in ["GET", "HEAD"] {
            ada.asks(method, path).await;
        }
        assert_eq!(ada.post(path, &[("csrf", "x"), ("session", "x")]).await.status(), 403, "{path}");
        let crossed = ada.asks("POST", path).header("sec-fetch-site", "cross-site");
        assert_eq!(crossed.form(&[("csrf", &own), ("session", "x")]).await.status, 403, "{path}");
    }
    assert!(is_in(&ada).await);
}

#[tokio::test]
async fn people_end_their_own_sessions_and_no_others() {
    let stage = Stage::open().await;
    let user = with_password(&stage, "ada").await;
    let other = with_password(&stage, "bob").await;
    let mut here = signed_in(&stage, "ada").await;
    let there = signed_in(&stage, "ada").await;
    let bob = signed_in(&stage, "bob").await;
    let idle = stage.app.settings.session.idle_timeout;
    let of = async |user| {
        let sessions = stage.app.store().sessions_of(user, idle).await.unwrap();
        sessions.into_iter().map(|session| session.id).collect::<Vec<SessionId>>()
    };
    here.open("/account/devices").await;
    let own = csrf(&here, "#end-others");
    let bobs = of(other.id).await[0].to_string();

    for odd in [bobs.as_str(), "x", "", &SessionId::new().to_string()] {
        assert_eq!(here.post("/account/devices/end", &[("csrf", &own), ("session", odd)]).await.status(), 404, "{odd}");
    }
    assert!(is_in(&bob).await && is_in(&there).await);

    here.open("/account/devices").await.press("#end-others").await;
    assert!(is_in(&here).await && !is_in(&there).await && is_in(&bob).await);
    assert_eq!(of(user.id).await.len(), 1);
    let mut anonymous = stage.browser();
    anonymous.open("/login").await;
    let form = csrf(&anonymous, "#password-submit");
    assert_eq!(anonymous.post("/account/devices/end", &[("csrf", &form), ("session", &bobs)]).await.status(), 401);
    assert!(is_in(&bob).await);
}

#[tokio::test]
async fn every_page_is_kept_from_frames_scripts_and_caches() {
    let stage = Stage::open().await;
    with_password(&stage, "ada").await;
    let mut ada = signed_in(&stage, "ada").await;
    let mut stranger = stage.browser();
    let pages = [
        "/login",
        "/login/code",
        "/login/magic-link?token=x",
        "/login/sso/callback",
        "/login/nobody",
        "/logout",
        "/logout/done",
        "/account",
        "/setup/x",
        "/nowhere",
        "/login?next=x",
    ];
    for path in pages {
        for browser in [&mut ada, &mut stranger] {
            browser.open(path).await;
            let reply = &browser.last;
            let kind = reply.header("content-type").unwrap_or_default().to_owned();
            assert!(kind.starts_with("text/html"), "{path} is no page: {} {kind}", reply.status);
            let policy = reply.header("content-security-policy").unwrap();
            for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            for (name, value) in [
                ("x-frame-options", "DENY"),
                ("x-content-type-options", "nosniff"),
                ("cache-control", "no-store"),
                ("cross-origin-opener-policy", "same-origin"),
            ] {
                assert_eq!(reply.header(name), Some(value), "{path} {name}");
            }
            assert!(matches!(reply.header("referrer-policy"), Some("no-referrer" | "same-origin")), "{path}");
            for name in ["permissions-policy", "strict-transport-security", "x-request-id"] {
                assert!(reply.header(name).is_some(), "{path} {name}");
            }
            let script = format!("<script src=\"{}\" defer></script>", stage.running.now().shell.passkey_script);
            let rest = reply.body.replace(&script, "");
            assert!(!rest.contains("<script"), "{path}");
            assert_eq!(policy.contains("script-src 'self'; "), rest.len() < reply.body.len(), "{path}: {policy}");
            assert_eq!(policy.matches("script-src").count(), policy.matches("connect-src 'self'").count(), "{path}");
        }
    }
}

#[tokio::test]
async fn an_error_page_has_the_reference_of_its_request() {
    let stage = Stage::open().await;
    for (path, status) in [
        ("/login/sso/callback", 400),
        ("/nowhere", 404),
        ("/login?next=https%3A%2F%2Fevil.example", 400),
        ("/setup/x", 410),
    ] {
        let mut browser = stage.browser();
        browser.open(path).await;

        let reference = browser.last.header("x-request-id").unwrap().to_owned();
        assert_eq!(browser.status(), status, "{path}");
        assert!(browser.has("#reference") && browser.body().contains(&reference), "{path}: {}", browser.body());
    }
}

#[tokio::test]
async fn what_is_for_development_is_not_there_in_production() {
    let stage = Stage::open().await;
    for path in ["/dev/mail", "/dev/mail/1", "/dev/people/sso", "/dev"] {
        assert_eq!(stage.get(path).await.status, 404, "{path}");
        assert_eq!(stage.post(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn looking_around_makes_no_row() {
    let stage = Stage::open().await;
    for path in ["/", "/login", "/login/sso", "/logout", "/account", "/login/code", "/login/check-mail", "/setup/x"] {
        for _ in 0..5 {
            stage.get(path).header("accept", "text/html").await;
        }
    }
    use sea_orm::EntityTrait as _;

    use crate::store::entity::{outbox, rate_limit, session, spent};
    let db = stage.app.store().read();
    assert!(session::Entity::find().all(db).await.unwrap().is_empty());
    let spent = spent::Entity::find().all(db).await.unwrap();
    assert!(spent.iter().all(|row| row.id.starts_with("key.")), "{spent:?}");
    assert!(rate_limit::Entity::find().all(db).await.unwrap().is_empty());
    assert!(outbox::Entity::find().all(db).await.unwrap().is_empty());
}
