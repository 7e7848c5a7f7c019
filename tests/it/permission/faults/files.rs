//! What answers from what it read: `policy` and `static`. Faults are of the file, and found when it is read; none is left for later.

use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;

use super::{Applies, Broken, Fault};
use crate::domain::permission::Permissions;
use crate::it::permission::{ada, opened, question, service};
use crate::it::stage::clock::ManualClock;
use crate::permission::Ask;
use crate::permission::chain::Question;

/// What a member may do, in a policy.
const POLICY: &str = r#"{
  "version": 1,
  "targets": {"wiki": {"actions": ["read"]}},
  "roles": {"member": {"grants": ["wiki:read"]}}
}"#;
const MEMBER: &str = r#""member": {"#;

pub fn policy(fault: Fault) -> Applies {
    let of = |texts: &[&str]| Applies::NeverOpens(texts.iter().map(|text| written(text)).collect());
    // The good policy with one thing in it that is wrong.
    let with = |things: &[&str]| {
        let texts: Vec<_> = things.iter().map(|thing| POLICY.replace(MEMBER, &format!("{thing} {MEMBER}"))).collect();
        of(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    match fault {
        Fault::Timeout | Fault::Failure => Applies::AtOnce,
        Fault::Garbage => of(&["", "null", "[]", "<html>", &POLICY[..POLICY.len() - 1], &POLICY.repeat(2)]),
        Fault::Oversize => {
            let roles: Vec<_> = (0..2001).map(|n| format!("\"r{n}\": {{}},")).collect();
            with(&[&roles.concat()])
        }
        Fault::WrongVersion => of(&[&POLICY.replace('1', "2"), &POLICY.replace("\"version\": 1,", "")]),
        Fault::Redirect => Applies::NeverOpens(vec![Broken {
            section: "kind = \"policy\"\nfile = \"https://elsewhere.example/wiki.json\"".into(),
            folder: None,
        }]),
        Fault::EndlessLoop => {
            with(&[r#""a": {"inherits": ["b"]}, "b": {"inherits": ["a"]},"#, r#""a": {"inherits": ["a"]},"#])
        }
        Fault::MemoryBomb => of(&[&(POLICY.to_owned() + &" ".repeat(2 * 1024 * 1024)), &"[".repeat(1024 * 1024)]),
        Fault::ReservedClaims => with(&[r#""a": {"claims": {"sub": "usr_1"}},"#]),
        // A pipe is refused, not waited for.
        Fault::SlowBody => {
            let broken = written(POLICY);
            pipe(broken.folder.as_ref().unwrap(), "wiki.json");
            Applies::NeverOpens(vec![broken])
        }
    }
}

pub fn r#static(fault: Fault) -> Applies {
    let of =
        |keys: &str| Applies::NeverOpens(vec![Broken { section: format!("kind = \"static\"\n{keys}"), folder: None }]);
    let names: Vec<_> = (0..501).map(|n| format!("\"p{n}\"")).collect();
    match fault {
        // There is no file of its own that could be slow, and nothing in it refers to anything else.
        Fault::Timeout | Fault::Failure | Fault::EndlessLoop | Fault::SlowBody => Applies::AtOnce,
        Fault::Garbage => of("roles = { member = [\"no name\"] }"),
        Fault::Oversize | Fault::MemoryBomb => of(&format!("roles = {{ member = [{}] }}", names.join(","))),
        Fault::WrongVersion => of("version = 2"),
        Fault::Redirect => of("url = \"https://elsewhere.example\""),
        Fault::ReservedClaims => of("claims = { sub = \"usr_1\" }"),
    }
}

/// A policy file in a folder of its own.
fn written(text: &str) -> Broken {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wiki.json");
    std::fs::write(&path, text).unwrap();
    Broken { section: section(&path), folder: Some(folder) }
}

fn section(path: &Path) -> String {
    format!("kind = \"policy\"\nfile = '{}'", path.display())
}

/// Makes the file a pipe that nobody writes into: whoever opens it waits for ever.
pub fn pipe(folder: &TempDir, name: &str) {
    let path = folder.path().join(name);
    let _ = std::fs::remove_file(&path);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
}

/// It has its answer when it is first looked at: it waits for nothing, so it cannot be late, and there is nothing beside it that
/// could fail.
pub fn assert_at_once(kind: &str) {
    let good = written(POLICY);
    let section = match kind {
        "policy" => good.section.clone(),
        "static" => "kind = \"static\"\nroles = { member = [\"wiki:read\"] }".to_owned(),
        other => panic!("`{other}` waits for something"),
    };
    let registry = opened(Arc::new(ManualClock::new()), &section).unwrap();
    let provider = registry.get("a").unwrap();
    drop(good);
    let (wiki, user, previous) = (service("wiki", &["a"]), ada(), Permissions::new());
    let Question { service, who, provider: began_with, ip, is_multi_factor } = question(&wiki, &user);
    let ask = Ask { service, who, provider: began_with, ip, is_multi_factor, previous: &previous };

    let Poll::Ready(answer) = provider.permissions(&ask).as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("{kind} waits for something");
    };

    let decision = answer.unwrap();
    assert!(provider.is_instant() && decision.permissions.contains_key("wiki:read"), "{kind}: {decision:?}");
    assert!(decision.claims.is_empty(), "{kind}");
}
