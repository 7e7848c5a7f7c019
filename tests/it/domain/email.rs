//! Addresses: two spellings are one account, and nothing odd is an address.

use crate::domain::email::{Email, VerifiedEmail};

fn normal(raw: &str) -> Option<String> {
    raw.parse::<Email>().ok().map(|email| email.to_string())
}

#[test]
fn spellings_of_one_address_are_one_address() {
    for spelling in ["anna@x.example", "Anna@X.EXAMPLE", "anna@x.example.", " anna@x.example", "anna@x.example  "] {
        assert_eq!(normal(spelling).as_deref(), Some("anna@x.example"), "{spelling}");
    }
}

#[test]
fn tags_and_dots_make_other_addresses() {
    assert_eq!(normal("anna+tag@x.example").as_deref(), Some("anna+tag@x.example"));
    assert_eq!(normal("a.nna@gmail.com").as_deref(), Some("a.nna@gmail.com"));
}

#[test]
fn a_domain_is_kept_as_its_a_label_and_look_alikes_stay_apart() {
    assert_eq!(normal("anna@bücher.example"), normal("anna@xn--bcher-kva.example"));
    assert_eq!(normal("anna@BÜCHER.example").as_deref(), Some("anna@xn--bcher-kva.example"));
    assert_eq!(normal("anna@bu\u{308}cher.example"), normal("anna@bücher.example"));
    assert_ne!(normal("anna@\u{430}pple.example"), normal("anna@apple.example"));
    assert_ne!(normal("anna@\u{430}pple.example"), None);
}

#[test]
fn what_could_mean_two_things_is_no_address() {
    let odd = [
        "",
        "@",
        "anna",
        "@x.example",
        "anna@",
        "a@b@x.example",
        "a@evil.example@x.example",
        "\"a@x.example\"@evil.example",
        "\"anna\"@x.example",
        "anna(comment)@x.example",
        "anna@(comment)x.example",
        "anna@[127.0.0.1]",
        "anna@[IPv6:::1]",
        "anna@localhost",
        "<script>@x.example",
        "Anna <anna@x.example>",
        "anna@x.example\n",
        "anna@x.example\r\nBcc: b@evil.example",
        "anna\t@x.example",
        "anna\0@x.example",
        "anna@x.example\0",
        "a@x.example,b@evil.example",
        "a@x.example;b@evil.example",
        "a@x.example b@evil.example",
        "a\u{ff20}x.example",
        "\u{e4}nna@x.example",
        ".anna@x.example",
        "anna.@x.example",
        "an..na@x.example",
        "anna@x..example",
        "anna@.example",
        "anna@-x.example",
        "anna@x.example..",
        "an na@x.example",
        "anna@x_y.example",
        "anna@x.example/evil",
        "anna@x.example%00",
        "[\"anna@x.example\"]",
    ];
    for text in odd {
        assert_eq!(normal(text), None, "{text:?}");
    }
}

#[test]
fn an_address_has_its_lengths() {
    let local = |length| format!("{}@x.example", "a".repeat(length));
    assert!(normal(&local(64)).is_some());
    assert!(normal(&local(65)).is_none());

    let label = "a".repeat(61);
    let tail = format!("{label}.{label}.{label}.example");
    let whole = |length: usize| format!("{}@{tail}", "a".repeat(length - tail.len() - 1));
    assert!(normal(&whole(254)).is_some());
    assert!(normal(&whole(255)).is_none());

    assert!(normal(&format!("a@{}.example", "b".repeat(63))).is_some());
    assert!(normal(&format!("a@{}.example", "b".repeat(64))).is_none());
}

#[test]
fn its_parts_are_what_stands_around_the_at() {
    let email: Email = "Anna+x@Mail.X.example".parse().unwrap();

    assert_eq!((email.local_part(), email.domain()), ("anna+x", "mail.x.example"));
}

#[test]
fn a_provider_proves_nothing_with_an_address_it_does_not_vouch_for() {
    let email: Email = "anna@x.example".parse().unwrap();

    assert_eq!(VerifiedEmail::vouched(email.clone(), false), None);
    assert_eq!(VerifiedEmail::vouched(email.clone(), true).unwrap().address(), &email);
}

#[test]
fn an_address_that_was_stored_is_read_by_the_same_rules() {
    assert!(serde_json::from_str::<Email>(r#""a@x.example\n""#).is_err());
    assert!(serde_json::from_str::<Email>(r#"["a@x.example"]"#).is_err());
    assert_eq!(serde_json::from_str::<Email>(r#""A@X.example""#).unwrap().as_str(), "a@x.example");
}
