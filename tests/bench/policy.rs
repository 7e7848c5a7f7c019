//! What one decision of a policy costs, small and large.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::clock::SystemClock;
use crate::domain::access::{Item, Wish};
use crate::domain::permission::Permissions;
use crate::it::permission::{ada, opened, service};
use crate::permission::Ask;

/// How often each is measured.
const ROUNDS: usize = 2000;

/// A policy in which every role has ten rules and inherits another one.
fn policy(size: usize) -> String {
    let actions: Vec<_> = (0..10).map(|number| format!("do{number}")).collect();
    let targets: serde_json::Map<_, _> = (0..size / 10)
        .map(|number| (format!("thing{number}"), json!({ "actions": actions, "visibilities": ["public", "shared"] })))
        .collect();
    let roles: serde_json::Map<_, _> = (0..size / 10)
        .map(|role| {
            let scopes = ["any", "own", "public", "shared"];
            let grants: Vec<_> = (0..9).map(|n| format!("thing{role}:do{n}@{}", scopes[n % 4])).collect();
            let inherits = if role % 2 == 1 { vec![format!("role{}", role - 1)] } else { Vec::new() };
            let deny = [format!("thing{role}:do9")];
            let limits = json!({ "uploads": role });
            (format!("role{role}"), json!({ "inherits": inherits, "grants": grants, "deny": deny, "limits": limits }))
        })
        .collect();
    json!({ "version": 1, "targets": targets, "roles": roles }).to_string()
}

/// Prints the middle and the slowest hundredth of decisions by a policy of 100 rules and of 10,000 rules and 1,000 roles.
#[tokio::test]
#[ignore = "part of the benchmark"]
#[expect(clippy::print_stdout, reason = "what it finds is for people")]
async fn policies() {
    let mut text = String::new();
    for size in [100, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.json");
        std::fs::write(&file, policy(size)).unwrap();
        let begun = Instant::now();
        let section = format!("kind = \"policy\"\nfile = '{}'", file.display());
        let registry = opened(Arc::new(SystemClock), &section).unwrap();
        writeln!(text, "{size} rules: loaded in {:?}", begun.elapsed()).unwrap();
        let provider = Arc::clone(registry.get("a").unwrap());
        let last = size / 10 - 1;
        let user = crate::domain::user::User {
            roles: [last, last - 2, 1].iter().map(|role| format!("role{role}")).collect(),
            ..ada()
        };
        let (service, previous) = (service("wiki", &["a"]), Permissions::new());
        let who = (&user).into();
        let ask =
            Ask { service: &service, who, provider: "github", ip: None, is_multi_factor: false, previous: &previous };
        let item = Item { kind: format!("thing{last}"), visibility: Some("public".into()), ..Item::default() };
        let wish = Wish { action: "do2".into(), item };
        let (mut maps, mut items, mut limits) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let decision = provider.permissions(&ask).await.unwrap();
            maps.push(begun.elapsed());
            assert!(!decision.permissions.is_empty());
            let begun = Instant::now();
            assert!(provider.access(&ask, &wish).is_some());
            items.push(begun.elapsed());
            let begun = Instant::now();
            assert!(provider.within(&ask, "uploads", 1.0).is_some());
            limits.push(begun.elapsed());
        }
        for (name, times) in [("permissions", maps), ("one item", items), ("a limit", limits)] {
            let (middle, slow) = spread(times);
            writeln!(text, "{size} rules: {name}: {middle:?}, slowest hundredth {slow:?}").unwrap();
        }
    }
    println!("{text}");
}

fn spread(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}
