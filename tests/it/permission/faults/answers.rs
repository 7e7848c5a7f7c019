//! What is said and is no answer, for every kind that says something.

use super::{GOOD, Ill};

/// The same and a mebibyte of spaces, packed.
pub const BOMB: &str = "\
    H4sIAAAAAAACA+3BuwmAMBQAwFXkjZFVxEIwxUP8kBQpxN0dwvbunrhrO7L3vM4eZY6Re5ZW1y2WdwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAA+OkDe3ZF4R0AEAA=";

fn ills(said: &[(&str, &str)]) -> Vec<Ill> {
    said.iter().map(|(name, body)| Ill::says(name, *body)).collect()
}

pub fn garbage() -> Vec<Ill> {
    let deep = format!("{}{}", "{\"permissions\":".repeat(200), "}".repeat(200));
    let mut all = ills(&[
        ("nothing", ""),
        ("a page", "<html><body>hello</body></html>"),
        ("a list", "[]"),
        ("null", "null"),
        ("a word", "\"yes\""),
        ("true", "true"),
        ("NaN", r#"{"permissions": ["a"], "limits": {"n": NaN}}"#),
        ("cut off", r#"{"permissions": {"a": true"#),
        ("two answers", &GOOD.repeat(2)),
        ("a member twice", r#"{"permissions": ["a"], "permissions": ["b"]}"#),
        ("a permission twice", r#"{"permissions": {"a": true, "a": false}}"#),
        ("another decision", r#"{"decision": "maybe", "permissions": ["a"]}"#),
        ("a number for a permission", r#"{"permissions": {"a": 1}}"#),
        ("no name", r#"{"permissions": ["A b"]}"#),
        ("a control character", r#"{"permissions": ["a\u0000"]}"#),
        ("deep", &deep),
    ]);
    all.push(Ill::says("no UTF-8", b"{\"permissions\": [\"\xff\"]}".as_slice()));
    all
}

pub fn wrong_version() -> Vec<Ill> {
    ills(&[
        ("another version", r#"{"version": 2, "permissions": ["a"]}"#),
        ("a version in words", r#"{"version": "1", "permissions": ["a"]}"#),
        ("a member of a later version", r#"{"version": 1, "permissions": ["a"], "roles": ["admin"]}"#),
    ])
}

pub fn reserved_claims() -> Vec<Ill> {
    ills(&[
        ("a reserved claim", r#"{"permissions": ["a"], "claims": {"sub": "usr_1"}}"#),
        ("another reserved claim", r#"{"permissions": ["a"], "claims": {"roles": ["admin"]}}"#),
        ("a mark of ours", r#"{"permissions": ["a"], "claims": {"perm_stale": false}}"#),
    ])
}

/// More than there may be, in little room.
pub fn too_many() -> Vec<Ill> {
    let many: Vec<String> = (0..501).map(|n| format!("\"p{n}\"")).collect();
    ills(&[("501 names", &format!("{{\"permissions\": [{}]}}", many.join(",")))])
}

/// More than there may be, in any respect.
pub fn oversize() -> Vec<Ill> {
    let million: Vec<String> = (0..1_000_000).map(|n| format!("\"p{n}\"")).collect();
    let name = "n".repeat(1024 * 1024);
    let mut all = too_many();
    all.extend(ills(&[
        ("a million names", &format!("{{\"permissions\": [{}]}}", million.join(","))),
        ("a name of a mebibyte", &format!("{{\"permissions\": [\"{name}\"]}}")),
    ]));
    all
}
