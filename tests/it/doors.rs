//! Who gets in, and how often they may try: the real app behind its real edge, asked by hand.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use url::form_urlencoded::Serializer;

use super::stage::clock::ManualClock;
use super::stage::internet::Internet;
use crate::account::AccountError;
use crate::app::boot::{self, World};
use crate::app::{App, Minted};
use crate::config::{self, Format, Input};
use crate::domain::user::Username;
use crate::http::layers::{Edge, Rules};
use crate::http::server::Readiness;
use crate::http::site::{Running, Site};
use crate::store::outbox::{Lane, claim};
use crate::store::sessions::Sessions;
use crate::store::users::NewUser;

const FILE: &str = r#"
[server]
issuer = "https://auth.example"
[database]
url = "sqlite::memory:"
[login.password]
enabled = true
[extensions.told]
kind = "log"
"#;
const PASSWORD: &str = "a password nobody has";

struct House {
    app: App,
    edge: Edge,
}

/// What a browser keeps: its cookies and the token of the last form.
#[derive(Default)]
struct Browser {
    cookies: Vec<String>,
    csrf: String,
}

impl House {
    async fn open() -> Self {
        let world = World { clock: Arc::new(ManualClock::new()), net: Internet::default().net() };
        let loaded = boot::load(vec![Input::text("providers.toml", FILE)], &config::World::none(), &world);
        let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Format::Human(false))));
        let app = boot::open(loaded, world).await.unwrap().app;
        let sessions = Sessions::new(app.store().clone(), app.house.lifetimes.clone());
        let rules = Arc::new(ArcSwap::from_pointee(Rules::of(&app.settings.server)));
        let running = Running::new(Site::new(app.clone(), None));
        Self { app, edge: Edge::new(crate::http::router(&running, sessions, Readiness::default()), rules) }
    }

    async fn ada(&self) {
        self.app.accounts.add(new("ada@example.org"), Some(PASSWORD)).await.unwrap();
    }

    /// How many tellings wait to be delivered; they are taken.
    async fn tellings(&self) -> usize {
        let lease = time::Duration::MINUTE;
        claim(self.app.store().write(), Lane::Tellings, self.app.now(), 100, lease).await.unwrap().len()
    }
}

impl Browser {
    async fn ask(&mut self, house: &House, request: Request<Body>) -> Response<String> {
        let mut request = request;
        request.headers_mut().insert(HOST, "auth.example".parse().unwrap());
        request.headers_mut().insert(COOKIE, self.cookies.join("; ").parse().unwrap());
        let (parts, body) = house.edge.clone().answer(request).await.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            let name = format!("{}=", cookie.split('=').next().unwrap());
            self.cookies.retain(|have| !have.starts_with(&name));
            self.cookies.push(cookie);
        }
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        if let Some((_, rest)) = body.split_once(r#"name="csrf" value=""#) {
            rest.split('"').next().unwrap().clone_into(&mut self.csrf);
        }
        Response::from_parts(parts, body)
    }

    async fn post(&mut self, house: &House, path: &str, fields: &[(&str, &str)]) -> u16 {
        let mut body = Serializer::new(String::new());
        body.append_pair("csrf", &self.csrf).extend_pairs(fields);
        let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(house, request.body(body.finish().into()).unwrap()).await.status().as_u16()
    }

    /// The status after trying this name and password.
    async fn tries(&mut self, house: &House, name: &str, password: &str) -> u16 {
        self.ask(house, Request::get("/login").body(Body::empty()).unwrap()).await;
        self.post(house, "/login/password", &[("email", name), ("password", password)]).await
    }
}

fn new(email: &str) -> NewUser {
    let email = email.parse::<crate::domain::email::Email>().unwrap();
    NewUser { username: Username::new(email.local_part()), email: Some((email, true)), ..NewUser::default() }
}

fn admin(email: &str) -> NewUser {
    NewUser { roles: vec!["admin".into()], ..new(email) }
}

#[tokio::test]
async fn an_account_is_counted_once_whatever_it_is_called() {
    let house = House::open().await;
    house.ada().await;
    let mut browser = Browser::default();

    for name in ["ada", "ADA@example.org", "Ada", "ada@example.org", "ada"] {
        assert_eq!(browser.tries(&house, name, "wrong").await, 401, "{name}");
    }

    assert_eq!(browser.tries(&house, "ada@example.org", PASSWORD).await, 429);
    assert_eq!(browser.tries(&house, "ada", PASSWORD).await, 429);
    assert_eq!(browser.tries(&house, "grace", "wrong").await, 401);
}

#[tokio::test]
async fn extensions_hear_of_the_logout_of_a_browser_that_brings_only_its_cookie() {
    let house = House::open().await;
    house.ada().await;
    let mut browser = Browser::default();
    assert_eq!(browser.tries(&house, "ada", PASSWORD).await, 303);
    house.tellings().await;

    assert_eq!(browser.post(&house, "/auth/logout", &[]).await, 200);
    assert_eq!(house.tellings().await, 1);

    assert_eq!(browser.post(&house, "/auth/logout", &[]).await, 200);
    assert_eq!(house.tellings().await, 0);
}

#[tokio::test]
async fn of_two_links_printed_at_start_one_makes_an_administrator() {
    let house = House::open().await;
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let link = house.app.admin_link(Minted::AtStart);
        let token = link.rsplit('/').next().unwrap();
        attempts.push(house.app.open_admin_link(token).await.unwrap().unwrap());
    }

    let (one, other) = tokio::join!(
        house.app.add_admin(&attempts[0], admin("one@example.org"), PASSWORD),
        house.app.add_admin(&attempts[1], admin("other@example.org"), PASSWORD),
    );

    assert_eq!([one.unwrap(), other.unwrap()].iter().flatten().count(), 1);
}

#[tokio::test]
async fn an_admin_link_that_made_nobody_is_still_good() {
    let house = House::open().await;
    house.ada().await;
    let link = house.app.admin_link(Minted::AtStart);
    let token = link.rsplit('/').next().unwrap();
    let attempt = house.app.open_admin_link(token).await.unwrap().unwrap();

    let taken = house.app.add_admin(&attempt, admin("ada@example.org"), PASSWORD).await;
    assert!(matches!(taken, Err(AccountError::Store(error)) if error.is_conflict()));

    let attempt = house.app.open_admin_link(token).await.unwrap().unwrap();
    assert!(house.app.add_admin(&attempt, admin("grace@example.org"), PASSWORD).await.unwrap().is_some());
    assert!(house.app.open_admin_link(token).await.unwrap().is_none());
}
