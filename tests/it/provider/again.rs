//! Asking an upstream again with what it granted once.

use serde_json::{Value, json};

use super::github::{GITHUB, github};
use super::google::GOOGLE;
use super::oauth2::{CLAIMS, LEGACY};
use super::{Play, distrust, email, handshake, query, refusal, sign_in};
use crate::domain::identity::{Grant, Identity, Token};
use crate::provider::{Provider, ProviderError};

const KEEP: &str = "store_tokens = true\n";

/// An upstream that grants a refresh token.
fn granting() -> Play {
    let play = Play::new();
    play.upstream.script().token =
        json!({ "access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "refresh_token": "rt-1" });
    play
}

/// What the usual upstream granted.
fn refresh(token: &str) -> Grant {
    Grant { token: Token::Refresh(token.into()), from: "https://sso.test\nclient".into() }
}

async fn ask_again(provider: &dyn Provider, grant: &Grant) -> Result<Identity, ProviderError> {
    provider.ask_again(provider.renew(grant).await?).await
}

async fn prompt_and_scope(provider: &dyn Provider, again: bool) -> (Option<String>, Option<String>) {
    let url = provider.authorize_url(&crate::provider::Handshake { again, ..handshake() }).await.unwrap();
    (query(&url, "prompt"), query(&url, "scope"))
}

#[tokio::test]
async fn a_refresh_token_is_asked_for_where_it_is_kept_and_nowhere_else() {
    let play = granting();
    let asked = async |more: &str, again: bool| {
        let (prompt, scope) = prompt_and_scope(&*play.oidc(more), again).await;
        (prompt.unwrap_or_default(), scope.unwrap().contains("offline_access"))
    };
    assert_eq!(asked("", false).await, (String::new(), false));
    assert_eq!(asked(KEEP, false).await, ("consent".into(), true));
    assert_eq!(asked(KEEP, true).await, ("login consent".into(), true));
    assert_eq!(asked(&format!("{KEEP}prompt = \"select_account\""), false).await, ("select_account".into(), true));
    assert_eq!(asked(&format!("{KEEP}prompt = \"select_account\""), true).await, ("login".into(), true));
    let twice = format!("{KEEP}scopes = [\"openid\", \"offline_access\"]");
    assert_eq!(prompt_and_scope(&*play.oidc(&twice), false).await.1.as_deref(), Some("openid offline_access"));

    for (more, access_type, prompt) in [("", None, None), (KEEP, Some("offline"), Some("consent"))] {
        let url = play.open("google", &format!("{GOOGLE}{more}")).authorize_url(&handshake()).await.unwrap();
        assert_eq!(query(&url, "access_type").as_deref(), access_type);
        assert_eq!(query(&url, "prompt").as_deref(), prompt);
    }
}

#[tokio::test]
async fn what_lasts_is_granted_and_only_where_it_is_kept() {
    let token = |more: Value| {
        let mut token = json!({ "access_token": "at-1", "token_type": "Bearer" });
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        token
    };
    for (more, keys, granted) in [
        (json!({ "expires_in": 300, "refresh_token": "rt-1" }), KEEP, Some(refresh("rt-1"))),
        (json!({ "expires_in": 300, "refresh_token": "rt-1" }), "", None),
        (json!({ "expires_in": 300 }), KEEP, None),
        (json!({}), KEEP, None),
    ] {
        let play = Play::new();
        let who = play.sign_in(keys, |script| script.token = token(more.clone())).await.unwrap();
        assert_eq!(who.grant, granted, "{more} {keys}");
        for text in [serde_json::to_string(&who).unwrap(), format!("{who:?}")] {
            assert!(!text.contains("rt-1") && !text.contains("at-1"), "it goes nowhere with the identity: {text}");
        }
    }
}

#[tokio::test]
async fn an_id_token_of_a_refresh_is_believed_after_every_check_but_the_nonces() {
    let play = granting();
    play.upstream.script().claims["groups"] = json!(["staff"]);

    let who = ask_again(&*play.oidc(KEEP), &refresh("rt-0")).await.unwrap();

    assert_eq!((who.subject.subject.as_str(), email(&who)), ("ada-1", Some("ada@example.org")));
    assert_eq!((who.groups, who.grant), (vec!["sso:staff".to_owned()], Some(refresh("rt-1"))));
    assert_eq!(play.upstream.script().form["refresh_token"], "rt-0");
    for (name, value) in [
        ("iss", json!("https://evil.test")),
        ("aud", json!("another")),
        ("exp", json!(1)),
        ("iat", json!(1)),
        ("azp", json!("another")),
        ("at_hash", json!("wrong")),
    ] {
        let play = granting();
        play.upstream.script().claims[name] = value;
        distrust(ask_again(&*play.oidc(KEEP), &refresh("rt-0")).await);
    }
    for (id_token, is_believed) in [(json!(null), true), (json!("not.a.token"), false)] {
        let play = granting();
        play.upstream.script().token["id_token"] = id_token;
        let who = ask_again(&*play.oidc(KEEP), &refresh("rt-0")).await;
        assert_eq!(who.is_ok(), is_believed);
        if is_believed {
            let never = ask_again(&*play.oidc(&format!("{KEEP}userinfo = \"never\"")), &refresh("rt-0")).await;
            assert!(distrust(never).contains("no user info"));
        }
    }
    let play = granting();
    play.upstream.script().userinfo = json!({ "sub": "mallory" });
    assert!(distrust(ask_again(&*play.oidc(KEEP), &refresh("rt-0")).await).contains("somebody else"));
}

#[tokio::test]
async fn only_a_clear_no_is_a_no() {
    for (status, code, is_no) in [
        (400, "invalid_grant", true),
        (200, "bad_refresh_token", true),
        (400, "invalid_client", false),
        (401, "invalid_client", false),
        (400, "unsupported_grant_type", false),
        (400, "invalid_scope", false),
        (400, "server_error", false),
    ] {
        let play = granting();
        let body = json!({ "error": code }).to_string().into_bytes();
        play.upstream.script().answers.insert("/token", (status, "application/json", body));
        let outcome = ask_again(&*play.oidc(KEEP), &refresh("rt-0")).await;
        if is_no { assert!(refusal(outcome).contains(code)) } else { drop(distrust(outcome)) }
    }
}

#[tokio::test]
async fn google_asks_again_whose_organisation_it_is() {
    for (hd, is_fine) in [(json!("corp.example"), true), (json!("other.example"), false), (json!(null), false)] {
        let play = granting();
        play.upstream.script().claims["hd"] = hd.clone();
        let google = play.open("google", &format!("{GOOGLE}{KEEP}hosted_domains = [\"corp.example\"]"));
        let outcome = ask_again(&*google, &refresh("rt-0")).await;
        if is_fine { assert!(outcome.is_ok()) } else { drop(refusal(outcome)) }
    }
}

#[tokio::test]
async fn user_info_that_has_nothing_for_us_is_done_without_where_there_is_an_id_token() {
    for (status, id_token, is_fine) in
        [(401, true, true), (403, true, true), (404, true, false), (401, false, false), (403, false, false)]
    {
        let play = granting();
        play.upstream.script().answers.insert("/userinfo", (status, "application/json", b"{}".to_vec()));
        if !id_token {
            play.upstream.script().token["id_token"] = json!(null);
        }
        let outcome = ask_again(&*play.oidc(KEEP), &refresh("rt-0")).await;
        if is_fine { assert!(outcome.is_ok(), "{status}") } else { drop(distrust(outcome)) }
    }
}

#[tokio::test]
async fn any_oauth_server_is_asked_with_a_refresh_token() {
    let play = granting();
    play.upstream.script().userinfo = json!({ "id": 42, "name": "Ada" });
    let legacy = play.open("legacy", &format!("{LEGACY}{KEEP}{CLAIMS}"));
    let grant = sign_in(&*legacy).await.unwrap().grant.unwrap();
    assert_eq!(grant.token, Token::Refresh("rt-1".into()));

    play.upstream.script().userinfo["name"] = json!("Countess");
    let again = ask_again(&*legacy, &grant).await.unwrap();

    assert_eq!((again.name.as_deref(), again.grant), (Some("Countess"), Some(grant.clone())));
    assert_eq!(play.upstream.script().form["grant_type"], "refresh_token");
    for status in [401, 403, 404] {
        play.upstream.script().answers.insert("/userinfo", (status, "application/json", b"{}".to_vec()));
        distrust(ask_again(&*legacy, &grant).await);
    }
    play.upstream.script().token = json!({ "access_token": "at-1", "token_type": "Bearer" });
    play.upstream.script().answers.clear();
    assert_eq!(sign_in(&*legacy).await.unwrap().grant, None, "nobody says that such a token lasts");
}

#[tokio::test]
async fn what_is_granted_names_the_client_and_every_address_it_is_shown_to() {
    let play = Play::new();
    let as_ = |id: &str, text: &str| play.open(id, text).grants_as();
    for (id, text, parts) in [
        (
            "github",
            GITHUB.to_owned(),
            vec![("\"client\"", "\"other\""), ("kind", "base_url = \"https://hub.test\"\nkind")],
        ),
        ("github", format!("{GITHUB}api_url = \"https://api.test\""), vec![("api.test", "evil.test")]),
        ("google", GOOGLE.to_owned(), vec![("\"client\"", "\"other\""), ("sso.test", "evil.test")]),
        (
            "legacy",
            format!("{LEGACY}{CLAIMS}"),
            vec![
                ("\"client\"", "\"other\""),
                ("sso.test/token", "evil.test/token"),
                ("sso.test/userinfo", "evil.test/me"),
            ],
        ),
    ] {
        for (was, is) in parts {
            assert_ne!(as_(id, &text), as_(id, &text.replacen(was, is, 1)), "{id} {was}");
        }
    }
}

#[tokio::test]
async fn github_is_asked_again_for_the_memberships() {
    let (play, hub) = github();
    let github = play.open("github", &format!("{GITHUB}{KEEP}allowed_orgs = [\"acme\"]\ngroups_from = \"teams\""));
    let grant = sign_in(&*github).await.unwrap().grant.unwrap();
    assert_eq!(grant.token, Token::Access("gho_1".into()));
    assert_eq!(ask_again(&*github, &grant).await.unwrap().groups, ["github:Acme/core"]);

    hub.says("/user/teams?per_page=100&page=1", 200, json!([]));
    assert!(ask_again(&*github, &grant).await.unwrap().groups.is_empty());
    for (path, status) in [
        ("/user/orgs?per_page=100&page=1", 403),
        ("/user/orgs?per_page=100&page=1", 404),
        ("/user/emails?per_page=100", 403),
    ] {
        hub.says(path, status, json!({}));
        assert!(distrust(ask_again(&*github, &grant).await).contains("does not show now"), "{path} {status}");
        hub.says(
            path,
            200,
            json!([{ "login": "acme", "email": "ada@example.org", "primary": true, "verified": true }]),
        );
    }
    hub.says("/user/orgs?per_page=100&page=1", 200, json!([]));
    assert!(refusal(ask_again(&*github, &grant).await).contains("not a member of acme"));
    hub.says("/user", 401, json!({ "message": "Bad credentials" }));
    assert!(refusal(ask_again(&*github, &grant).await).contains("not valid any more"));
    hub.says("/user", 403, json!({ "message": "API rate limit exceeded" }));
    assert!(matches!(ask_again(&*github, &grant).await, Err(ProviderError::Unreachable(_))));
    hub.says("/user", 403, json!({ "message": "Forbidden" }));
    distrust(ask_again(&*github, &grant).await);
    hub.says("/user", 500, json!({}));
    assert!(matches!(ask_again(&*github, &grant).await, Err(ProviderError::Unreachable(_))));
}
