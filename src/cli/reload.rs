//! `reload`: the running server reads its file again, and says what came of it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

use super::desk::patiently;
use super::{Desk, Failure, PID_FILE};

/// Where a server leaves what came of its last reload, in the data directory.
const OUTCOME_FILE: &str = "countersign.reload";
/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the outcome is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What came of a reload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Why nothing changed, if nothing did.
    pub mistake: Option<String>,
    /// The keys that differ and wait for a restart.
    pub restart: Vec<String>,
}

impl Outcome {
    /// Leaves it for whoever asked; a server that cannot write has said it in its log.
    pub fn leave(&self, data_dir: &Path) {
        let (path, aside) = (data_dir.join(OUTCOME_FILE), data_dir.join(format!("{OUTCOME_FILE}.new")));
        let text = serde_json::to_vec(self).expect("texts are JSON");
        if fs::write(&aside, text).is_ok() {
            let _ = fs::rename(aside, path);
        }
    }
}

/// Runs the command.
pub async fn run(desk: &mut Desk) -> Result<(), Failure> {
    let data_dir = desk.load()?.settings.server.data_dir;
    let pid = running(&data_dir.join(PID_FILE))?;
    let outcome = data_dir.join(OUTCOME_FILE);
    match fs::remove_file(&outcome) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    kill_process(pid, Signal::HUP)?;
    match patiently("the server reads its file", wait_for(&outcome)).await {
        None => desk.say("the server was told; its log says what came of it"),
        Some(Outcome { mistake: Some(mistake), .. }) => Err(Failure { message: mistake, code: 2 }),
        Some(Outcome { restart, .. }) if restart.is_empty() => desk.say("the configuration was reloaded"),
        Some(Outcome { restart, .. }) => {
            desk.say(format!("the configuration was reloaded; these keys need a restart: {}", restart.join(", ")))
        }
    }
}

/// The process the file names, if it lives and is one of ours.
fn running(file: &Path) -> Result<Pid, Failure> {
    let none = || Failure::new(format!("no server runs: `{}` does not name one", file.display()));
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(none()),
        read => read?,
    };
    let pid = text.trim().parse().ok().filter(|pid| *pid > 1).and_then(Pid::from_raw).ok_or_else(none)?;
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return Err(none());
    }
    // The number may be another program's by now. Not every system says whose it is.
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    if name.is_ok_and(|name| !name.starts_with(env!("CARGO_PKG_NAME"))) {
        return Err(none());
    }
    Ok(pid)
}

async fn wait_for(outcome: &Path) -> Option<Outcome> {
    let found = async {
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            if let Ok(text) = fs::read(outcome) {
                return serde_json::from_slice(&text).ok();
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.ok().flatten()
}
