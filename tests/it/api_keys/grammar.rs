//! How keys are written.

use crate::domain::api_key::{ApiKey, RANDOM, Tag};
use crate::keys::random;

fn key() -> ApiKey {
    ApiKey::of_random(Tag::Key, &random())
}

#[test]
fn a_key_is_what_secret_scanners_look_for() {
    let text = key().reveal().to_owned();

    assert_eq!(text.len(), 47);
    assert!(text.starts_with("cs_") && text[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
    assert_ne!(key().prefix(), key().prefix());
}

#[test]
fn the_same_bytes_are_the_same_key_everywhere() {
    let mut bytes = [0; RANDOM];
    bytes[0] = 61;
    bytes[16] = 1;

    let key = ApiKey::of_random(Tag::Key, &bytes);

    assert!(key.reveal().starts_with("cs_0000000z000000000100000000000000000000"), "{}", key.reveal());
    assert_eq!(key.prefix(), "0000000z");
}

#[test]
fn a_key_is_read_to_the_last_character() {
    let text = key().reveal().to_owned();
    assert_eq!(ApiKey::parse(Tag::Key, &text).unwrap().reveal(), text);

    for at in 0..text.len() {
        let mut other = text.clone().into_bytes();
        other[at] = if other[at] == b'a' { b'b' } else { b'a' };
        assert!(ApiKey::parse(Tag::Key, std::str::from_utf8(&other).unwrap()).is_none(), "{at}");
    }
    let swapped: String = text.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
    let longer = format!("{text}0");
    let spaced = format!(" {text}");
    for other in ["", "cs_", "cs_ä", &swapped, &text[..46], &longer, &spaced, &text[3..], &text.replace("cs_", "csr_")]
    {
        assert!(ApiKey::parse(Tag::Key, other).is_none(), "{other}");
    }
}

#[test]
fn a_refresh_secret_is_no_key() {
    let secret = ApiKey::of_random(Tag::Refresh, &random());

    assert!(secret.reveal().starts_with("csr_"));
    assert!(ApiKey::parse(Tag::Key, secret.reveal()).is_none());
    assert!(ApiKey::parse(Tag::Refresh, secret.reveal()).is_some());
    assert!(ApiKey::parse(Tag::Refresh, key().reveal()).is_none());
}

#[test]
fn what_wants_to_be_a_key_is_judged_as_one() {
    for text in ["cs_", "cs_x", "CS_x", "csr_x", "cSr_"] {
        assert!(ApiKey::is_meant(text), "{text}");
    }
    for text in ["", "c", "cs", "css_", "eyJhbGciOiJIUzI1NiJ9.e30.x", "correct horse", "ös_"] {
        assert!(!ApiKey::is_meant(text), "{text}");
    }
}

#[test]
fn the_log_sees_the_prefix_only() {
    let key = key();

    let shown = format!("{key:?}");

    assert!(shown.contains(key.prefix()) && !shown.contains(&key.reveal()[11..]), "{shown}");
}

#[test]
fn scopes_are_words_of_one_vocabulary() {
    use crate::domain::scope::{Holder, Scope};
    for scope in Scope::WORDS {
        assert_eq!(scope.to_string().parse::<Scope>().as_ref(), Ok(scope));
        assert!(!scope.says().is_empty());
    }
    let wiki: Scope = "authorize:wiki".parse().unwrap();
    assert_eq!((wiki.to_string().as_str(), wiki.is_for(Holder::Person)), ("authorize:wiki", true));
    for text in
        ["", "Authorize", "authorize:", "authorize:w", "authorize:Wiki", "authorize:a b", "admin", "users:", "*"]
    {
        assert!(text.parse::<Scope>().is_err(), "{text}");
    }
    for (word, person, admin, service) in [
        ("authorize", true, true, true),
        ("sessions", false, false, true),
        ("users:read", false, true, true),
        ("keys:write", false, true, true),
    ] {
        let scope: Scope = word.parse().unwrap();
        let may = [Holder::Person, Holder::Admin, Holder::Service].map(|holder| scope.is_for(holder));
        assert_eq!(may, [person, admin, service], "{word}");
    }
}
