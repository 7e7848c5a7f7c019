//! GitHub, and what its REST API may say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Response, Uri};
use serde_json::{Value, json};

use super::{Play, callback, distrust, email, handshake, query, refusal, sign_in};
use crate::domain::identity::Identity;
use crate::provider::ProviderError;

pub(super) const GITHUB: &str = "kind = \"github\"\nclient_id = \"client\"\nclient_secret = \"s3cret\"\n";

/// Answers by path and query: status and document.
#[derive(Clone)]
pub(super) struct Hub(Arc<Mutex<HashMap<String, (u16, Value)>>>);

impl Hub {
    fn open(play: &Play, hosts: &[&str], api: &str) -> Self {
        let hub = Self(Arc::default());
        hub.says(
            "/login/oauth/access_token",
            200,
            json!({ "access_token": "gho_1", "token_type": "bearer", "scope": "read:user,user:email" }),
        );
        hub.says(
            &format!("{api}/user"),
            200,
            json!({
                "id": 583_231, "login": "ada", "name": "Ada", "email": "profile@example.org",
                "avatar_url": "https://avatars.test/ada"
            }),
        );
        hub.says(
            &format!("{api}/user/emails?per_page=100"),
            200,
            json!([
                { "email": "old@example.org", "primary": false, "verified": true },
                { "email": "ada@example.org", "primary": true, "verified": true },
            ]),
        );
        hub.says(&format!("{api}/user/orgs?per_page=100&page=1"), 200, json!([{ "login": "Acme" }]));
        hub.says(
            &format!("{api}/user/teams?per_page=100&page=1"),
            200,
            json!([
                { "slug": "core", "organization": { "login": "Acme" } },
            ]),
        );
        let state = hub.clone();
        let answer = move |uri: Uri| async move {
            let known = state.0.lock().unwrap().get(&uri.path_and_query().unwrap().to_string()).cloned();
            let (status, document) = known.unwrap_or((404, json!({ "message": "Not Found" })));
            let left = if document.to_string().contains("rate limit") { "0" } else { "60" };
            let builder = Response::builder().status(status).header("x-ratelimit-remaining", left);
            let builder = builder.header("content-type", "application/json; charset=utf-8");
            builder.body(Body::from(document.to_string())).unwrap()
        };
        for host in hosts {
            play.internet.host(host, Router::new().fallback(answer.clone()));
        }
        hub
    }

    pub(super) fn says(&self, path: &str, status: u16, document: Value) {
        self.0.lock().unwrap().insert(path.to_owned(), (status, document));
    }
}

pub(super) fn github() -> (Play, Hub) {
    let play = Play::new();
    let hub = Hub::open(&play, &["github.com", "api.github.com"], "");
    (play, hub)
}

async fn enter(play: &Play, more: &str) -> Result<Identity, ProviderError> {
    sign_in(&*play.open("github", &format!("{GITHUB}{more}"))).await
}

#[tokio::test]
async fn the_number_is_the_subject_and_the_primary_verified_address_counts() {
    let (play, _hub) = github();

    let who = enter(&play, "").await.unwrap();

    assert_eq!((who.subject.subject.as_str(), who.subject.realm.as_str()), ("583231", "https://github.com"));
    assert_eq!(email(&who), Some("ada@example.org"));
    assert_eq!((who.name.as_deref(), who.username.as_deref()), (Some("Ada"), Some("ada")));
    assert!(who.groups.is_empty());
    assert_eq!(play.internet.count("orgs?per_page=100&page=1"), 0, "nobody wants to know");
}

#[tokio::test]
async fn the_browser_is_sent_with_pkce_and_the_scopes_that_are_needed() {
    let (play, _hub) = github();
    for (more, scopes) in [("", "read:user user:email"), ("allowed_orgs = [\"acme\"]", "read:user user:email read:org")]
    {
        let url = play.open("github", &format!("{GITHUB}{more}")).authorize_url(&handshake()).await.unwrap();

        assert!(url.as_str().starts_with("https://github.com/login/oauth/authorize?"));
        assert_eq!(query(&url, "scope").as_deref(), Some(scopes));
        assert_eq!(query(&url, "code_challenge_method").as_deref(), Some("S256"));
    }
}

#[tokio::test]
async fn no_other_address_counts() {
    let row = |primary: bool, verified: bool| json!({ "email": "victim@example.org", "primary": primary, "verified": verified });
    let many: Vec<_> = (0..10_000).map(|_| row(false, true)).collect();
    for (status, rows) in [
        (200, json!([row(true, false)])),
        (200, json!([row(false, true)])),
        (200, json!([row(false, false)])),
        (200, json!([{ "email": "victim@example.org", "primary": "true", "verified": "true" }])),
        (200, json!([{ "email": ["victim@example.org"], "primary": true, "verified": true }])),
        (200, json!([])),
        (200, json!({})),
        (200, json!(many)),
        (403, json!({ "message": "Resource not accessible" })),
        (404, json!({})),
    ] {
        let (play, hub) = github();
        hub.says("/user/emails?per_page=100", status, rows);

        for trust in ["verified", "always"] {
            let who = enter(&play, &format!("email_trust = \"{trust}\"")).await.unwrap();

            assert_eq!(email(&who), None);
        }
    }
}

#[tokio::test]
async fn addresses_are_not_asked_for_where_they_count_for_nothing() {
    let (play, _hub) = github();

    let who = enter(&play, "email_trust = \"never\"").await.unwrap();

    assert_eq!(email(&who), None);
    assert_eq!(play.internet.count("emails?per_page=100"), 0);
}

#[tokio::test]
async fn a_refusal_with_status_200_is_a_refusal() {
    let (play, hub) = github();
    hub.says("/login/oauth/access_token", 200, json!({ "error": "bad_verification_code", "error_description": "<b>" }));

    assert_eq!(refusal(enter(&play, "").await), "it did not accept this sign-in (bad_verification_code)");
}

#[tokio::test]
async fn a_person_without_a_number_is_nobody() {
    for id in [json!(null), json!("583231"), json!(-1), json!(1.5)] {
        let (play, hub) = github();
        hub.says("/user", 200, json!({ "id": id, "login": "ada" }));

        assert!(distrust(enter(&play, "").await).contains("no id"), "{id}");
    }
    let (play, hub) = github();
    hub.says("/user", 401, json!({ "message": "Bad credentials" }));
    assert!(distrust(enter(&play, "").await).contains("401"));
}

#[tokio::test]
async fn only_members_sign_in() {
    for (more, is_fine) in [
        ("allowed_orgs = [\"acme\"]", true),
        ("allowed_orgs = [\"other\", \"ACME\"]", true),
        ("allowed_orgs = [\"other\"]", false),
        ("allowed_teams = [\"acme/core\"]", true),
        ("allowed_teams = [\"acme/other\"]", false),
        ("allowed_teams = [\"other/core\"]", false),
        ("allowed_orgs = [\"acme\"]\nallowed_teams = [\"acme/other\"]", false),
    ] {
        let (play, _hub) = github();

        let who = enter(&play, more).await;

        if is_fine {
            assert!(who.is_ok(), "{more}: {who:?}");
        } else {
            assert!(refusal(who).starts_with("you are not a member of"), "{more}");
        }
    }
}

#[tokio::test]
async fn memberships_that_are_hidden_are_none() {
    let (play, hub) = github();
    hub.says("/user/orgs?per_page=100&page=1", 403, json!({}));

    assert!(refusal(enter(&play, "allowed_orgs = [\"acme\"]").await).contains("does not let us see"));
}

#[tokio::test]
async fn a_membership_on_the_second_page_counts() {
    let (play, hub) = github();
    let first: Vec<_> = (0..100).map(|at| json!({ "login": format!("org-{at}") })).collect();
    hub.says("/user/orgs?per_page=100&page=1", 200, json!(first));
    hub.says("/user/orgs?per_page=100&page=2", 200, json!([{ "login": "acme" }]));

    assert!(enter(&play, "allowed_orgs = [\"acme\"]").await.is_ok());
}

#[tokio::test]
async fn organisations_and_teams_become_groups() {
    for (from, groups) in [("none", vec![]), ("orgs", vec!["github:Acme"]), ("teams", vec!["github:Acme/core"])] {
        let (play, _hub) = github();

        assert_eq!(enter(&play, &format!("groups_from = \"{from}\"")).await.unwrap().groups, groups);
    }
}

#[tokio::test]
async fn an_enterprise_server_has_its_api_below_or_where_the_section_says() {
    let base = "base_url = \"https://hub.corp.test\"\n";
    for (more, hosts, api) in [
        ("", &["hub.corp.test"][..], "/api/v3"),
        ("api_url = \"https://api.corp.test/\"", &["hub.corp.test", "api.corp.test"], ""),
    ] {
        let play = Play::new();
        let _hub = Hub::open(&play, hosts, api);

        let who = enter(&play, &format!("{base}{more}")).await.unwrap();

        assert_eq!(who.subject.realm, "https://hub.corp.test");
        assert_eq!(email(&who), Some("ada@example.org"));
    }
}

#[tokio::test]
async fn an_answer_from_another_issuer_is_refused() {
    let (play, _hub) = github();
    let provider = play.open("github", GITHUB);
    for iss in ["https://github.com/login/oauth", "https://github.com"] {
        assert!(provider.identify(&handshake(), &callback(Some(iss))).await.is_ok(), "{iss}");
    }
    for iss in ["https://evil.test", "https://github.com.evil.test", ""] {
        assert!(distrust(provider.identify(&handshake(), &callback(Some(iss))).await).contains("another issuer"));
    }
}

#[test]
fn github_needs_a_secret_and_teams_with_their_organisation() {
    let wrong = Play::new().wrong("github", "client_id = \"client\"\nallowed_teams = [\"core\", \"acme/\"]");

    assert_eq!(wrong.len(), 2, "{wrong:?}");
}
