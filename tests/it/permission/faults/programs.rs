//! A program that falls ill.

use std::path::PathBuf;

use async_trait::async_trait;
use tempfile::TempDir;

use super::answers::{garbage, oversize, reserved_claims, wrong_version};
use super::ward::Victim;
use super::{Applies, Fault, Ill, Way, does, late};

pub fn applies(fault: Fault) -> Applies {
    match fault {
        Fault::Timeout => {
            late(&["sleep 60", "trap '' TERM HUP INT; sleep 60", "sleep 60 & wait", "echo '{}'; sleep 60 &"])
        }
        Fault::Failure => does(&["exit 1", "kill -9 $$", "exec /nowhere", "echo '{\"permissions\": [\"a\"]}'; exit 2"]),
        // What is read as an answer is read as that of a server: some of it will do.
        Fault::Garbage => Applies::Suffers(garbage().into_iter().step_by(4).collect()),
        Fault::Oversize => Applies::Suffers(oversize()),
        Fault::WrongVersion => Applies::Suffers(wrong_version()),
        // Whatever looks like an answer of HTTP is no answer.
        Fault::Redirect => does(&["printf 'HTTP/1.1 302 Found\\r\\nlocation: /good\\r\\n\\r\\n'"]),
        Fault::EndlessLoop => {
            let Applies::Suffers(mut ills) = late(&["while :; do :; done", "exec yes >&2"]) else { unreachable!() };
            ills.push(Ill::does("while :; do echo yes; done"));
            Applies::Suffers(ills)
        }
        Fault::MemoryBomb => does(&["x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"]),
        Fault::ReservedClaims => Applies::Suffers(reserved_claims()),
        Fault::SlowBody => late(&["printf '{'; sleep 60; printf '}'", "while :; do printf ' '; sleep 0.05; done"]),
    }
}

/// What it does in good health.
const WELL: &str = "echo '{\"permissions\": [\"wiki:read\"]}'";

/// A script in a folder of its own.
pub struct Script(TempDir);

impl Script {
    pub fn open() -> Self {
        let script = Self(tempfile::tempdir().unwrap());
        let text = "#!/bin/sh\ncd \"${0%/*}\"\n. ./act\n";
        // Written by another process: a thread that forks meanwhile would keep our handle open, and a file open for writing is not run.
        let written = std::process::Command::new("/bin/sh")
            .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(script.at("decide"))
            .arg(text)
            .status();
        assert!(written.unwrap().success());
        script.acts(WELL);
        script
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn says(&self, body: &[u8]) {
        std::fs::write(self.at("body"), body).unwrap();
        self.acts("cat body");
    }

    fn acts(&self, act: &str) {
        std::fs::write(self.at("act"), act).unwrap();
    }
}

#[async_trait]
impl Victim for Script {
    fn section(&self, ill: &Ill) -> String {
        let timeout = ill.deadline.unwrap_or("5s");
        format!(
            "kind = \"exec\"\ncommand = [\"{}\"]\nenv = {{ PATH = \"/usr/bin:/bin\" }}\nmemory = \"64 MiB\"\n\
             timeout = \"{timeout}\"",
            self.at("decide").display()
        )
    }

    async fn suffers(&self, ill: Option<&Ill>) {
        match ill.map(|ill| &ill.way) {
            Some(Way::Says(body)) => self.says(body),
            Some(Way::Does(act)) => self.acts(act),
            _ => self.acts(WELL),
        }
    }
}
