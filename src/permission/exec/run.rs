//! One run of a program: what it is given, what it says, and that nothing of it is left behind.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use crate::permission::PermissionError;

/// Longest answer, in bytes.
const LONGEST_ANSWER: u64 = 64 * 1024;
/// How much of its standard error is logged, in bytes.
const LONGEST_COMPLAINT: usize = 4 * 1024;
/// How long somebody may keep standard error open who is not of the group any more.
const LINGER: Duration = Duration::from_millis(20);

/// What is run.
#[derive(Debug)]
pub struct Program {
    /// The provider's id, for the log.
    pub id: String,
    /// Absolute.
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub variables: Vec<(String, String)>,
    /// Most memory of each of its processes, in bytes.
    pub memory: u64,
    /// Where it runs.
    pub folder: PathBuf,
}

/// How a run ended.
pub struct Ended {
    /// The exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub said: Vec<u8>,
}

impl Program {
    /// Runs it. Whoever stops waiting ends the whole process group.
    pub async fn run(&self, question: Vec<u8>) -> Result<Ended, PermissionError> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|error| broken(&format!("it cannot be started: {}", error.kind())))?;
        let mut group = Group { id: &self.id, leader: leader(&child), complaint: Vec::new() };
        bound(group.leader, self.memory);
        group.hear(child, question).await
    }
}

/// A running program and all it started; at the end of this value they are ended, too.
struct Group<'a> {
    id: &'a str,
    leader: Option<Pid>,
    complaint: Vec<u8>,
}

impl Group<'_> {
    async fn hear(&mut self, mut child: Child, question: Vec<u8>) -> Result<Ended, PermissionError> {
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(broken("it has no pipes"));
        };
        let talk = async {
            let (said, ()) = tokio::try_join!(answer(stdout), tell(stdin, &question))?;
            let status = child.wait().await.map_err(|_| broken("nobody knows how it ended"))?;
            Ok(Ended { code: status.code(), said })
        };
        let complaint = &mut self.complaint;
        let listen = listen(stderr, complaint);
        let (mut talk, mut listen) = (std::pin::pin!(talk), std::pin::pin!(listen));
        let ended = tokio::select! {
            ended = &mut talk => ended,
            () = &mut listen => return talk.await,
        };
        end(self.leader.take());
        let _ = tokio::time::timeout(LINGER, listen).await;
        ended
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        end(self.leader);
        if !self.complaint.is_empty() {
            let said = shown(&self.complaint);
            tracing::warn!(permission.provider = %self.id, said, "a permission program wrote to standard error");
        }
    }
}

fn leader(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?))
}

/// The memory that the program, and what it starts from now on, may write to; it waits for its question meanwhile. Only what it
/// writes counts, not the addresses that a runtime sets aside. It ends by what it runs into, or may already have ended.
#[cfg(target_os = "linux")]
fn bound(leader: Option<Pid>, memory: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

    let most = Some(getrlimit(Resource::Data).maximum.map_or(memory, |most| most.min(memory)));
    if let Some(leader) = leader {
        let _ = prlimit(Some(leader), Resource::Data, Rlimit { current: most, maximum: most });
    }
}

/// Elsewhere nobody can bound another process.
#[cfg(not(target_os = "linux"))]
fn bound(_leader: Option<Pid>, _memory: u64) {}

/// The group keeps its number as long as anybody is in it.
fn end(leader: Option<Pid>) {
    if let Some(leader) = leader {
        let _ = kill_process_group(leader, Signal::KILL);
    }
}

/// The question; a program need not read it.
async fn tell(mut stdin: ChildStdin, question: &[u8]) -> Result<(), PermissionError> {
    let _ = stdin.write_all(question).await;
    Ok(())
}

async fn answer(stdout: impl AsyncRead + Unpin) -> Result<Vec<u8>, PermissionError> {
    let mut said = Vec::new();
    let read = stdout.take(LONGEST_ANSWER + 1).read_to_end(&mut said).await;
    read.map_err(|_| broken("its answer cannot be read"))?;
    if said.len() as u64 > LONGEST_ANSWER {
        return Err(PermissionError::Unusable(format!("its answer is longer than {} KiB", LONGEST_ANSWER / 1024)));
    }
    Ok(said)
}

/// The beginning of what it complains about; the rest is read, so that it can go on, and dropped.
async fn listen(mut stderr: impl AsyncRead + Unpin, complaint: &mut Vec<u8>) {
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        let room = LONGEST_COMPLAINT - complaint.len();
        complaint.extend_from_slice(&chunk[..length.min(room)]);
    }
}

/// On one line, and without anything a terminal would obey.
fn shown(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    text.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn broken(what: &str) -> PermissionError {
    PermissionError::Unreachable(what.into())
}
