//! Usernames: what may be one, and what an upstream's suggestion becomes.

use crate::domain::user::Username;

fn may(text: &str) -> bool {
    Username::new(text).is_some()
}

fn suggested(raw: &str) -> Option<String> {
    Username::suggested(raw).map(|name| name.as_str().to_owned())
}

#[test]
fn a_username_is_plain() {
    for text in ["ada", "Ada", "a1", "1a", "a.b-c_d", "a-", "a_", &"a".repeat(31)] {
        assert!(may(text), "{text}");
    }
    for text in [
        "",
        "a",
        "-ada",
        ".ada",
        "_ada",
        "ada.",
        "a b",
        "a@b",
        "a/b",
        "ad\u{e4}",
        "\u{430}da",
        "ada\n",
        &"a".repeat(32),
    ] {
        assert!(!may(text), "{text:?}");
    }
}

#[test]
fn names_that_sound_like_the_server_are_nobodys() {
    for text in ["admin", "ADMIN", "Root", "support", "me", "login", "www", "countersign", "postmaster", "null"] {
        assert!(!may(text), "{text}");
    }
}

#[test]
fn a_suggestion_is_made_fit_or_left_out() {
    assert_eq!(suggested("Ada.Lovelace").as_deref(), Some("ada.lovelace"));
    assert_eq!(suggested("Ada Lovelace").as_deref(), Some("adalovelace"));
    assert_eq!(suggested("..ada..").as_deref(), Some("ada"));
    assert_eq!(suggested(&"a".repeat(200)).map(|name| name.len()), Some(24));
    assert_eq!(suggested("\u{5f20}\u{4e09}"), None);
    assert_eq!(suggested("<script>").as_deref(), Some("script"));
    assert_eq!(suggested(""), None);
}

#[test]
fn a_suggestion_is_never_a_reserved_name_however_it_is_spelt() {
    for raw in
        ["admin", "ADMIN", ".admin", "admin.", "ad\u{200b}min", "\u{ff}admin", "a dmin", "_root_".trim_end_matches('_')]
    {
        let name = suggested(raw).unwrap();
        assert!(may(&name), "{raw} became {name}");
        assert!(name != "admin" && name != "root", "{raw} became {name}");
    }
}

#[test]
fn a_number_makes_another_name_with_the_same_spelling() {
    let ada = Username::new("Ada").unwrap();

    assert_eq!((ada.numbered(2).as_str(), ada.numbered(2).key()), ("Ada-2", "ada-2".to_owned()));
}
