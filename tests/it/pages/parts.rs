//! What pages are made of: headers, links, times, letters.

use axum::http::{StatusCode, header};

use super::samples;
use crate::http::page::{Href, Moment, OpenMail, Page, prose};

#[test]
fn every_page_carries_the_headers_that_keep_it_to_itself() {
    let response = samples::login_with_providers(1).answer(StatusCode::OK);

    let expected = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
             base-uri 'none'; object-src 'none'",
        ),
    ];
    for (name, value) in expected {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    assert!(response.headers().contains_key("permissions-policy"));
}

#[test]
fn a_form_may_lead_to_the_origins_it_is_told_and_no_further() {
    let urls = [
        "https://wiki.example.com/callback?x=1",
        "https://wiki.example.com/other",
        "http://localhost:7000/",
        "javascript:alert(1)",
        "not a url; script-src *",
        "https://a.example;script-src%20*/",
    ];

    let response = samples::login_with_providers(1).answer_leading_to(StatusCode::OK, &urls);

    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://wiki.example.com http://localhost:7000; "), "{policy}");
    assert!(!policy.contains("script-src"), "{policy}");
}

#[test]
fn links_lead_to_paths_of_ours_or_to_the_web() {
    for kept in ["/login?next=a", "https://example.org/x", "HTTP://example.org", "mailto:help@example.org"] {
        assert_eq!(Href::from(kept).to_string(), kept);
    }
    for refused in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/\\evil.example",
        "",
        "x",
        "/a\nb",
        " https://x",
        "é",
    ] {
        assert_eq!(Href::from(refused).to_string(), "/", "{refused}");
    }
}

#[test]
fn what_stands_between_backticks_is_code_and_nothing_is_markup() {
    for (text, html) in [
        ("", ""),
        ("plain", "plain"),
        ("`a:b` is denied", "<code>a:b</code> is denied"),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("one ` alone", "one ` alone"),
        ("`a` and ` alone", "<code>a</code> and ` alone"),
        ("<i>`<script>`</i> & \"'", "&#60;i&#62;<code>&#60;script&#62;</code>&#60;/i&#62; &#38; &#34;&#39;"),
        ("`</code><b>`", "<code>&#60;/code&#62;&#60;b&#62;</code>"),
    ] {
        assert_eq!(prose(text), html);
    }
}

#[test]
fn ages_are_told_in_words_and_old_ones_by_date() {
    let now = time::macros::datetime!(2020-03-01 12:00:00 UTC);
    let ago = |seconds: i64| Moment::from(now - time::Duration::seconds(seconds)).ago(&Moment::from(now));

    assert_eq!(ago(-5), "just now");
    assert_eq!(ago(59), "just now");
    assert_eq!(ago(60), "1 minute ago");
    assert_eq!(ago(3599), "59 minutes ago");
    assert_eq!(ago(3600), "1 hour ago");
    assert_eq!(ago(86_399), "23 hours ago");
    assert_eq!(ago(86_400), "1 day ago");
    assert_eq!(ago(30 * 86_400), "30 days ago");
    assert_eq!(ago(30 * 86_400 + 1), "on 31 January 2020");
}

#[test]
fn times_are_shown_in_utc_wherever_they_come_from() {
    let at = Moment::from(time::macros::datetime!(2020-01-01 14:03:30 +02:00));

    assert_eq!(at.iso(), "2020-01-01T12:03:30Z");
    assert_eq!(at.time(), "12:03:30 UTC");
    assert_eq!(at.full(), "1 January 2020, 12:03:30 UTC");
}

#[test]
fn links_in_a_letter_can_be_clicked_and_nothing_else_can() {
    let mail = |text: &str| OpenMail {
        to: String::new(),
        subject: String::new(),
        at: None,
        text: text.into(),
        html: String::new(),
    };

    let letter = mail("see http://a.example/x?y=1\nand <https://b.example> httpx://c");
    assert_eq!(
        letter.pieces(),
        [
            (false, "see "),
            (true, "http://a.example/x?y=1"),
            (false, "\nand <"),
            (true, "https://b.example"),
            (false, "> httpx://c")
        ]
    );
    assert_eq!(mail("").pieces(), [(false, "")]);
}
