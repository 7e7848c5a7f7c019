//! Which file is read, and what it may take from the environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use crate::app::boot::{self, Loaded, World};
use crate::clock::SystemClock;
use crate::config::{self, Format, Input, Report};
use crate::net::Net;

/// The name of the file, where none is given.
const FILE: &str = "providers.toml";
/// What is read where there is no file: the one that this program was built with.
const BUILT_IN: &str = include_str!("../../providers.toml");

/// Where the configuration comes from.
#[derive(Clone)]
pub struct Source {
    inputs: Vec<Input>,
    /// Whether there is no file, and the built-in one is used.
    pub is_built_in: bool,
}

impl Source {
    /// The given files, else `providers.toml` here, else in the user's configuration folder, else the built-in one.
    pub fn find(given: &[PathBuf]) -> Self {
        if !given.is_empty() {
            return Self { inputs: given.iter().map(|path| Input::file(path)).collect(), is_built_in: false };
        }
        let home = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
        let places = [
            Some(PathBuf::from(FILE)),
            home.map(|home| home.join("countersign").join(FILE)),
            Some(Path::new("/etc/countersign").join(FILE)),
        ];
        match places.into_iter().flatten().find(|path| path.is_file()) {
            Some(path) => Self { inputs: vec![Input::file(&path)], is_built_in: false },
            None => Self { inputs: vec![Input::text("built-in providers.toml", BUILT_IN)], is_built_in: true },
        }
    }

    /// Reads everything; a file with mistakes is a failure that shows them all.
    pub fn load(&self, world: &World) -> Result<Loaded, Failure> {
        self.read(world).map_err(|report| Self::failure(&report))
    }

    /// Reads everything; the report holds all mistakes.
    pub fn read(&self, world: &World) -> Result<Loaded, Box<Report>> {
        boot::load(self.inputs.clone(), &environment(), world)
    }

    /// A failure that shows all mistakes.
    pub fn failure(report: &Report) -> Failure {
        Failure { message: report.render(Format::Human(is_terminal())), code: 2 }
    }

    /// What is read, by name.
    pub fn name(&self) -> String {
        self.inputs.iter().map(Input::name).collect::<Vec<_>>().join(", ")
    }
}

/// The real world. A file may name programs; who asks the permission providers says whether they are run.
pub fn world() -> World {
    World { clock: Arc::new(SystemClock), net: Net::real(), may_run_programs: true }
}

/// What files may take from the environment.
pub fn environment() -> config::World<'static> {
    config::World {
        env: &variable,
        overrides: std::env::vars().filter(|(name, _)| name.starts_with("COUNTERSIGN__")).collect(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the file's view of the environment is made")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether somebody looks at standard error.
pub fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
