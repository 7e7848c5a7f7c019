//! The command line, on real files and a real database.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;

use super::stage::clock::ManualClock;
use super::stage::internet::Internet;
use crate::app::App;
use crate::app::boot::{self, World};
use crate::cli::{Cli, Desk, Failure, perform};
use crate::config::{self, Input};
use crate::net::Net;

mod administration;
mod around;
mod asking;
mod audit;
mod explain;
mod fixtures;
mod keys;
mod permission;
mod plugin;
mod reloading;
mod users;

/// A folder with a file, and commands that are typed there.
struct Stage {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    internet: Internet,
}

/// What a command left.
#[derive(Debug)]
struct Left {
    code: u8,
    out: String,
    /// Hints, then the message of a failure.
    aside: String,
}

impl Left {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

#[derive(Clone, Default)]
struct Sheet(Rc<RefCell<Vec<u8>>>);

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sheet {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Stage {
    fn new(file: &str) -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new()),
            internet: Internet::default(),
        };
        stage.write(file);
        stage
    }

    /// The file, with the data beside it. It begins below `[server]`.
    fn write(&self, file: &str) {
        let data = self.data().display().to_string();
        std::fs::write(self.file(), format!("[server]\ndata_dir = \"{data}\"\n{file}")).unwrap();
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("providers.toml")
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn world(&self) -> World {
        World { clock: self.clock.clone(), net: Net::new(self.internet.clone()), may_run_programs: true }
    }

    /// What the server would be, on the same database.
    async fn server(&self) -> App {
        let loaded = boot::load(vec![Input::file(&self.file())], &config::World::none(), &self.world());
        boot::open(loaded.map_err(|report| format!("{report:?}")).unwrap(), self.world()).await.unwrap().app
    }

    async fn run(&self, line: &str) -> Left {
        self.run_with(line, "").await
    }

    async fn run_with(&self, line: &str, input: &str) -> Left {
        let cli = match Cli::try_parse_from(std::iter::once("countersign").chain(line.split_whitespace())) {
            Ok(cli) => cli,
            Err(error) => return Left { code: 2, out: String::new(), aside: error.to_string() },
        };
        let (out, aside) = (Sheet::default(), Sheet::default());
        let mut desk = Desk {
            files: vec![self.file()],
            world: self.world(),
            out: Box::new(out.clone()),
            aside: Box::new(aside.clone()),
            input: Box::new(io::Cursor::new(input.as_bytes().to_vec())),
            is_typed: false,
            is_read: false,
        };
        let failure = Box::pin(perform(cli, &mut desk)).await.err().unwrap_or(Failure::said(0));
        Left { code: failure.code, out: out.text(), aside: aside.text() + &failure.message }
    }
}

#[test]
fn the_help_of_every_command_has_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(example.starts_with("Example"), "`{path}` has no example");
        assert!(example.contains(path), "`{path}` has the example of another command: {example}");
        assert!(command.get_about().is_some(), "`{path}` does not say what it does");
        for inner in command.get_subcommands() {
            walk(inner, &format!("{path} {}", inner.get_name()));
        }
    }
    let cli = Cli::command();
    cli.clone().debug_assert();
    walk(&cli, "countersign");
}

#[tokio::test]
async fn every_example_of_the_help_can_be_typed() {
    fn walk(command: &clap::Command, examples: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.trim().strip_prefix("countersign"));
        examples.extend(lines.map(|line| line.split(['|', '<', '>']).next().unwrap().to_owned()));
        command.get_subcommands().for_each(|inner| walk(inner, examples));
    }
    let mut examples = Vec::new();
    walk(&Cli::command(), &mut examples);
    assert!(examples.len() >= 25, "{}", examples.len());
    for example in examples {
        let typed = std::iter::once("countersign").chain(example.split_whitespace());
        assert!(Cli::try_parse_from(typed).is_ok(), "countersign{example}");
    }
}

#[tokio::test]
async fn a_file_with_mistakes_stops_every_command_with_the_report() {
    let stage = Stage::new("hst = true\n");
    for line in [
        "admin link",
        "user list",
        "key list",
        "provider list",
        "permission test demo --user ada",
        "migrate status",
        "migrate up",
        "reload",
        "healthcheck",
        "config show",
    ] {
        let left = stage.run(line).await;
        assert_eq!((left.code, left.out.as_str()), (2, ""), "{line}");
        assert!(left.aside.contains("did you mean `hsts`?"), "{line}: {}", left.aside);
    }
    assert!(!stage.data().exists());
}

#[tokio::test]
async fn a_database_in_memory_is_out_of_reach() {
    let stage = Stage::new("[database]\nurl = \"sqlite::memory:\"\n");
    let left = stage.run("user list").await;
    assert_eq!(left.code, 2);
    assert!(left.aside.contains("in memory"), "{}", left.aside);
}

#[test]
fn a_reader_who_has_enough_is_no_failure() {
    let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!((failure.code, failure.message.as_str()), (0, ""));
    let failure = Failure::from(io::Error::from(io::ErrorKind::PermissionDenied));
    assert_eq!(failure.code, 1);
    assert!(!failure.message.is_empty());
}
