//! `/auth/resolve` and `/auth/get_profile`: what strangers may know.

use serde_json::json;

use crate::it::stage::Stage;

#[tokio::test]
async fn a_username_leads_to_an_id_whatever_its_case() {
    let stage = Stage::open().await;
    stage.browser().sign_in().await;
    let id = stage.user("ada@example.org").await.id.to_string();

    for name in ["ada", "ADA", "Ada"] {
        assert_eq!(stage.get(&format!("/auth/resolve?username={name}")).await.json(), json!({ "userid": id }));
    }
    for query in ["?username=nobody", "?username=", "", "?username=ada%40example.org", "?username=ad%25"] {
        let reply = stage.get(&format!("/auth/resolve{query}")).await;
        assert_eq!((reply.status, reply.json()), (200, json!({ "userid": null })), "{query}");
    }
    assert_eq!(stage.get("/auth/resolve?username=ada&username=bob").await.status, 400);
}

#[tokio::test]
async fn a_profile_shows_no_address_and_no_hash_of_it() {
    let stage = Stage::open().await;
    stage.browser().sign_in().await;
    let id = stage.user("ada@example.org").await.id.to_string();

    let reply = stage.get("/auth/get_profile?username=ADA").await;

    let profile = json!({
        "id": id, "name": "Ada Lovelace", "join_date": "Wed, 01 Jan 2020 12:00:00 GMT",
        "avatar_url": "https://pictures.test/ada.png", "gravatar": null,
    });
    assert_eq!(reply.json(), json!({ "found": true, "profile": profile }));
    for query in ["?username=nobody", ""] {
        let reply = stage.get(&format!("/auth/get_profile{query}")).await;
        assert_eq!(reply.json(), json!({ "found": false, "profile": null }));
    }
}

#[tokio::test]
async fn a_gravatar_is_shown_where_the_user_shows_it() {
    let stage = Stage::open().await;
    for (number, picture) in
        ["https://www.gravatar.com/avatar/1", "https://gravatar.com.evil.example/a"].into_iter().enumerate()
    {
        stage.upstream.script().claims["picture"] = picture.into();
        stage.upstream_knows(&format!("p{number}"), &format!("p{number}@example.org"));
        stage.browser().sign_in().await;
    }
    let gravatar = async |name: &str| {
        stage.get(&format!("/auth/get_profile?username={name}")).await.json()["profile"]["gravatar"].clone()
    };

    // MD5 of p0@example.org.
    assert_eq!(gravatar("p0").await.as_str().map(str::len), Some(32));
    assert_eq!(gravatar("p1").await, json!(null));
}

#[tokio::test]
async fn somebody_who_is_locked_is_not_shown() {
    let stage = Stage::open().await;
    stage.browser().sign_in().await;
    let id = stage.user("ada@example.org").await.id;
    stage.set_locked(id, true).await;

    assert_eq!(stage.get("/auth/get_profile?username=ada").await.json(), json!({ "found": false, "profile": null }));
}

#[tokio::test]
async fn an_id_stays_with_its_user_whoever_has_the_address_later() {
    let stage = Stage::open().await;
    let first = stage.browser().login_token().await;
    stage.upstream_knows("bob", "bob@example.org");
    let second = stage.browser().login_token().await;
    let id = async |token: &str| stage.get("/auth/check").bearer(token).await.json()["profile"]["id"].clone();
    let (ada, bob) = (id(&first).await, id(&second).await);
    assert_ne!(ada, bob);

    stage.upstream_knows("ada-1", "new@example.org");
    let later = stage.browser().login_token().await;

    assert_eq!(id(&later).await, ada);
    let text = ada.as_str().unwrap();
    for address in ["ada@example.org", "new@example.org"] {
        assert!(!crate::keys::sha256_hex(address.as_bytes()).contains(text));
    }
}
