//! A running server takes another version of its file when it changes, and keeps the old one where the new one has mistakes.

use std::fs;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Stage;
use crate::app::App;
use crate::cli::reloading::Reloader;
use crate::cli::source::Source;
use crate::cli::watch::Watch;
use crate::config::settings::Reload;
use crate::domain::audit::Event;
use crate::http::layers::Rules;
use crate::http::site::{Running, Site};

/// A server that was started with this file.
async fn server(stage: &Stage) -> Reloader {
    let app = stage.server().await;
    let rules = Arc::new(ArcSwap::from_pointee(Rules::of(&app.settings.server)));
    let source = Source::find(&[stage.file()]);
    let loaded = source.read(&stage.world()).unwrap();
    let watch = Watch::of(loaded.report.files());
    Reloader { source, running: Running::new(Site::new(app, None)), rules, world: stage.world(), watch }
}

fn title(server: &Reloader) -> String {
    server.running.now().app.settings.theme.name.clone()
}

fn named(name: &str) -> String {
    format!("[theme]\nname = \"{name}\"\n")
}

async fn events(app: &App) -> Vec<String> {
    use sea_orm::EntityTrait as _;
    let rows = crate::store::entity::audit_event::Entity::find().all(app.store().read()).await.unwrap();
    rows.into_iter().map(|row| row.event).filter(|event| event.starts_with("config")).collect()
}

#[tokio::test]
async fn a_changed_file_is_taken_when_nobody_writes_it_any_more() {
    let stage = Stage::new(&named("Before"));
    let mut server = server(&stage).await;
    assert!(server.look().await.is_none(), "nothing changed");

    stage.write(&named("Half-"));
    assert!(server.look().await.is_none(), "it may still be being written");
    stage.write(&named("Afterwards"));
    assert!(server.look().await.is_none(), "it changed since the last look");
    assert!(server.look().await.unwrap().mistake.is_none());

    assert_eq!(title(&server), "Afterwards");
    assert!(server.look().await.is_none(), "once is enough");
}

#[tokio::test]
async fn a_file_with_mistakes_is_tried_once_and_the_old_one_stays() {
    let stage = Stage::new(&named("Before"));
    let mut server = server(&stage).await;

    stage.write("[theme]\nnaem = 1\n");
    assert!(server.look().await.is_none());
    assert!(server.look().await.unwrap().mistake.unwrap().contains("naem"));
    for _ in 0..3 {
        assert!(server.look().await.is_none());
    }
    assert_eq!(title(&server), "Before");
    assert_eq!(events(&server.running.now().app).await, [Event::ConfigRejected.name()]);

    stage.write(&named("Mended"));
    assert!(server.look().await.is_none());
    assert!(server.look().await.unwrap().mistake.is_none());
    assert_eq!(title(&server), "Mended");
}

#[tokio::test]
async fn every_file_that_was_read_is_watched() {
    let stage = Stage::new("");
    let folder = stage.folder.path();
    let (extra, secret) = (folder.join("10.extra.toml"), folder.join("secret"));
    fs::write(&extra, named("Before")).unwrap();
    fs::write(&secret, "a secret\n").unwrap();
    let data = stage.data().display().to_string();
    let github = "[providers.github]\nclient_id = \"a\"\nclient_secret = { file = \"secret\" }";
    let main = format!("include = [\"*.extra.toml\"]\n[server]\ndata_dir = \"{data}\"\n{github}\n");
    fs::write(stage.file(), main).unwrap();
    let mut server = server(&stage).await;

    fs::write(&extra, named("Included")).unwrap();
    assert!(server.look().await.is_none() && server.look().await.is_some());
    assert_eq!(title(&server), "Included");
    fs::write(&secret, "another secret\n").unwrap();
    assert!(server.look().await.is_none() && server.look().await.is_some());
    let new = folder.join("20.extra.toml");
    fs::write(&new, "[roles.new]\n").unwrap();
    assert!(server.look().await.is_none() && server.look().await.is_some());
    assert!(server.running.now().app.settings.roles.contains(&"new".to_owned()));
    fs::remove_file(&new).unwrap();
    assert!(server.look().await.is_none() && server.look().await.is_some());

    fs::write(folder.join("data").join("beside"), "x").unwrap();
    fs::write(folder.join("other"), "x").unwrap();
    assert!(server.look().await.is_none() && server.look().await.is_none(), "what was not read is not watched");
}

#[tokio::test]
async fn a_file_that_only_the_refused_version_names_is_watched_too() {
    let stage = Stage::new(&named("Before"));
    let extra = stage.folder.path().join("more.toml");
    fs::write(&extra, "[theme]\nnaem = 1\n").unwrap();
    let mut server = server(&stage).await;
    let data = stage.data().display().to_string();
    fs::write(stage.file(), format!("include = [\"more.toml\"]\n[server]\ndata_dir = \"{data}\"\n")).unwrap();
    assert!(server.look().await.is_none());
    assert!(server.look().await.unwrap().mistake.is_some());

    fs::write(&extra, named("Mended")).unwrap();
    assert!(server.look().await.is_none());
    assert!(server.look().await.unwrap().mistake.is_none());

    assert_eq!(title(&server), "Mended");
}

#[tokio::test]
async fn the_file_says_whether_it_is_watched_and_whether_the_signal_counts() {
    for (how, is_watched, is_told) in
        [(Reload::Watch, true, true), (Reload::Signal, false, true), (Reload::Off, false, false)]
    {
        let line = format!("reload = \"{}\"\n", format!("{how:?}").to_lowercase());
        let stage = Stage::new(&line);
        let mut server = server(&stage).await;
        assert_eq!(server.running.now().app.settings.server.reload, how);

        stage.write(&format!("{line}{}", named("Afterwards")));
        server.look().await;
        server.look().await;
        assert_eq!(title(&server) == "Afterwards", is_watched, "{how:?}");
        assert_eq!(server.told().await.mistake.is_none(), is_told, "{how:?}");
        assert_eq!(title(&server) == "Afterwards", is_told, "{how:?}");
    }
}
