//! Every fault in every kind of provider, and what each `on_error` makes of it: no token, an answer of bounded age, or the others'.
//!
//! A kind says of each fault how it happens to it, or what keeps it from happening; both are played. A kind that says nothing, and a
//! fault that a kind says nothing about, do not compile or do not pass.

mod answers;
#[cfg(feature = "cedar")]
mod cedar;
mod crowded;
mod databases;
mod doors;
mod files;
mod http;
#[cfg(feature = "wasm")]
mod modules;
mod programs;
mod ward;

use tempfile::TempDir;
use time::Duration;
use tokio::task::JoinSet;

use self::ward::{BESIDE, NO_TOKEN, Victim, WELL, Ward};
use super::{ada, mistakes};
use crate::permission::KINDS;

/// What it says in good health.
const GOOD: &str = r#"{"permissions": ["wiki:read"]}"#;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Timeout,
    /// It says that it cannot: a status of 500 or its like, an exit status, a trap, an error of the database.
    Failure,
    Garbage,
    Oversize,
    WrongVersion,
    Redirect,
    EndlessLoop,
    MemoryBomb,
    ReservedClaims,
    SlowBody,
}

const FAULTS: [Fault; 10] = [
    Fault::Timeout,
    Fault::Failure,
    Fault::Garbage,
    Fault::Oversize,
    Fault::WrongVersion,
    Fault::Redirect,
    Fault::EndlessLoop,
    Fault::MemoryBomb,
    Fault::ReservedClaims,
    Fault::SlowBody,
];

/// How a fault happens to a kind.
enum Applies {
    /// While it is asked, in these ways.
    Suffers(Vec<Ill>),
    /// What is written so stops the start: these sections are not opened, so they are never asked.
    NeverOpens(Vec<Broken>),
    /// Whatever is tried, the answer is the good one.
    Harmless(Vec<Ill>),
    /// Not at all: it has its answer at the first look, without waiting for anything and without a way to fail.
    AtOnce,
}

/// One way to be ill.
#[derive(Debug, Clone)]
struct Ill {
    name: String,
    way: Way,
    /// The deadline, if it takes all of it.
    deadline: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Way {
    /// It says this.
    Says(Vec<u8>),
    /// It does this, in the words of its kind.
    Does(String),
    /// It was never well: what it is asked is this, in the words of its kind.
    Born(&'static str),
    /// Others keep it busy.
    Crowd,
}

impl Ill {
    fn says(name: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), way: Way::Says(body.into()), deadline: None }
    }

    fn does(act: impl Into<String>) -> Self {
        let act = act.into();
        Self { name: act.clone(), way: Way::Does(act), deadline: None }
    }

    /// It does this until the deadline.
    fn late(act: impl Into<String>) -> Self {
        Self { deadline: Some("500ms"), ..Self::does(act) }
    }

    fn born(what: &'static str) -> Self {
        Self { name: what.into(), way: Way::Born(what), deadline: None }
    }

    fn crowd() -> Self {
        Self { name: "a crowd".into(), way: Way::Crowd, deadline: Some("500ms") }
    }
}

/// A section that cannot work, and the files that it names.
struct Broken {
    section: String,
    folder: Option<TempDir>,
}

fn does(acts: &[&str]) -> Applies {
    Applies::Suffers(acts.iter().map(|act| Ill::does(*act)).collect())
}

fn late(acts: &[&str]) -> Applies {
    Applies::Suffers(acts.iter().map(|act| Ill::late(*act)).collect())
}

/// The kinds that are built.
fn kinds() -> impl Iterator<Item = &'static str> {
    let is_built = |name: &&str| match *name {
        "wasm" => cfg!(feature = "wasm"),
        "cedar" => cfg!(feature = "cedar"),
        _ => true,
    };
    KINDS.iter().map(|kind| kind.name).filter(is_built)
}

/// What the kind says of the fault.
fn applies(kind: &str, fault: Fault) -> Applies {
    match kind {
        "http" => http::applies(fault),
        "exec" => programs::applies(fault),
        "sql" => databases::applies(fault),
        "policy" => files::policy(fault),
        "static" => files::r#static(fault),
        #[cfg(feature = "wasm")]
        "wasm" => modules::applies(fault),
        #[cfg(feature = "cedar")]
        "cedar" => cedar::applies(fault),
        other => panic!("nobody says how `{other}` fails"),
    }
}

/// Somebody of the kind who can fall ill.
async fn victim(kind: &str) -> Box<dyn Victim> {
    match kind {
        "http" => Box::new(http::Server::open().await),
        "exec" => Box::new(programs::Script::open()),
        "sql" => Box::new(databases::File::open().await),
        #[cfg(feature = "wasm")]
        "wasm" => Box::new(modules::Module::open()),
        #[cfg(feature = "cedar")]
        "cedar" => Box::new(cedar::Policies::open()),
        other => panic!("`{other}` is never ill"),
    }
}

/// Plays all ten faults of one kind: one by one those that are over at once, so that their work makes nobody late, and together
/// those that wait.
async fn plays(kind: &'static str) {
    let (mut quick, mut late) = (Vec::new(), Vec::new());
    for fault in FAULTS {
        let (ills, does_harm) = match applies(kind, fault) {
            Applies::Suffers(ills) => (ills, true),
            Applies::Harmless(ills) => (ills, false),
            Applies::NeverOpens(broken) => {
                assert!(broken.iter().all(|broken| !mistakes(&broken.section).is_empty()), "{kind}: {fault:?} opens");
                continue;
            }
            Applies::AtOnce => {
                files::assert_at_once(kind);
                continue;
            }
        };
        for ill in ills {
            let what = format!("{kind}, {fault:?}, {:.80}", ill.name);
            if ill.deadline.is_some() { &mut late } else { &mut quick }.push((what, ill, does_harm));
        }
    }
    for story in quick {
        opened(kind, story).await.play().await;
    }
    let mut playing = JoinSet::new();
    let mut wards = Vec::new();
    for story in late {
        wards.push(opened(kind, story).await);
    }
    for ward in wards {
        playing.spawn(ward.play());
    }
    while let Some(played) = playing.join_next().await {
        played.unwrap();
    }
}

/// A ward, what is told of it, and whether harm is done.
struct Story(Ward, String, bool);

async fn opened(kind: &str, (what, ill, does_harm): (String, Ill, bool)) -> Story {
    Story(Ward::open(victim(kind).await, ill, "breaker = { failures = 1000 }"), what, does_harm)
}

impl Story {
    async fn play(self) {
        let Self(ward, what, does_harm) = self;
        if does_harm { ward.suffers(&what).await } else { ward.shrugs(&what).await }
    }
}

#[test]
fn every_kind_says_of_every_fault_how_it_happens_or_what_keeps_it_from_happening() {
    for kind in kinds() {
        for fault in FAULTS {
            let is_said = match applies(kind, fault) {
                Applies::AtOnce => true,
                Applies::Suffers(ills) | Applies::Harmless(ills) => !ills.is_empty(),
                Applies::NeverOpens(broken) => !broken.is_empty(),
            };
            assert!(is_said, "{kind}: {fault:?}");
        }
    }
}

#[tokio::test]
async fn no_fault_of_a_server_grants_anything() {
    plays("http").await;
}

#[tokio::test]
async fn no_fault_of_a_program_grants_anything() {
    plays("exec").await;
}

#[tokio::test]
async fn no_fault_of_a_database_grants_anything() {
    plays("sql").await;
}

#[cfg(feature = "wasm")]
#[tokio::test]
async fn no_fault_of_a_module_grants_anything() {
    plays("wasm").await;
}

#[cfg(feature = "cedar")]
#[tokio::test]
async fn no_fault_of_cedar_policies_grants_anything() {
    plays("cedar").await;
}

#[tokio::test]
async fn what_stands_in_a_file_is_refused_when_it_is_read_or_cannot_fail() {
    plays("policy").await;
    plays("static").await;
}

/// A fault of the kind that is over at once.
fn quick(kind: &str) -> Option<Ill> {
    match applies(kind, Fault::Failure) {
        Applies::Suffers(ills) => ills.into_iter().next(),
        _ => None,
    }
}

#[tokio::test]
async fn a_breaker_opens_and_closes_again_whatever_the_kind() {
    for (kind, ill) in kinds().filter_map(|kind| Some((kind, quick(kind)?))) {
        let ward = Ward::open(victim(kind).await, ill, "breaker = { failures = 2, open_for = \"30s\" }");
        let known = ada();
        assert_eq!(ward.asks(&known).await, WELL, "{kind}");
        ward.falls_ill().await;
        for _ in 0..2 {
            assert_eq!(ward.asks(&ada()).await, [NO_TOKEN, NO_TOKEN, BESIDE], "{kind}");
        }
        ward.gets_well().await;

        assert_eq!(ward.asks(&ada()).await, [NO_TOKEN, NO_TOKEN, BESIDE], "{kind} is left alone");
        assert_eq!(ward.asks(&known).await, WELL, "{kind}: what is remembered is fresh");
        ward.clock.advance(Duration::seconds(29));
        assert_eq!(ward.asks(&ada()).await, [NO_TOKEN, NO_TOKEN, BESIDE], "{kind}");
        ward.clock.advance(Duration::SECOND);
        assert_eq!(ward.asks(&ada()).await, WELL, "{kind}");
        assert_eq!(ward.asks(&ada()).await, WELL, "{kind}");
    }
}
