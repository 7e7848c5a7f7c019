//! `plugin new`: what is written, what is said, and what stays untouched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Stage;
use crate::config::{self, Input};

const LANGS: [(&str, &str); 8] = [
    ("rust", "wasm"),
    ("python", "http"),
    ("go", "http"),
    ("node", "http"),
    ("cedar", "cedar"),
    ("policy", "policy"),
    ("sh", "exec"),
    ("sql", "sql"),
];

/// Every file below the folder, by its path there.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else {
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn every_language_has_code_a_test_and_a_section_that_is_its_own() {
    for (lang, kind) in LANGS {
        let stage = Stage::new("");
        let dir = stage.folder.path().join("plugins/team-billing");
        let left = stage.run(&format!("plugin new --lang {lang} team-billing --dir {}", dir.display())).await;
        assert_eq!(left.code, 0, "{lang}: {left:?}");

        let written = files(&dir);
        assert!(written.len() >= 3, "{lang}: {written:?}");
        for (path, text) in &written {
            assert!(left.out.contains(path), "{lang}: {path} is not said");
            assert!(
                !path.contains("__NAME") && !text.contains("__NAME__") && !text.contains("__CRATE__"),
                "{lang}: {path}"
            );
            assert!(
                !text.contains("__SECRET__") && !text.contains("__DIR__") && !text.contains("__SIGNATURE__"),
                "{lang}: {path}"
            );
            let mode = std::fs::metadata(dir.join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if text.starts_with("#!") { 0o755 } else { 0o644 }, "{lang}: {path}");
        }
        assert!(!left.out.contains("__"), "{lang}: {}", left.out);
        assert!(left.out.contains("permissions = [\"team-billing\"]"), "{}", left.out);
        assert!(left.out.contains("  Test "), "{}", left.out);

        let section = &written.iter().find(|(path, _)| path == "team-billing.toml").unwrap().1;
        let parsed = config::parse(vec![Input::text("t", section)], &config::World::none());
        let sections = &parsed.settings.permissions;
        assert_eq!((sections[0].id(), sections[0].kind()), ("team-billing", kind));
    }
}

#[tokio::test]
async fn the_printed_section_has_the_paths_as_they_are_from_here() {
    let stage = Stage::new("");
    let dir = stage.folder.path().join("grants");
    let left = stage.run(&format!("plugin new --lang sh grants --dir {}", dir.display())).await;

    assert!(left.out.contains(&format!("command = [\"{}/provider.sh\"]", dir.display())), "{}", left.out);
    let kept = std::fs::read_to_string(dir.join("grants.toml")).unwrap();
    assert!(
        kept.contains("command = [\"provider.sh\"]")
            && kept.contains(&format!("include = [\"{}/grants.toml\"]", dir.display()))
    );
}

#[tokio::test]
async fn what_is_there_already_is_named_and_nothing_is_written() {
    let stage = Stage::new("");
    let dir = stage.folder.path().join("quota");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("provider.py"), "mine").unwrap();
    std::os::unix::fs::symlink("/nowhere", dir.join("quota.toml")).unwrap();

    let left = stage.run(&format!("plugin new --lang python quota --dir {}", dir.display())).await;

    assert_eq!((left.code, left.out.as_str()), (1, ""));
    assert!(
        left.aside.starts_with("nothing was written: ") && left.aside.ends_with(" are there already"),
        "{}",
        left.aside
    );
    assert!(left.aside.contains("quota/quota.toml") && left.aside.contains("quota/provider.py"), "{}", left.aside);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2);
    assert_eq!(std::fs::read_to_string(dir.join("provider.py")).unwrap(), "mine");
}

#[tokio::test]
async fn what_was_begun_is_taken_back() {
    let stage = Stage::new("");
    let dir = stage.folder.path().join("quota");
    std::fs::create_dir(&dir).unwrap();
    // The folder of the sources is a file, so the last one cannot be made.
    std::fs::write(dir.join("src"), "mine").unwrap();

    let left = stage.run(&format!("plugin new --lang rust quota --dir {}", dir.display())).await;

    assert_eq!(left.code, 1);
    assert!(left.aside.contains("nothing was written"), "{}", left.aside);
    assert_eq!(files(&dir), [("src".to_owned(), "mine".to_owned())]);
}

#[tokio::test]
async fn a_name_that_is_no_id_is_no_path_either() {
    let stage = Stage::new("");
    let long = "a".repeat(41);
    for name in ["../up", "a/b", "A", "a", "1a", "a-", "a.b", "a_b", "é", "..", &long] {
        let left = stage.run(&format!("plugin new --lang sh {name}")).await;
        assert_eq!(left.code, 2, "{name}");
        assert!(left.aside.contains("is not an id"), "{name}: {}", left.aside);
    }
    let dir = stage.folder.path().join("x").display().to_string();
    for name in ["ab", "a1", &"a".repeat(40)] {
        assert_eq!(stage.run(&format!("plugin new --lang sh {name} --dir {dir}/{name}")).await.code, 0, "{name}");
    }
    assert_eq!(stage.run("plugin new --lang cobol ab").await.code, 2);
}
