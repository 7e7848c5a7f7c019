//! Hashes that other programs made (foreign.py wrote them): recognised, checked, replaced, and never dear.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::account::password::{Checked, Hasher};
use crate::config::settings::Password;

#[derive(Deserialize)]
struct Made {
    by: String,
    password: String,
    hash: String,
}

fn made() -> Vec<Made> {
    serde_json::from_str(include_str!("foreign.json")).unwrap()
}

fn hasher() -> Hasher {
    Hasher::new(&Password { max_length: 256, ..super::settings() })
}

#[tokio::test]
async fn the_hashes_of_other_programs_open_once_and_become_ours() {
    let hasher = hasher();
    let all = made();
    assert!(all.len() > 20, "{}", all.len());
    for Made { by, password, hash } in all {
        assert!(hasher.recognises(&hash), "{by}");

        let found = hasher.check(&password, Some(&hash)).await.unwrap();

        // An argon2id hash of our own parameters is as good as ours.
        if found == Checked::Right {
            assert!(hash.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{by}");
            continue;
        }
        let Checked::Outdated(new) = found else { panic!("{by}: {found:?}") };
        assert!(new.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{by}: {new}");
        assert_eq!(hasher.check(&password, Some(&new)).await.unwrap(), Checked::Right, "{by}");
    }
}

#[tokio::test]
async fn another_password_opens_none_of_them() {
    let hasher = hasher();
    for Made { by, password, hash } in made() {
        for wrong in ["", "wrong", &password.to_uppercase(), &password[1..]] {
            assert_eq!(hasher.check(wrong, Some(&hash)).await.unwrap(), Checked::Wrong, "{by}: {wrong}");
        }
    }
}

#[tokio::test]
async fn a_hash_of_a_spelling_that_is_not_normal_opens_to_both() {
    let hasher = hasher();
    let typed = "gru\u{308}ne Katzen";
    let hash = bcrypt::hash(typed, 4).unwrap();

    assert!(matches!(hasher.check(typed, Some(&hash)).await.unwrap(), Checked::Outdated(_)));
    let Checked::Outdated(new) = hasher.check(typed, Some(&hash)).await.unwrap() else { panic!() };
    assert_eq!(hasher.check("gr\u{fc}ne Katzen", Some(&new)).await.unwrap(), Checked::Right);
}

#[tokio::test]
async fn what_is_damaged_or_of_another_kind_is_no_hash() {
    let hasher = hasher();
    for Made { by, hash, .. } in made() {
        let cut = &hash[..hash.rfind('$').unwrap() + 11];
        assert!(!hasher.recognises(cut), "{by}: {cut}");
        assert!(!hasher.recognises(&format!("x{hash}")), "{by}");
        assert!(!hasher.recognises(&format!("{hash}$")), "{by}");
    }
    for other in [
        "",
        "$",
        "secret",
        "5ebe2294ecd0e0f08eab7690d2a6ee69",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$5$rounds=5000$salt$hash",
        "$2x$04$UROO6nBoqKpuRK90wxGj3eeF2oJtTRMu0dauOdkDPULTO4jyG/onK",
        "$2b$4$UROO6nBoqKpuRK90wxGj3eeF2oJtTRMu0dauOdkDPULTO4jyG/onK",
        "$pbkdf2-md5$1000$k7K2VmpN6V0rpRQi5Lx3jg$jMB9RRoeT5zJtqtpmhLf1Wu0PV4",
        "$pbkdf2-sha256$1000$8753TuldS6lVqlXKmfPemw$AAAA",
        "$pbkdf2-sha256$1000$$PtldlikfDLRl//xASE6Pi.Rtx4PVCkSPGxjBntPHC7w",
        "$scrypt$ln=6,r=8,p=1$U0oJAcDY27sXwhijdG6NsQ$",
        "md5$salt$hash",
    ] {
        assert!(!hasher.recognises(other), "{other}");
    }
}

/// Hashes that ask for minutes, or for the memory of the whole machine, beside the dearest that are believed.
const DEAR: &[(&str, &str)] = &[
    ("$argon2id$v=19$m=1048577,t=1,p=1$", "$argon2id$v=19$m=1048576,t=4,p=1$"),
    ("$argon2i$v=19$m=8192,t=513,p=1$", "$argon2i$v=19$m=8192,t=512,p=1$"),
    ("$argon2d$v=19$m=8192,t=1,p=17$", "$argon2d$v=19$m=8192,t=1,p=16$"),
    ("$pbkdf2-sha256$2000001$", "$pbkdf2-sha256$2000000$"),
    ("$pbkdf2-sha256$0$", "$pbkdf2-sha256$1$"),
    ("$scrypt$ln=21,r=8,p=1$", "$scrypt$ln=20,r=8,p=1$"),
    ("$scrypt$ln=20,r=8,p=5$", "$scrypt$ln=20,r=8,p=4$"),
    ("$scrypt$ln=10,r=33,p=1$", "$scrypt$ln=10,r=32,p=1$"),
    ("$scrypt$ln=63,r=8,p=1$", "$scrypt$ln=1,r=1,p=1$"),
    ("$scrypt$ln=64,r=8,p=1$", "$scrypt$ln=2,r=8,p=16$"),
];

#[tokio::test]
async fn a_planted_hash_burns_no_minutes() {
    let hasher = hasher();
    let tail = "REXtfxIaq6ISPiLNbgSZQA$PF/OHXjNp2mpc2xh7yvnUiwdA0ARR4Meddml0STWgDk";
    for (over, at) in DEAR {
        assert!(hasher.recognises(&format!("{at}{tail}")), "{at}");
        let planted = format!("{over}{tail}");
        assert!(!hasher.recognises(&planted), "{over}");

        let began = Instant::now();
        assert_eq!(hasher.check("secret", Some(&planted)).await.unwrap(), Checked::Wrong);
        assert!(began.elapsed() < Duration::from_secs(2), "{over}");
    }
    for (cost, known) in [("14", true), ("15", false), ("31", false), ("03", false)] {
        let hash = format!("$2b${cost}$UROO6nBoqKpuRK90wxGj3eeF2oJtTRMu0dauOdkDPULTO4jyG/onK");
        assert_eq!(hasher.recognises(&hash), known, "{cost}");
    }
}
