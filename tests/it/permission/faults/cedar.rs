//! Policies that fall ill when whoever is asked about is `broken`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tempfile::TempDir;

use super::files::pipe;
use super::ward::Victim;
use super::{Applies, Broken, Fault, Ill, Way, does};

const SCHEMA: &str = "entity User = { roles: Set<String> };\nentity Target;\n\
                      action \"wiki:read\" appliesTo { principal: User, resource: Target };";
const POLICY: &str = "permit (principal, action, resource == Target::\"*\");";
/// What is asked, so that a question takes a while.
const TARGETS: usize = 40;

pub fn applies(fault: Fault) -> Applies {
    match fault {
        Fault::Timeout => Applies::Suffers(vec![Ill::crowd()]),
        Fault::Failure => does(&["permit", "forbid"]),
        Fault::Garbage => Applies::NeverOpens(vec![
            written("entity", POLICY, ""),
            written(SCHEMA, "permit (principal", ""),
            written(SCHEMA, "permit (principal, action == Action::\"wiki:raed\", resource);", ""),
            written(SCHEMA, "permit (principal, action, resource) when { principal.rolls.isEmpty() };", ""),
        ]),
        Fault::Oversize => Applies::NeverOpens(vec![written(SCHEMA, POLICY, &targets(501))]),
        Fault::WrongVersion => Applies::NeverOpens(vec![written(SCHEMA, POLICY, "version = 2")]),
        Fault::Redirect => Applies::NeverOpens(vec![Broken {
            section: "kind = \"cedar\"\nschema = \"https://elsewhere.example/a\"\npolicies = []".into(),
            folder: None,
        }]),
        // Policies have no loops; what could go round is who is in what, and that is looked at when they are read.
        Fault::EndlessLoop => {
            Applies::NeverOpens(vec![written(&format!("{SCHEMA}\naction a in [b]; action b in [a];"), POLICY, "")])
        }
        Fault::MemoryBomb => Applies::NeverOpens(vec![
            written(SCHEMA, &format!("{POLICY}{}", " ".repeat(1024 * 1024)), ""),
            written(
                SCHEMA,
                &format!("permit (principal, action, resource) when {{ {}true }};", "!".repeat(100_000)),
                "",
            ),
        ]),
        Fault::ReservedClaims => Applies::Harmless(vec![Ill::does("@sub(\"usr_1\") @claims(\"admin\")")]),
        // A pipe is refused, not waited for.
        Fault::SlowBody => {
            let broken = written(SCHEMA, POLICY, "");
            pipe(broken.folder.as_ref().unwrap(), "wiki.cedar");
            Applies::NeverOpens(vec![broken])
        }
    }
}

fn written(schema: &str, policies: &str, more: &str) -> Broken {
    let folder = tempfile::tempdir().unwrap();
    let section = put(&folder, schema, policies, more);
    Broken { section, folder: Some(folder) }
}

fn put(folder: &TempDir, schema: &str, policies: &str, more: &str) -> String {
    std::fs::write(folder.path().join("wiki.cedarschema"), schema).unwrap();
    std::fs::write(folder.path().join("wiki.cedar"), policies).unwrap();
    let path = folder.path().display();
    format!("kind = \"cedar\"\nschema = \"{path}/wiki.cedarschema\"\npolicies = [\"{path}/wiki.cedar\"]\n{more}")
}

/// The key `targets` with so many.
fn targets(many: usize) -> String {
    let mut text = "targets = [\"*\"".to_owned();
    for n in 1..many {
        write!(text, ", \"t{n}\"").unwrap();
    }
    text + "]"
}

/// Policies in a folder of their own.
pub struct Policies {
    folder: TempDir,
    is_ill: AtomicBool,
}

impl Policies {
    pub fn open() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), is_ill: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Victim for Policies {
    fn section(&self, ill: &Ill) -> String {
        let fault = match &ill.way {
            Way::Does(annotation) if annotation.starts_with('@') => format!("{annotation} {POLICY}"),
            Way::Does(effect) => format!(
                "{effect} (principal, action, resource) \
                 when {{ principal.roles.contains(\"broken\") && 9223372036854775807 + 1 > 0 }};"
            ),
            _ => String::new(),
        };
        let (timeout, targets) = ill.deadline.map_or(("5s", String::new()), |deadline| (deadline, targets(TARGETS)));
        let policies = format!("{POLICY}\n{fault}");
        put(&self.folder, SCHEMA, &policies, &format!("timeout = \"{timeout}\"\n{targets}"))
    }

    async fn suffers(&self, ill: Option<&Ill>) {
        self.is_ill.store(ill.is_some(), Ordering::SeqCst);
    }

    fn roles(&self) -> Vec<String> {
        vec![if self.is_ill.load(Ordering::SeqCst) { "broken" } else { "member" }.into()]
    }
}
