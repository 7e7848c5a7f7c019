//! The same through the doors: what a service gets whose provider is ill, and what the others get.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use time::Duration;

use super::ward::{MODES, Victim};
use super::{GOOD, Ill, kinds, quick, victim};
use crate::it::stage::request::claims_of;
use crate::it::stage::{Reply, Stage};
use crate::store::Store;

/// A server of the stage's own internet, which has status 500 or is well.
#[derive(Default)]
struct Hosted(Arc<AtomicBool>);

impl Hosted {
    fn router(&self) -> Router {
        let is_ill = Arc::clone(&self.0);
        let status = move || {
            if is_ill.load(Ordering::SeqCst) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
        };
        Router::new().fallback(async move || (status(), GOOD))
    }
}

#[async_trait]
impl Victim for Hosted {
    fn section(&self, _ill: &Ill) -> String {
        "kind = \"http\"\nurl = \"https://perms.test/\"\nsecret = \"a secret of 16 bytes or more\"\ntimeout = \"5s\""
            .into()
    }

    async fn suffers(&self, ill: Option<&Ill>) {
        self.0.store(ill.is_some(), Ordering::SeqCst);
    }
}

/// A service for each `on_error`, called like it, with the sick provider and one of the house.
fn keys(victim: &dyn Victim, ill: &Ill) -> String {
    let mut text =
        String::from("[roles.broken]\n[permissions.beside]\nkind = \"static\"\nroles = { member = [\"wiki:look\"] }\n");
    for mode in MODES {
        let section = victim.section(ill);
        write!(
            text,
            "[permissions.{mode}]\n{section}\non_error = \"{mode}\"\nstale_max_age = \"10m\"\n\
             [services.{mode}]\nnext_urls = [\"https://{mode}.example/*\"]\npermissions = [\"{mode}\", \"beside\"]\n"
        )
        .unwrap();
    }
    text
}

/// What is asked about Ada is as before, but that she is broken: her version stays, so what is remembered of her is still meant.
async fn set_roles_unseen(store: &Store, roles: &[String]) {
    use sea_orm::EntityTrait as _;
    use sea_orm::sea_query::Expr;

    use crate::store::entity::user::{Column, Entity};

    let roles = json!(roles).to_string();
    Entity::update_many().col_expr(Column::Roles, Expr::value(roles)).exec(store.write()).await.unwrap();
}

struct Visit {
    stage: Stage,
    victim: Box<dyn Victim>,
    ill: Ill,
    token: String,
}

impl Visit {
    async fn to(kind: &str, ill: Ill) -> Self {
        let hosted = Hosted::default();
        let host = hosted.router();
        let victim = if kind == "http" { Box::new(hosted) as Box<dyn Victim> } else { victim(kind).await };
        let stage = Stage::with(&keys(victim.as_ref(), &ill)).await;
        stage.internet.host("perms.test", host);
        let token = stage.browser().login_token().await;
        Self { stage, victim, ill, token }
    }

    async fn makes(&self, is_ill: bool) {
        self.victim.suffers(is_ill.then_some(&self.ill)).await;
        let roles = if is_ill { vec!["member".to_owned(), "broken".to_owned()] } else { vec!["member".to_owned()] };
        set_roles_unseen(self.stage.app.store(), &roles).await;
    }

    async fn asks(&self, service: &str) -> Reply {
        self.stage.get(&format!("/auth/authorize?service={service}")).bearer(&self.token).await
    }

    /// The permissions in the token, and whether it says that they are stale.
    async fn token(&self, service: &str) -> (Value, Option<bool>) {
        let reply = self.asks(service).await;
        assert_eq!(reply.status, 200, "{service}: {}", reply.body);
        let claims = claims_of(reply.json()["token"].as_str().unwrap());
        (claims["permissions"].clone(), claims.get("perm_stale").and_then(Value::as_bool))
    }

    async fn is_refused(&self, service: &str) {
        let reply = self.asks(service).await;
        assert_eq!((reply.status, reply.problem().as_str()), (503, "permission-provider-failed"), "{}", reply.body);
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!(wait > 0);
        // Every token begins with the letters of `{"`.
        assert!(!reply.body.contains("eyJ") && !reply.body.contains("wiki:"), "{}", reply.body);
        assert!(reply.json().get("token").is_none() && reply.json().get("permissions").is_none(), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_service_gets_what_its_on_error_says_whatever_the_kind() {
    let (both, beside) = (json!(["wiki:look", "wiki:read"]), json!(["wiki:look"]));
    for (kind, ill) in kinds().filter_map(|kind| Some((kind, quick(kind)?))) {
        let visit = Visit::to(kind, ill).await;
        for mode in MODES {
            assert_eq!(visit.token(mode).await, (both.clone(), None), "{kind}, {mode}");
        }
        visit.makes(true).await;
        for mode in MODES {
            assert_eq!(visit.token(mode).await, (both.clone(), None), "{kind}, {mode}: it is remembered");
        }
        visit.stage.wait(Duration::minutes(10));

        visit.is_refused("deny").await;
        assert_eq!(visit.token("stale").await, (both.clone(), Some(true)), "{kind}");
        assert_eq!(visit.token("skip").await, (beside.clone(), None), "{kind}");
        assert_eq!(visit.token("wiki").await, (json!(["wiki:read"]), None), "{kind}: another service");
        visit.stage.wait(Duration::SECOND);
        visit.is_refused("stale").await;

        visit.makes(false).await;
        for mode in MODES {
            assert_eq!(visit.token(mode).await, (both.clone(), None), "{kind}, {mode}: afterwards");
        }
    }
}
