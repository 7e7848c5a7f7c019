//! Extensions that decide: what they are asked, what their word does, and what their failures do not.

mod asked;
mod faults;
mod together;
mod verdicts;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::it::people::{PASSWORD, ask, letter, link_in};
use crate::it::stage::{Browser, Reply, Stage};
use crate::store::entity::audit_event;

/// What signs questions.
const SECRET: &str = "a secret of 16 bytes or more";

/// What the host answers next.
#[derive(Clone, Copy)]
enum Act {
    Say(u16, &'static str),
    /// Nothing, for ever.
    Hang,
    /// The head of an answer, and then nothing.
    Stall,
    Redirect,
    /// More than anybody reads.
    Flood,
}

/// A host that is asked.
#[derive(Clone)]
struct Host {
    act: Arc<Mutex<Act>>,
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Host {
    /// Puts one there, which allows everything.
    fn put(stage: &Stage, name: &str) -> Self {
        let host = Self { act: Arc::new(Mutex::new(Act::Say(204, ""))), asked: Arc::default() };
        stage.internet.host(name, Router::new().fallback(answer).with_state(host.clone()));
        host
    }

    fn says(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    /// The questions so far.
    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Response {
    host.asked.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
    let act = *host.act.lock().unwrap();
    match act {
        Act::Say(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Act::Hang => std::future::pending().await,
        Act::Stall => Body::new(Stalled).into_response(),
        Act::Redirect => axum::response::Redirect::temporary("https://elsewhere.test/").into_response(),
        Act::Flood => format!("{{\"decision\": \"allow\"{}}}", " ".repeat(70_000)).into_response(),
    }
}

/// A body that begins and does not end.
struct Stalled;

impl hyper::body::Body for Stalled {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

/// An extension that is asked at these moments.
fn hook(id: &str, events: &str, more: &str) -> String {
    format!(
        "[extensions.{id}]\nkind = \"webhook\"\nmode = \"decide\"\nevents = [{events}]\n\
         url = \"https://{id}.test/hook\"\nsecret = \"{SECRET}\"\n{more}\n"
    )
}

/// A stage on which `crm.test` is asked.
async fn asking(events: &str, more: &str) -> (Stage, Host) {
    let stage = Stage::with(&hook("crm", events, more)).await;
    let host = Host::put(&stage, "crm.test");
    (stage, host)
}

/// Signs up as far as the button, and presses it.
async fn signs_up(stage: &Stage, email: &str) -> Browser {
    let mut browser = stage.browser();
    ask(&mut browser, email, PASSWORD).await;
    let link = link_in(&letter(stage, email).await);
    browser.open(&link).await.press("#confirm").await;
    browser
}

/// Whether somebody has this address.
async fn is_there(stage: &Stage, email: &str) -> bool {
    stage.app.store().user_by_email(&email.parse().unwrap()).await.unwrap().is_some()
}

async fn authorize(stage: &Stage, token: &str) -> Reply {
    stage.get("/auth/authorize?service=wiki").bearer(token).await
}

/// The details of all events of this name, oldest first.
async fn noted(stage: &Stage, name: &str) -> Vec<Value> {
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

    let rows = audit_event::Entity::find().filter(audit_event::Column::Event.eq(name));
    let rows = rows.order_by_asc(audit_event::Column::Seq).all(stage.app.store().read()).await.unwrap();
    rows.into_iter().map(|row| serde_json::from_str(&row.details).unwrap_or(json!(null))).collect()
}
