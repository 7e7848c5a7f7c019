//! The same token in another form.

use std::fmt::Write as _;

use serde_json::json;

use super::super::{b64, master, unb64};
use super::{Forge, LIFE};
use crate::keys::{KeyError, LoginKey, TokenError};

#[test]
fn jw_12_another_spelling_of_the_same_token_is_refused() {
    let forge = Forge::new();
    let good = forge.good();
    let header = forge.header().to_string();
    let payload = serde_json::to_string(&Forge::claims()).unwrap();
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (header, payload) in [
        (twice(&header, r#""alg":"none""#), payload.clone()),
        (twice(&header, r#""alg":"HS256""#), payload.clone()),
        (header.clone(), twice(&payload, r#""iss":"https://evil.example""#)),
        (header.clone(), twice(&payload, r#""iss":"https://auth.example.com""#)),
        (header.clone(), twice(&payload, r#""exp":9999999999"#)),
        (header.clone(), payload.replacen(':', ": ", 1)),
        (header.clone(), format!("{payload}\n")),
        (header.clone(), format!(" {payload}")),
        (header.clone(), format!("{payload}{{}}")),
        (header.clone(), format!("\u{feff}{payload}")),
        (header.clone(), payload.replacen("iss", "\\u0069ss", 1)),
        (header.clone(), "[]".into()),
        (header.clone(), "null".into()),
        (header.replacen(':', ": ", 1), payload.clone()),
        (format!("{header} "), payload.clone()),
        (format!("\u{feff}{header}"), payload.clone()),
    ] {
        forge.refuses(&forge.signed(&header, &payload));
    }
    for changed in [
        format!("{good}="),
        format!("{good}=="),
        format!("{good}\n"),
        format!(" {good}"),
        format!("\u{feff}{good}"),
        format!("Bearer {good}"),
        good.replace('.', ". "),
        good.replacen('.', "=.", 1),
        format!("{good}\0"),
        format!("{good}é"),
    ] {
        forge.refuses(&changed);
    }
    let (message, _) = good.rsplit_once('.').unwrap();
    forge.refuses(&forge.resigned(&format!("{message}=")));
    forge.refuses(&forge.resigned(&format!("{message}\n")));
}

#[test]
fn jw_12_every_other_last_character_is_refused() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/";
    let forge = Forge::new();
    let good = forge.good();
    let (rest, last) = good.split_at(good.len() - 1);
    for other in ALPHABET.chars().filter(|other| !last.starts_with(*other)) {
        forge.refuses(&format!("{rest}{other}"));
    }
    let (message, _) = good.rsplit_once('.').unwrap();
    let (rest, last) = message.split_at(message.len() - 1);
    for other in ALPHABET.chars().filter(|other| !last.starts_with(*other)) {
        forge.refuses(&forge.resigned(&format!("{rest}{other}")));
    }
}

#[test]
fn jw_13_a_signature_of_any_other_form_is_refused() {
    let forge = Forge::new();
    let good = forge.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let signature = unb64(signature);
    let twice = signature.repeat(2);
    for form in [&[][..], &[0], &[0; 32], &[0; 64], &[0; 256], &[255; 32], &signature[..31], &signature[1..], &twice] {
        forge.refuses(&format!("{message}.{}", b64(form)));
    }
    for bit in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        forge.refuses(&format!("{message}.{}", b64(changed)));
    }
}

#[test]
fn jw_14_a_huge_or_deep_token_is_refused_unread() {
    let forge = Forge::new();
    let header = forge.header().to_string();
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let mut many = String::from("{");
    for number in 0..100_000 {
        write!(many, "\"c{number}\":1,").unwrap();
    }
    forge.refuses(&forge.signed(&header, &format!("{many}\"iss\":1}}")));
    forge.refuses(&forge.signed(&header, &deep));
    forge.refuses(
        &forge.with("deep", &serde_json::from_str(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap()),
    );
    forge.refuses(&forge.with_header("x", json!("x".repeat(100_000))));
    forge.refuses(&"a".repeat(1_000_000));
    forge.refuses(&".".repeat(4096));
    forge.refuses(&forge.with("iss", &json!("x".repeat(4096))));
}

#[test]
fn jw_14_not_even_our_own_token_may_be_longer_than_four_kibibytes() {
    let key = |letters| LoginKey::new(&master(), &"i".repeat(letters), LIFE);
    assert!(key(1300).is_ok());
    assert!(matches!(key(1500), Err(KeyError::Login(TokenError::Refused("it is too long")))));
}
