//! `next_delivery = "code"` and `POST /auth/token`.

use time::Duration;

use crate::it::stage::request::{Reply, query_of};
use crate::it::stage::script::SHOP_SECRET;
use crate::it::stage::{Browser, House, Stage};

const BACK: &str = "https://shop.example/back";

/// Signs in on the way to the shop; the code.
async fn code(browser: &mut Browser) -> String {
    let at = browser.sign_in_to(BACK).await;
    assert!(at.starts_with(&format!("{BACK}?code=")) && !at.contains("jwt="), "{at}");
    query_of(&at, "code").unwrap()
}

async fn redeem(house: &House, code: &str) -> Reply {
    house.post("/auth/token").basic("shop", SHOP_SECRET).form(&[("code", code)]).await
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

fn spent() -> (u16, String) {
    (400, "code-spent".into())
}

#[tokio::test]
async fn a_code_becomes_a_login_token_once_and_a_second_try_ends_the_session() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    let code = code(&mut ada).await;

    let reply = redeem(&stage, &code).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let answer = reply.json();
    assert_eq!(answer["expires_in"], 12 * 3600);
    let token = answer["jwt"].as_str().unwrap();
    let check = async || stage.get("/auth/check").bearer(token).await.json()["authenticated"].clone();
    assert_eq!(check().await, true);

    assert_eq!(refused(&redeem(&stage, &code).await), spent());
    assert_eq!(check().await, false, "somebody has a copy of the code");
    ada.open("/account").await;
    assert_eq!(ada.at, "/login");
}

#[tokio::test]
async fn a_code_waits_for_a_minute() {
    let stage = Stage::open().await;

    let early = code(&mut stage.browser()).await;
    stage.wait(Duration::seconds(59));
    assert_eq!(redeem(&stage, &early).await.status, 200);

    let late = code(&mut stage.browser()).await;
    stage.wait(Duration::seconds(60));
    assert_eq!(refused(&redeem(&stage, &late).await), spent());
}

#[tokio::test]
async fn a_code_is_for_its_service_and_its_session() {
    let stage = Stage::with("[services.other]\nclient_secret = \"other secret of the other\"").await;
    let mut ada = stage.browser();
    let text = code(&mut ada).await;

    let other = stage.post("/auth/token").basic("other", "other secret of the other").form(&[("code", &text)]).await;
    assert_eq!(refused(&other), spent());
    let mut changed = text.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    for bad in ["", "x", "a.b", &changed, &text[1..], &format!("{text}=")] {
        assert_eq!(refused(&redeem(&stage, bad).await), spent(), "{bad}");
    }
    assert_eq!(redeem(&stage, &text).await.status, 200, "none of that used it up");

    let text = code(&mut ada).await;
    ada.open("/logout").await.press("#logout-confirm").await;
    assert_eq!(refused(&redeem(&stage, &text).await), spent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_redeem_at_once_in_two_processes_one_has_the_token() {
    let stage = Stage::open().await;
    let twin = stage.twin().await;
    let text = code(&mut stage.browser()).await;

    let tries = (0..10).map(|number| {
        let house = if number % 2 == 0 { (*stage).clone() } else { twin.clone() };
        let text = text.clone();
        tokio::spawn(async move { redeem(&house, &text).await.status })
    });
    let mut good = 0;
    for status in tries.collect::<Vec<_>>() {
        good += u32::from(status.await.unwrap() == 200);
    }
    assert_eq!(good, 1);
    assert_eq!(refused(&redeem(&twin, &text).await), spent());
}

#[tokio::test]
async fn a_service_proves_who_it_is_in_one_way() {
    let stage = Stage::with("[services.shop]\nclient_secret = \"p:a%s +\u{fc} and some more\"").await;
    let encoded = "p%3Aa%25s+%2B%C3%BC+and+some+more";
    let raw = "p:a%s +\u{fc} and some more";
    let text = code(&mut stage.browser()).await;
    let ask = || stage.post("/auth/token");
    let form = [("code", text.as_str())];
    let with = |id, secret| [("code", text.as_str()), ("client_id", id), ("client_secret", secret)];

    for (what, wrong) in [
        ("nothing", ask().form(&form)),
        ("another secret", ask().basic("shop", "other").form(&form)),
        ("no secret", ask().basic("shop", "").form(&form)),
        ("another service", ask().basic("wiki", "").form(&form)),
        ("nobody", ask().basic("nobody", encoded).form(&form)),
        ("malformed base64", ask().header("authorization", "Basic ***").form(&form)),
        ("no colon", ask().header("authorization", "Basic c2hvcA==").form(&form)),
        ("not UTF-8", ask().header("authorization", "Basic /zr/").form(&form)),
        ("not ASCII", ask().header("authorization", "Basic \u{fc}").form(&form)),
        ("a login scheme", ask().bearer("x").form(&form)),
        ("very long", ask().basic("shop", &"x".repeat(200_000)).form(&form)),
        ("a form with another secret", ask().form(&with("shop", "x"))),
        ("a form without one", ask().form(&[("code", &text), ("client_id", "shop")])),
        ("a closed service", ask().basic("closed", "").form(&form)),
    ] {
        let reply = wrong.await;
        assert_eq!(refused(&reply), (401, "invalid-client".into()), "{what}");
    }
    for (what, wrong) in [
        ("two ways", ask().basic("shop", encoded).form(&with("shop", raw))),
        ("two ids", ask().basic("shop", encoded).form(&[("code", &text), ("client_id", "wiki")])),
        ("no code", ask().basic("shop", encoded).form(&[])),
        ("two codes", ask().basic("shop", encoded).form(&[("code", &text), ("code", &text)])),
    ] {
        assert_eq!(refused(&wrong.await), (400, "bad-request".into()), "{what}");
    }
    assert_eq!(ask().basic("shop", encoded).form(&form).await.status, 200);
    let text = code(&mut stage.browser()).await;
    let fields = [("code", text.as_str()), ("client_id", "shop"), ("client_secret", raw)];
    assert_eq!(ask().form(&fields).await.status, 200);
}

#[tokio::test]
async fn who_guesses_too_often_has_to_wait() {
    let stage = Stage::with("[rate_limit]\ntoken_client = { limit = 60, per = \"1m\", burst = 2 }").await;
    let guess = async || stage.post("/auth/token").basic("shop", "guess").form(&[("code", "x")]).await;

    assert_eq!((guess().await.status, guess().await.status), (401, 401));
    let reply = guess().await;
    assert_eq!(refused(&reply), (429, "too-many-requests".into()));
    assert!(reply.header("retry-after").is_some());
    stage.wait(Duration::seconds(1));
    assert_eq!(guess().await.status, 401);
}

#[tokio::test]
async fn only_forms_are_read() {
    let stage = Stage::open().await;

    let json = stage.post("/auth/token").basic("shop", SHOP_SECRET).json(&serde_json::json!({ "code": "x" })).await;
    assert_eq!(json.status, 415);
    let get = stage.get("/auth/token?code=x").basic("shop", SHOP_SECRET).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}
