//! `serve`: runs the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use clap::Args;

use super::Failure;
use super::reloading::Reloader;
use super::source::{Source, is_terminal, world};
use super::watch::Watch;
use crate::app::boot::{self, Opened, World};
use crate::app::{App, Minted};
use crate::config::{Mistake, Report};
use crate::domain::audit::By;
use crate::http::failure;
use crate::http::layers::{Edge, Rules};
use crate::http::server::{Limits, Readiness, Server, stop_signal};
use crate::http::site::{Running, Site};
use crate::store::outbox::Lane;
use crate::store::sessions::Sessions;
use crate::{http, jobs, logging};

/// How long a server on its way out goes on delivering.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(3);

/// What `serve` can be told.
#[derive(Args, Default)]
pub struct Options {
    /// Keeps everything in memory: nothing is written, nothing outlives the process.
    #[arg(long)]
    pub ephemeral: bool,
    /// Starts everything, then exits.
    #[arg(long)]
    pub check: bool,
    /// Lets permission providers of kind `exec` run their programs.
    #[arg(long)]
    pub allow_exec: bool,
}

/// Runs until told to stop.
pub async fn run(files: &[PathBuf], options: Options) -> Result<(), Failure> {
    let source = Source::find(files);
    let world = World { may_run_programs: options.allow_exec, ..world() };
    let mut loaded = source.load(&world)?;
    let watch = Watch::of(loaded.report.files());
    if options.ephemeral {
        loaded.settings.database.url = crate::config::Secret::new("sqlite::memory:".into());
    }
    logging::init(&loaded.settings.observability, is_terminal())?;
    loaded.report.warnings().iter().for_each(|warning| warn_of(warning, &loaded.report));
    let server = Server::bind(&loaded.settings.server.listen).await?;
    let is_dev = loaded.settings.server.is_dev;
    let Opened { app, sink } = Box::pin(boot::open(loaded, world.clone())).await?;
    let sessions = Sessions::new(app.store().clone(), app.house.lifetimes.clone());
    let rules = Arc::new(ArcSwap::from_pointee(Rules::of(&app.settings.server)));
    let limits = Limits::of(&app.settings.server);
    let readiness = Readiness::default();
    let running = Running::new(Site::new(app.clone(), sink));
    let routes = http::router(&running, sessions, readiness.clone());
    let edge = Edge::new(routes, rules.clone()).with_pages(failure::draw(running.clone()));
    if options.check {
        return Ok(());
    }
    greet(&running, &server.addresses(), &source, is_dev).await?;
    let _pid = PidFile::write(&app.settings.server.data_dir, options.ephemeral);
    jobs::start(&running);
    tokio::spawn(Reloader { source, running: running.clone(), rules, world, watch }.run());
    server.serve(edge, limits, readiness, stop_signal).await;
    let app = running.now().app.clone();
    app.store().write_touched().await?;
    jobs::note(&app).await?;
    say_last_words(&app).await
}

fn warn_of(warning: &Mistake, report: &Report) {
    tracing::warn!(place = report.place(warning), code = warning.code, "{}", warning.message);
}

/// Delivers what still can be delivered in a few seconds; the rest waits in the outbox for the next start.
async fn say_last_words(app: &App) -> Result<(), Failure> {
    let all = async { app.deliver_due(Lane::Letters).await.and(app.deliver_due(Lane::Tellings).await) };
    if let Ok(delivered) = tokio::time::timeout(LAST_WORDS, all).await {
        delivered?;
    }
    tracing::info!("stopped");
    Ok(())
}

/// The process id, for `countersign reload`; gone when the server is.
struct PidFile(Option<PathBuf>);

impl PidFile {
    fn write(data_dir: &std::path::Path, ephemeral: bool) -> Self {
        let path = data_dir.join(super::PID_FILE);
        let written = !ephemeral && std::fs::write(&path, std::process::id().to_string()).is_ok();
        Self(written.then_some(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// At most twelve lines: where everything is. In production, the addresses an admin has to register.
#[expect(clippy::print_stdout, reason = "this is what the server says to whoever started it")]
async fn greet(running: &Running, listening: &[SocketAddr], source: &Source, is_dev: bool) -> Result<(), Failure> {
    let site = running.now();
    let app = &site.app;
    let version = env!("CARGO_PKG_VERSION");
    if !is_dev {
        let listening: Vec<_> = listening.iter().map(ToString::to_string).collect();
        println!("countersign {version}  {}  listening on {}\n", app.issuer, listening.join(", "));
        for (id, provider) in app.providers.iter() {
            println!("  {:<12} {}", provider.button().name, app.url(&format!("/login/{id}/callback")));
        }
        if !app.has_admin().await? {
            app.note_admin_link(&By::system()).await?;
            println!("\n  Admin link   {}", app.admin_link(Minted::AtStart));
        }
        return Ok(());
    }
    let from = if source.is_built_in { "dev mode (no providers.toml found)" } else { "dev mode" };
    println!("countersign {version}  {from}\n");
    app.note_admin_link(&By::system()).await?;
    println!("  Sign in      {}", app.url("/login"));
    println!("  Demo app     {}          the real flow, shows token + permissions + curl lines", app.url("/demo"));
    println!("  Admin link   {}", app.admin_link(Minted::ByCommand));
    println!(
        "               one use, {} min · new one: countersign admin link",
        app.settings.admin.setup_link_ttl.whole_minutes()
    );
    if site.sink.is_some() {
        println!("  Mail sink    {}", app.url("/dev/mail"));
    }
    println!("  Data         {} (SQLite, keys)\n", app.settings.server.data_dir.display());
    println!("  Next: edit providers.toml, then `countersign config check` and `countersign reload`");
    Ok(())
}
