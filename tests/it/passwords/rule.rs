//! What may become a password, as a table.

use crate::domain::password::{About, Hint, Known, Problem, Rule, judge};

const RULE: Rule = Rule { least: 15, most: 64, strength: 3 };

fn ada() -> About {
    About::default()
        .with_email(&"countess.lovelace@analytical-engines.example".parse().unwrap())
        .with(Known::Name, "Ada Byron King")
        .with(Known::Username, "enchantress")
        .with(Known::Site, "auth.countersign.example")
}

fn problems(wish: &str) -> Vec<Problem> {
    judge(wish, RULE, &ada()).problems
}

fn codes(wish: &str) -> Vec<&'static str> {
    problems(wish).into_iter().map(Problem::code).collect()
}

#[test]
fn good_ones_are_good_whatever_they_are_made_of() {
    for wish in [
        "correct battery horse",
        "xQ7-vLmR2p#wZkT",
        "drei Katzen auf der Mauer",
        "\u{738b}\u{661f}\u{82b1}\u{9999}\u{6d77}\u{8c9d}\u{7d05}\u{9752}\u{6797}\u{77f3}\u{5ddd}\u{7530}\u{68ee}\u{591c}\u{6708}",
        "       spaces     count too  ",
        "\u{1f980}\u{1f40b}\u{1f433}\u{1f989}\u{1f98a}\u{1f43b}\u{1f43c}\u{1f428}\u{1f42f}\u{1f981}\u{1f42e}\u{1f437}\u{1f438}\u{1f435}\u{1f414}",
    ] {
        assert_eq!(problems(wish), [], "{wish}");
    }
}

#[test]
fn lengths_are_counted_in_characters_on_both_sides() {
    let rule = Rule { strength: 0, ..RULE };
    let wish = |length: usize| "q\u{e4}zw\u{f6}xe\u{fc}crvtbyn".chars().cycle().take(length).collect::<String>();
    let found = |wish: &str| judge(wish, rule, &About::default()).problems;

    assert_eq!(found(&wish(14)), [Problem::TooShort(15)]);
    assert_eq!(found(&wish(15)), []);
    assert_eq!(found(&wish(64)), []);
    assert_eq!(found(&wish(65)), [Problem::TooLong(64)]);
    let decomposed = "a\u{308}o\u{308}u\u{308}e\u{301}i\u{300}n\u{303}c\u{327}";
    assert_eq!(found(decomposed), [Problem::TooShort(15)], "composed before they are counted");
}

#[test]
fn the_first_tries_of_everybody_are_refused_even_where_strength_is_not_asked_for() {
    let rule = Rule { least: 8, most: 64, strength: 0 };
    for wish in [
        "password",
        "PASSWORD",
        "p4ssw0rd",
        "drowssap",
        "password123",
        "123password!",
        "1234567890",
        "qwertyuiop",
        "1q2w3e4r5t",
        "iloveyou",
        "sunshine1",
        "baseball",
        "aaaaaaaaaaaaaaa",
        "abababababababab",
    ] {
        let found = judge(wish, rule, &About::default()).problems;
        assert!(found.contains(&Problem::Common), "{wish}: {found:?}");
    }
}

#[test]
fn what_anybody_knows_about_the_owner_is_refused_with_the_reason() {
    for (wish, known) in [
        ("countesslovelace", Known::Address),
        ("Countess.Lovelace1", Known::Address),
        ("c0unt3ss l0vel4ce", Known::Address),
        ("ecalevolssetnuoc", Known::Address),
        ("analyticalengines", Known::Address),
        ("enchantress2024!", Known::Username),
        ("Ada Byron King 1815", Known::Name),
        ("countersign12345", Known::Site),
        ("Auth.Countersign.Example", Known::Site),
    ] {
        let found = problems(wish);
        assert!(found.contains(&Problem::Similar(known)), "{wish}: {found:?}");
    }
    assert_eq!(problems("king of the wild frontier, ada"), [], "a word of it is no harm among others");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    assert_eq!(codes("enchantress"), ["too_short", "similar", "weak"]);
    assert_eq!(codes("qwerty"), ["too_short", "common"]);
    assert_eq!(codes(""), ["too_short", "weak"]);
    let judged = judge("abcdefghijklmnopq", RULE, &ada());
    assert_eq!(judged.problems, [Problem::Weak(Hint::Sequence)]);
    assert_eq!(judged.explained(), "It is too easy to guess: it is a sequence like abc or 6543.");
}

#[test]
fn the_score_is_the_files_to_choose() {
    let wish = "purple elephants";
    let score = judge(wish, RULE, &About::default()).score;
    for strength in 0..=4 {
        let found = judge(wish, Rule { strength, ..RULE }, &About::default());
        assert_eq!(found.is_good(), score >= strength, "{strength} {score}");
    }
}

#[test]
fn a_very_long_one_is_judged_in_no_time() {
    let began = std::time::Instant::now();
    let long = "paragraphs and paragraphs ".repeat(40_000);

    let found = judge(&long, RULE, &ada());

    assert_eq!(found.problems, [Problem::TooLong(64)]);
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}
