//! Passwords: what may be one, what is the same one, and what a check costs.

mod breach;
mod change;
mod foreign;
mod lock;
mod people;
mod reset;
mod rule;
mod validate;

use std::time::{Duration, Instant};

use crate::account::AccountError;
use crate::account::password::{Checked, Hasher};
use crate::config::settings::{BreachCheck, Password};
use crate::domain::password::{About, Problem};

fn settings() -> Password {
    Password {
        enabled: true,
        min_length: 8,
        min_length_alone: 15,
        max_length: 64,
        min_strength: 3,
        breach_check: BreachCheck::Off,
        breach_url: "https://api.pwnedpasswords.com/range/".parse().unwrap(),
        reset_ttl: time::Duration::minutes(30),
        argon2_memory_kib: 8192,
        argon2_iterations: 1,
        argon2_parallelism: 1,
        max_parallel_hashes: 2,
    }
}

const SECRET: &str = "a rather long secret";

#[tokio::test]
async fn a_password_is_itself_and_nothing_else() {
    let hasher = Hasher::new(&settings());
    let hash = hasher.hash(SECRET).await.unwrap();

    assert!(hash.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{hash}");
    assert_ne!(hash, hasher.hash(SECRET).await.unwrap(), "each has a salt of its own");
    assert_eq!(hasher.check(SECRET, Some(&hash)).await.unwrap(), Checked::Right);
    for wrong in ["", "A rather long secret", "a rather long secret ", " a rather long secret", "a rather long secre"] {
        assert_eq!(hasher.check(wrong, Some(&hash)).await.unwrap(), Checked::Wrong, "{wrong:?}");
    }
}

#[tokio::test]
async fn spellings_of_one_character_are_one_password() {
    let hasher = Hasher::new(&settings());
    let hash = hasher.hash("gr\u{fc}\u{df}e aus \u{212b}rhus \u{fb01}n").await.unwrap();

    let decomposed = "gru\u{308}\u{df}e aus A\u{30a}rhus fin";
    assert_eq!(hasher.check(decomposed, Some(&hash)).await.unwrap(), Checked::Right);
    assert_eq!(hasher.check("gru\u{df}e aus Arhus fin", Some(&hash)).await.unwrap(), Checked::Wrong);
}

#[tokio::test]
async fn nothing_is_cut_off() {
    let hasher = Hasher::new(&Password { max_length: 200, ..settings() });
    let long = "x".repeat(72);
    let hash = hasher.hash(&format!("{long}one")).await.unwrap();
    assert_eq!(hasher.check(&format!("{long}two"), Some(&hash)).await.unwrap(), Checked::Wrong);
    assert_eq!(hasher.check(&format!("{long}one"), Some(&hash)).await.unwrap(), Checked::Right);

    let hash = hasher.hash("secret\0one").await.unwrap();
    assert_eq!(hasher.check("secret\0two", Some(&hash)).await.unwrap(), Checked::Wrong);
    assert_eq!(hasher.check("secret", Some(&hash)).await.unwrap(), Checked::Wrong);
}

#[tokio::test]
async fn who_has_a_second_factor_may_have_a_shorter_password() {
    let hasher = Hasher::new(&settings());
    let problems = async |wish: &str, alone| hasher.judge(wish, alone, About::default()).await.unwrap().problems;

    assert_eq!(problems("xQ7-vLmR2p#wZk", true).await, [Problem::TooShort(15)]);
    assert_eq!(problems("xQ7-vLmR2p#wZkT", true).await, []);
    assert!(problems("xQ7-vLm", false).await.contains(&Problem::TooShort(8)));
    assert!(!problems("xQ7-vLmR", false).await.contains(&Problem::TooShort(8)));
}

#[tokio::test]
async fn what_is_longer_than_the_longest_is_not_even_hashed() {
    let hasher = Hasher::new(&settings());
    let hash = hasher.hash(&"x".repeat(65)).await.unwrap();

    assert_eq!(hasher.check(&"x".repeat(65), Some(&hash)).await.unwrap(), Checked::Wrong);
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_when_the_password_was_right() {
    let weak = Hasher::new(&settings());
    let strong = Hasher::new(&Password { argon2_memory_kib: 9216, argon2_iterations: 2, ..settings() });
    let hash = weak.hash(SECRET).await.unwrap();

    assert_eq!(strong.check("wrong", Some(&hash)).await.unwrap(), Checked::Wrong);
    let Checked::Outdated(new) = strong.check(SECRET, Some(&hash)).await.unwrap() else { panic!("kept a weak hash") };
    assert!(new.starts_with("$argon2id$v=19$m=9216,t=2,p=1$"), "{new}");
    assert_eq!(strong.check(SECRET, Some(&new)).await.unwrap(), Checked::Right);
    assert_eq!(weak.check(SECRET, Some(&new)).await.unwrap(), Checked::Right, "a stronger one may stay");
}

#[tokio::test]
async fn a_hash_that_is_none_is_no_password() {
    let hasher = Hasher::new(&settings());

    for stored in ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", SECRET] {
        assert_eq!(hasher.check(SECRET, Some(stored)).await.unwrap(), Checked::Wrong, "{stored}");
    }
}

#[tokio::test]
async fn who_does_not_exist_costs_what_somebody_costs() {
    let hasher = Hasher::new(&Password { argon2_memory_kib: 65536, argon2_iterations: 2, ..settings() });
    let hash = hasher.hash(SECRET).await.unwrap();
    let fastest = async |stored: Option<&str>| {
        let mut best = Duration::MAX;
        for _ in 0..4 {
            let began = Instant::now();
            assert_eq!(hasher.check("wrong", stored).await.unwrap(), Checked::Wrong);
            best = best.min(began.elapsed());
        }
        best
    };

    let (known, nobody) = (fastest(Some(&hash)).await, fastest(None).await);

    assert!(nobody * 4 > known && known * 4 > nobody, "{known:?} {nobody:?}");
    assert_eq!(hasher.check("correct horse battery staple", None).await.unwrap(), Checked::Wrong);
}

#[tokio::test]
async fn when_all_turns_are_taken_the_others_are_told_so() {
    let hasher = Hasher::new(&Password { max_parallel_hashes: 0, ..settings() });

    let (known, nobody) = tokio::join!(hasher.check(SECRET, Some("x")), hasher.check(SECRET, None));

    assert!(matches!(known, Err(AccountError::Busy)));
    assert!(matches!(nobody, Err(AccountError::Busy)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_takes_turns_and_everybody_is_answered() {
    let hasher = Hasher::new(&settings());
    let hash = hasher.hash(SECRET).await.unwrap();

    let crowd = (0..20).map(|n| {
        let (hasher, hash) = (hasher.clone(), hash.clone());
        tokio::spawn(async move {
            let typed = if n % 2 == 0 { SECRET } else { "wrong" };
            (n % 2 == 0, hasher.check(typed, Some(&hash)).await.unwrap())
        })
    });

    for one in crowd.collect::<Vec<_>>() {
        let (right, checked) = one.await.unwrap();
        assert_eq!(checked, if right { Checked::Right } else { Checked::Wrong });
    }
}
