//! Modules only look down: the map of the house, held against the paths in its code.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom: everybody those further up in this list, nobody their own row.
const ROWS: &[&[&str]] = &[
    &["rule"],
    &["domain", "clock", "memo"],
    &["config", "keys", "net", "mail"],
    &["store"],
    &["plugin"],
    &["provider", "permission", "extension"],
    &["account", "login"],
    &["app"],
    &["http"],
    &["jobs", "logging"],
    &["cli"],
    &["lib", "main", "fuzzing"],
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// All files of the program, each with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![src.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.strip_prefix(&src).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 100, "{}", found.len());
    found
}

/// The module of the top level that a file belongs to.
fn module(file: &Path) -> String {
    file.with_extension("").iter().next().unwrap().to_str().unwrap().to_owned()
}

/// The modules behind each `crate::` of the text, also of `crate::{a, b::c}`.
fn used(text: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.push(name(rest)),
            Some(group) => {
                let mut depth = 0;
                for part in group.split_inclusive(['{', '}', ',']) {
                    if depth == 0 {
                        found.push(name(part));
                    }
                    depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    found.retain(|name: &String| !name.is_empty());
    found
}

#[test]
fn every_module_is_on_the_map_and_looks_only_down() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let from = module(&file);
        let Some(here) = row(&from) else {
            wrong.push(format!("{from} is in no row"));
            continue;
        };
        let up = |to: &String| *to != from && row(to).is_none_or(|there| there >= here);
        wrong.extend(used(&text).iter().filter(|to| up(to)).map(|to| format!("{}: {to}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_database_is_spoken_to_in_the_store_alone() {
    for (file, text) in sources() {
        assert!(module(&file) == "store" || !text.contains("sea_orm"), "{}", file.display());
    }
}
