//! The section of a policy, and the file that it names.

use super::{WIKI, folder, section};
use crate::it::permission::mistakes;

#[test]
fn a_policy_needs_a_file_that_is_there() {
    let folder = folder(WIKI);
    let path = folder.path();

    assert_eq!(mistakes("kind = \"policy\""), ["CS-C004 missing key `file` in `[permissions.a]`"]);
    std::fs::remove_file(path.join("wiki.json")).unwrap();
    let found = mistakes(&section(path, "countersign"));
    assert!(found[0].starts_with("CS-C130 the policy `") && found[0].ends_with("wiki.json` does not exist"));
    std::fs::create_dir(path.join("wiki.json")).unwrap();
    assert!(mistakes(&section(path, "countersign"))[0].ends_with("wiki.json` is not a file"));
}

#[test]
fn unknown_formats_and_keys_are_refused() {
    let folder = folder(WIKI);

    assert_eq!(mistakes(&section(folder.path(), "yaml")).len(), 1);
    assert_eq!(mistakes(&format!("{}\nfiles = []", section(folder.path(), "countersign"))).len(), 1);
    assert_eq!(mistakes(&format!("{}\ncache_ttl = \"2h\"", section(folder.path(), "countersign"))).len(), 1);
}

#[test]
fn a_file_is_text_of_at_most_two_mebibytes() {
    let folder = folder("");
    let file = folder.path().join("wiki.json");
    let mut text = WIKI.to_owned() + &" ".repeat(2 * 1024 * 1024 - WIKI.len());
    std::fs::write(&file, &text).unwrap();
    assert_eq!(mistakes(&section(folder.path(), "countersign")), [""; 0]);

    text.push(' ');
    std::fs::write(&file, &text).unwrap();
    assert!(mistakes(&section(folder.path(), "countersign"))[0].ends_with("wiki.json` is larger than 2 MiB"));

    std::fs::write(&file, b"{\n\"version\": \"\xff\"}").unwrap();
    assert!(mistakes(&section(folder.path(), "countersign"))[0].ends_with("wiki.json` is not UTF-8 in line 2"));
}
