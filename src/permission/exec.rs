//! Permissions from a program of yours: the question on its standard input, the answer on its standard output.

mod run;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::run::{Ended, Program};
use super::common::{config_hash, section};
use super::question::question;
use super::{Ask, PermissionError, PermissionProvider, ProviderPolicy, answer};
use crate::config::{Mistake, Secret, Section, Size};
use crate::domain::permission::{Decision, Verdict};
use crate::plugin::{Kind, Tools};

/// `kind = "exec"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "exec",
    schema: |generator| generator.subschema_for::<ExecPermissions>(),
    open: |section, tools| Ok(Arc::new(Exec::open(section, &section.read()?, tools)?)),
};

/// Programs are not to be run.
const NO_PROGRAMS: &str = "CS-C192";
/// What is not a program.
const NOT_A_PROGRAM: &str = "CS-C193";
/// What cannot stand in an environment.
const NOT_A_VARIABLE: &str = "CS-C194";

/// The exit status of a program that has nothing to say (`EX_NOPERM` of sysexits, which nobody else uses).
const ABSTAINS: i32 = 77;
/// Runs of one program at once; more wait, within their deadline.
const AT_ONCE: usize = 4;
/// Memory of each process of a run, where the file does not say.
const MEMORY: Size = Size(1024 * 1024 * 1024);

section! {
    /// Permissions from a program.
    pub struct ExecPermissions {
        /// The program and its arguments; no shell reads them. A program is a path, relative to this file; `PATH` is not searched.
        command: Vec<String>,
        /// Its whole environment.
        #[serde(default)]
        env: BTreeMap<String, Secret>,
        /// Most memory of each process of a run, on Linux; `1 GiB` where not written.
        #[schemars(extend("x-min" = "16 MiB", "x-max" = "64 GiB"))]
        memory: Option<Size>,
    }
}

/// A program that is run for each question.
pub struct Exec {
    id: String,
    program: Program,
    gate: Semaphore,
    policy: ProviderPolicy,
}

impl Exec {
    /// Checks that programs may be run, and that this is one.
    pub fn open(section: &Section, config: &ExecPermissions, tools: &Tools) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let path = program(section, &config.command).map_err(|wrong| mistakes.push(*wrong)).ok();
        // Another program at the same path is another provider, as soon as the file is read again.
        let found = path.as_ref().and_then(|path| path.metadata().ok());
        let stamp = found.map(|found| (found.len(), found.modified().ok()));
        let secrets: Vec<&Secret> = config.env.values().collect();
        let hash = config_hash("exec", &(config, stamp), &secrets);
        let policy = config.common().policy(section, time::Duration::SECOND, hash);
        let policy = policy.map_err(|wrong| mistakes.push(wrong)).ok();
        if !tools.may_run_programs {
            let message = "kind `exec` runs programs: start with `--allow-exec`".to_owned();
            mistakes.push(section.mistake_at("kind", NO_PROGRAMS, message));
        }
        let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
        for (name, value) in &config.env {
            if !is_name(name) || value.reveal().contains('\0') {
                let message = format!("`{}` cannot be a variable", name.escape_debug());
                mistakes.push(section.mistake_at("env", NOT_A_VARIABLE, message));
            }
        }
        let (Some(policy), Some(path), true) = (policy, path, mistakes.is_empty()) else { return Err(mistakes) };
        let variables = config.env.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
        let program = Program {
            id: section.id().to_owned(),
            path,
            arguments: config.command[1..].iter().map(OsString::from).collect(),
            variables: variables.collect(),
            memory: config.memory.unwrap_or(MEMORY).0,
            folder: std::path::absolute(section.path_beside(".".as_ref())).unwrap_or_default(),
        };
        Ok(Self { id: section.id().to_owned(), program, gate: Semaphore::new(AT_ONCE), policy })
    }

    async fn ask(&self, question: Vec<u8>) -> Result<Decision, PermissionError> {
        let _permit = self.gate.acquire().await;
        match self.program.run(question).await? {
            Ended { code: Some(0), said } => answer::parse(&self.id, &said),
            Ended { code: Some(ABSTAINS), .. } => Ok(Decision { verdict: Verdict::Abstain, ..Decision::default() }),
            Ended { code: Some(code), .. } => Err(PermissionError::Unreachable(format!("it ended with status {code}"))),
            Ended { code: None, .. } => Err(PermissionError::Unreachable("it was ended by a signal".into())),
        }
    }
}

#[async_trait]
impl PermissionProvider for Exec {
    async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
        let question = question(&Uuid::now_v7().simple().to_string(), ask, &self.policy.vary, None);
        let asked = tokio::time::timeout(self.policy.timeout, self.ask(question)).await;
        asked.unwrap_or_else(|_| Err(PermissionError::Unreachable("it did not answer in time".into())))
    }

    fn policy(&self) -> &ProviderPolicy {
        &self.policy
    }
}

/// The program of a command, if it is there and may be run.
fn program(section: &Section, command: &[String]) -> Result<PathBuf, Box<Mistake>> {
    let wrong = |message: String| Box::new(section.mistake_in("command", 0, NOT_A_PROGRAM, message));
    if command.iter().any(|argument| argument.contains('\0')) {
        return Err(wrong("`command` holds a zero byte".into()));
    }
    let Some(first) = command.first().filter(|first| !first.is_empty()) else {
        return Err(wrong("`command` is empty, expected a program and its arguments".into()));
    };
    let path = std::path::absolute(section.path_of(first.as_ref())).unwrap_or_default();
    match path.metadata() {
        Err(_) => Err(wrong(format!(
            "there is no program at `{}`; `PATH` is not searched, so write its path",
            path.display()
        ))),
        Ok(found) if !found.is_file() || found.permissions().mode() & 0o111 == 0 => {
            Err(wrong(format!("`{}` cannot be run; `chmod +x` makes a script a program", path.display())))
        }
        Ok(_) => Ok(path),
    }
}
