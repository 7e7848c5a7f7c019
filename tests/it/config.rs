//! The file: what it means, and what is said about a broken one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::stage::clock::ManualClock;
use super::stage::internet::Internet;
use crate::app::boot;
use crate::config::{Format, Input, Parsed, Report, World, parse};
use crate::net::Net;

mod outside;
mod reading;
mod shape;

/// What the text says, in an environment without anything.
pub fn text(text: &str) -> Parsed {
    parse(vec![Input::text("providers.toml", text)], &World::none())
}

/// The texts of the mistakes, each with its code.
pub fn mistakes(parsed: &Parsed) -> Vec<String> {
    parsed.report.mistakes().iter().map(|mistake| format!("{} {}", mistake.code, mistake.message)).collect()
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/config")
}

/// The whole check, the plugged sections included.
fn check(input: Input, env: &World<'_>) -> Report {
    let world =
        boot::World { clock: Arc::new(ManualClock::new()), net: Net::new(Internet::default()), may_run_programs: true };
    match boot::load(vec![input], env, &world) {
        Ok(loaded) => loaded.report,
        Err(report) => *report,
    }
}

/// What is said about the file, in the environment that its lines `#@ NAME=value` give it.
fn broken(path: &Path) -> Report {
    let text = std::fs::read_to_string(path).unwrap();
    let overrides = text.lines().filter_map(|line| line.strip_prefix("#@ ")?.split_once('='));
    let overrides = overrides.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let env = |name: &str| match name {
        "SET" => Some("a text that is long enough".to_owned()),
        "SHORT" => Some("short".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    check(Input::file(path), &World { env: &env, overrides })
}

#[test]
fn every_broken_file_is_answered_as_it_was_when_somebody_last_read_the_answer() {
    let prefix = format!("{}/", corpus().display());
    let mut files: Vec<_> = std::fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 100, "{}", files.len());
    let mut differing = Vec::new();
    for path in files {
        let answer = broken(&path).render(Format::Human(false)).replace(&prefix, "");
        let golden = path.with_extension("txt");
        if super::rewrite() {
            std::fs::write(&golden, &answer).unwrap();
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != answer {
            differing.push(format!("{}\n{answer}", path.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_mistake_has_a_line_a_column_and_a_code() {
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let report = broken(&path);
        let all: serde_json::Value = serde_json::from_str(&report.render(Format::Json)).unwrap();
        let all = all.as_array().unwrap();
        assert!(!all.is_empty(), "{} is not broken", path.display());
        for found in all {
            assert!(found["line"].as_u64().unwrap() >= 1 && found["column"].as_u64().unwrap() >= 1);
            assert!(found["code"].as_str().unwrap().starts_with("CS-C"));
            assert!(!found["file"].as_str().unwrap().is_empty());
        }
    }
}
