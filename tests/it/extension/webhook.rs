//! Webhooks and the log: what they are told, and how it gets there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use migration::{Migrator, MigratorTrait};
use sea_orm::Database;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;

use crate::clock::{Clock, SystemClock};
use crate::config::Section;
use crate::domain::user::User;
use crate::extension::delivery::{LEASE, send_off, tellings};
use crate::extension::{Delivery, Event, EventKind, Extension, KINDS};
use crate::it::permission::{ada, tools};
use crate::it::stage::clock::ManualClock;
use crate::plugin::Registry;
use crate::store::outbox::{Lane, Outcome, claim, put, settle};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

type Told = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn serve(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> (SocketAddr, Told) {
    let told = Told::default();
    let seen = told.clone();
    let handler = post(move |headers: HeaderMap, body: Bytes| async move {
        let mut seen = seen.lock().unwrap();
        seen.push((headers, body));
        answer(seen.len())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", handler)).await });
    (address, told)
}

fn opened(clock: Arc<dyn Clock>, sections: &[(&str, String)]) -> Registry<dyn Extension> {
    let sections: Vec<_> = sections.iter().map(|(id, text)| Section::for_test(id, text)).collect();
    Registry::open(&sections, KINDS, &tools(clock)).map_err(|found| format!("{found:?}")).unwrap()
}

fn hook(address: SocketAddr, more: &str) -> String {
    format!("kind = \"webhook\"\nurl = \"http://{address}/hook\"\nsecret = \"{SECRET}\"\nallow_private = true\n{more}")
}

fn mistakes(text: &str) -> usize {
    let tools = tools(Arc::new(ManualClock::new()));
    Registry::open(&[Section::for_test("crm", text)], KINDS, &tools).err().unwrap_or_default().len()
}

fn noon() -> OffsetDateTime {
    ManualClock::new().now()
}

fn login(user: &User) -> Event<'_> {
    Event { kind: EventKind::UserLogin, user, method: "github", service: Some("wiki"), at: noon() }
}

fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

#[test]
fn a_webhook_is_told_the_id_and_nothing_personal_unless_asked() {
    let user = ada();
    let all = "fields = [\"id\", \"email\", \"name\", \"username\", \"roles\", \"service\", \"method\"]";
    let extensions = opened(
        Arc::new(ManualClock::new()),
        &[
            ("least", hook(nowhere(), "events = [\"*\"]")),
            ("most", hook(nowhere(), &format!("events = [\"user.login\"]\n{all}"))),
        ],
    );
    let payload = |id: &str| extensions.get(id).unwrap().payload(&login(&user)).unwrap();

    assert_eq!(
        payload("least"),
        json!({ "type": "user.login", "timestamp": "2020-01-01T12:00:00Z", "data": { "id": user.id } })
    );
    assert_eq!(
        payload("most")["data"],
        json!({
            "id": user.id, "email": "ada@example.com", "name": "Ada", "username": "ada", "roles": ["member"],
            "service": "wiki", "method": "github",
        })
    );
}

#[test]
fn an_extension_hears_only_what_it_listens_to() {
    let user = ada();
    let extensions = opened(
        Arc::new(ManualClock::new()),
        &[
            ("some", "kind = \"log\"\nevents = [\"user.created\", \"user.logout\"]".into()),
            ("all", "kind = \"log\"\nevents = [\"*\"]".into()),
        ],
    );
    for (kind, heard) in [(EventKind::UserCreated, true), (EventKind::UserLogin, false), (EventKind::UserLogout, true)]
    {
        let event = Event { kind, ..login(&user) };

        assert_eq!(extensions.get("some").unwrap().payload(&event).is_some(), heard, "{kind:?}");
        assert!(extensions.get("all").unwrap().payload(&event).is_some());
    }
}

#[tokio::test]
async fn a_delivery_is_signed_and_keeps_its_id() {
    let (address, told) = serve(|_| StatusCode::NO_CONTENT.into_response()).await;
    let extensions = opened(Arc::new(SystemClock), &[("crm", hook(address, "events = [\"*\"]"))]);
    let user = ada();
    let crm = extensions.get("crm").unwrap();
    let payload = crm.payload(&login(&user)).unwrap();
    let delivery = Delivery { id: "0123".into(), kind: EventKind::UserLogin, at: noon(), payload };

    crm.deliver(&delivery).await.unwrap();
    crm.deliver(&delivery).await.unwrap();

    for (headers, body) in told.lock().unwrap().iter() {
        assert_eq!(headers["webhook-id"], "0123");
        Webhook::new(SECRET).unwrap().verify(body, headers).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(body).unwrap(), delivery.payload);
    }
}

#[tokio::test]
async fn only_a_success_is_a_delivery_and_the_answer_is_not_repeated() {
    for (code, is_taken) in [(200, true), (204, true), (299, true), (302, false), (400, false), (500, false)] {
        let (address, _) = serve(move |_| (StatusCode::from_u16(code).unwrap(), "insides").into_response()).await;
        let extensions = opened(Arc::new(ManualClock::new()), &[("crm", hook(address, "events = [\"*\"]"))]);
        let delivery =
            Delivery { id: "0123".into(), kind: EventKind::UserLogin, at: noon(), payload: json!({ "type": "x" }) };

        let outcome = extensions.get("crm").unwrap().deliver(&delivery).await;

        assert_eq!(outcome.is_ok(), is_taken, "{code}");
        assert!(outcome.err().is_none_or(|error| !error.to_string().contains("insides")));
    }
}

#[tokio::test]
async fn an_event_reaches_every_listener_through_the_outbox_however_often_one_fails() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", directory.path().join("outbox.db").display());
    let conn = Database::connect(url).await.unwrap();
    Migrator::up(&conn, None).await.unwrap();
    let (address, told) =
        serve(
            |so_far| {
                if so_far < 3 { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { "thanks".into_response() }
            },
        )
        .await;
    let clock = ManualClock::new();
    let extensions = opened(
        Arc::new(ManualClock::new()),
        &[("crm", hook(address, "events = [\"*\"]")), ("log", "kind = \"log\"\nevents = [\"*\"]".into())],
    );
    let user = ada();
    for telling in tellings(&extensions, &login(&user)) {
        let sealed = String::from_utf8(telling.plain).unwrap();
        put(&conn, telling.id, &telling.channel, sealed, clock.now(), telling.expires_at).await.unwrap();
    }

    let mut outcomes = Vec::new();
    for pause in [5, 10, 0] {
        let parcels = claim(&conn, Lane::Tellings, clock.now(), 10, LEASE).await.unwrap();
        let mut under_way = send_off(&extensions, parcels, |_, sealed| Some(sealed.as_bytes().to_vec()));
        while let Some(landed) = under_way.join_next().await {
            let (parcel, outcome) = landed.unwrap();
            settle(&conn, &parcel, &outcome, clock.now()).await.unwrap();
            outcomes.push((parcel.channel, parcel.tries, outcome == Outcome::Taken));
        }
        clock.advance(Duration::seconds(pause));
    }

    outcomes.sort();
    assert_eq!(
        outcomes,
        [
            ("extension:crm".into(), 0, false),
            ("extension:crm".into(), 1, false),
            ("extension:crm".into(), 2, true),
            ("extension:log".into(), 0, true),
        ]
    );
    assert!(claim(&conn, Lane::Tellings, clock.now() + Duration::days(30), 10, LEASE).await.unwrap().is_empty());
    let told = told.lock().unwrap();
    assert!(told.iter().all(|(headers, body)| headers["webhook-id"] == told[0].0["webhook-id"] && *body == told[0].1));
}

#[tokio::test]
async fn a_parcel_without_a_taker_or_that_cannot_be_opened_is_hopeless() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", directory.path().join("outbox.db").display());
    let conn = Database::connect(url).await.unwrap();
    Migrator::up(&conn, None).await.unwrap();
    let extensions = opened(Arc::new(ManualClock::new()), &[("log", "kind = \"log\"\nevents = [\"*\"]".into())]);
    for channel in ["extension:gone", "extension:log"] {
        put(&conn, uuid::Uuid::now_v7(), channel, "?".into(), noon(), noon()).await.unwrap();
    }
    let parcels = claim(&conn, Lane::Tellings, noon(), 10, LEASE).await.unwrap();
    assert_eq!(parcels.len(), 2);

    let outcomes = send_off(&extensions, parcels, |_, _| None).join_all().await;

    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Hopeless));
}

#[test]
fn a_section_that_cannot_work_stops_the_start() {
    let section = |more: &str| {
        format!("kind = \"webhook\"\nurl = \"https://crm.example.com/hook\"\nsecret = \"{SECRET}\"\n{more}")
    };
    assert_eq!(mistakes(&section("events = [\"*\"]")), 0);
    for more in [
        "",
        "events = []",
        "events = [\"user.sneezed\"]",
        "events = [\"*\"]\nfields = [\"password\"]",
        "events = [\"*\"]\ntimeout = \"49ms\"",
        "events = [\"*\"]\ntimeout = \"31s\"",
        "events = [\"*\"]\nretry_for = \"8d\"",
    ] {
        assert_eq!(mistakes(&section(more)), 1, "{more}");
    }
    assert_eq!(mistakes(&section("events = [\"*\"]").replace("https:", "http:")), 1);
    assert_eq!(mistakes(&section("events = [\"*\"]").replace(SECRET, "short")), 1);
    assert_eq!(mistakes("kind = \"log\""), 1);
}
