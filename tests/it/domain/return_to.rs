//! Where a sign-in may end: what a service registered, byte for byte, and nothing that two parsers read differently.

use crate::domain::return_to::{ReturnTo, pattern_mistake};

fn allowed(raw: &str, patterns: &[&str]) -> Option<ReturnTo> {
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    ReturnTo::allowed(raw, &patterns)
}

const WIDE: &[&str] = &["https://app.example/*"];
const EXACT: &[&str] = &["https://app.example/cb", "https://app.example/cb?x=1"];

#[test]
fn what_is_registered_is_allowed_and_stays_as_it_was_sent() {
    for raw in [
        "https://app.example/",
        "https://app.example/a?b=c&d",
        "https://app.example/a%20b?q=%ff#access_token=x",
        "https://app.example/?jwt=old",
        "https://app.example//evil.example",
        "https://app.example/redirect?u=https://evil.example",
        "https://app.example/a?up=../..",
    ] {
        assert_eq!(allowed(raw, WIDE).unwrap().as_str(), raw);
    }
    for raw in EXACT {
        assert_eq!(allowed(raw, EXACT).unwrap().as_str(), *raw);
    }
}

#[test]
fn variants_of_a_registered_address_are_other_addresses() {
    for raw in [
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://app.example/cb/../cb",
        "https://app.example/cb/%2e%2e/cb",
        "https://app.example/%63b",
        "//app.example/cb",
        "http://app.example/cb",
        "HTTPS://app.example/cb",
        "https://APP.example/cb",
        "https://app.example:443/cb",
        "https://app.example:8443/cb",
        "https://app.example./cb",
        "https://app.example.evil.example/cb",
        "https://evil.example/?https://app.example/cb",
        "https://app.example@evil.example/cb",
        "https://app.example%40evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/cb?a=b",
        "https://app.example/cb?x=1&a=b",
        "https://app.example/cb?",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        " https://app.example/cb",
        "https://app.example/cb ",
        "https://app.example/cb\t",
        "https://app.example/c\nb",
        "https://app.example/cb\r\n",
        "https://app.example/cb\0",
        "https://\u{ff41}pp.example/cb",
        "https://app\u{ad}.example/cb",
        "https://xn--pp-eka.example/cb",
        "javascript:alert(1)//https://app.example/cb",
        "https://app.example/",
        "https://app.example/c",
        "",
    ] {
        assert_eq!(allowed(raw, EXACT), None, "{raw:?}");
    }
}

#[test]
fn nothing_leads_away_from_a_registered_site() {
    let patterns = ["https://app.example/*", "https://app.example/safe/*", "http://localhost/*", "http://[::1]/cb"];
    for raw in [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "/%2f%2fevil.example",
        "/;@evil.example",
        "https:evil.example",
        "https:/app.example/",
        "https:///app.example/",
        "hTTps://app.example/",
        "http://app.example/",
        "https://app.example.evil.example/",
        "https://evil.example/app.example",
        "https://evil.example?https://app.example/",
        "https://evil.example#https://app.example/",
        "https://app.example@evil.example/",
        "https://app.example:pass@evil.example/",
        "https://app.example%40evil.example/",
        "https://app.example\\@evil.example/",
        "https://app.example/\\evil.example",
        "https://evil.example\\@app.example/",
        "https://app.example%2eevil.example/",
        "https://app.example%00.evil.example/",
        "https://app.example%23.evil.example/",
        "https://app.example\t.evil.example/",
        "https://app\u{3002}example/",
        "https://app.example\u{3002}evil.example/",
        "https://\u{ff41}pp.example/",
        "https://xn--app-.example/",
        "https://app.example./",
        "https://app.example:8443/",
        "https://app.example",
        "https://app.example?x",
        "https://[::ffff:127.0.0.1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://017700000001/",
        "http://127.1/cb",
        "http://localhost.evil.example/",
        "http://localhost:80@evil.example/",
        "http://localhost:@evil.example/",
        "http://localhost:80.evil.example/",
        "http://localhost:/",
        "http://localhost:99999/",
        "http://localhost:-1/",
        "http://localhost:1:2/",
        "https://localhost:1/cb",
        "http://[::1]:80@evil.example/cb",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java%0ascript:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "intent://app.example/#Intent;end",
        "https://app.exampl\u{e9}/",
        "\u{3035}evil.example",
        "",
        " ",
        ".",
        "?",
        "#",
        "%ff",
        "%",
    ] {
        assert_eq!(allowed(raw, &patterns), None, "{raw:?}");
        let encoded: String = url::form_urlencoded::byte_serialize(raw.as_bytes()).collect();
        assert_eq!(allowed(&encoded, &patterns), None, "{encoded:?}");
    }
}

#[test]
fn a_path_below_a_registered_one_does_not_climb_out_of_it() {
    for raw in [
        "https://app.example/safe/../admin",
        "https://app.example/safe/./../admin",
        "https://app.example/safe/%2e%2e/admin",
        "https://app.example/safe/%2E./admin",
        "https://app.example/safe/..%2fadmin",
        "https://app.example/safe/..%5cadmin",
        "https://app.example/safe/%252e%252e/admin",
        "https://app.example/safe/..%252fadmin",
        "https://app.example/safe/..;/admin",
        "https://app.example/safe/..;x=y/admin",
        "https://app.example/safe/..%3b/admin",
        "https://app.example/safe/..",
    ] {
        assert_eq!(allowed(raw, &["https://app.example/safe/*"]), None, "{raw}");
    }
    for raw in
        ["https://app.example/safe/a..b/...", "https://app.example/safe/a;v=1/b%20c", "https://app.example/safe/100%25"]
    {
        assert!(allowed(raw, &["https://app.example/safe/*"]).is_some(), "{raw}");
    }
}

#[test]
fn a_star_never_stands_for_a_host_even_if_somebody_registered_it() {
    for pattern in [
        "https://app.example*",
        "https://app.*",
        "https://*",
        "*",
        "http*",
        "http://localhost*",
        "https://app.example:*",
    ] {
        assert!(pattern_mistake(pattern, false).is_some(), "{pattern}");
        for raw in [
            "https://app.example.evil.example/",
            "https://app.example@evil.example/",
            "https://app.example:1@evil.example/",
            "https://app.evil.example/",
            "https://evil.example/",
            "http://localhost.evil.example/",
        ] {
            assert_eq!(allowed(raw, &[pattern]), None, "{pattern} {raw}");
        }
    }
}

#[test]
fn only_a_clear_pattern_may_be_registered() {
    for pattern in [
        "https://app.example/*",
        "https://app.example/cb?x=1",
        "https://app.example:8443/cb*",
        "http://localhost/*",
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
    ] {
        assert_eq!(pattern_mistake(pattern, true), None, "{pattern}");
    }
    for pattern in [
        "",
        "/cb",
        "app.example/cb",
        "https:/app.example/cb",
        "https://app.example",
        "https://app.example?x",
        "https://app.example#x",
        "https://app.example/#x",
        "https://app.example\\*",
        "https://app.example:443/",
        "https://APP.example/",
        "HTTPS://app.example/",
        "https://b\u{fc}cher.example/",
        "https://ada@app.example/",
        "https://ada:pw@app.example/",
        "https://app.example/*/x",
        "https://app.example/**",
        "https://*.example/",
        "http://app.example/cb",
        "http://127.1/cb",
        "ftp://app.example/",
        "javascript:alert(1)",
        "com.example.app:/cb",
    ] {
        assert!(pattern_mistake(pattern, true).is_some(), "{pattern:?}");
    }
    assert_eq!(pattern_mistake("http://app.example/cb", false), None);
}

#[test]
fn the_port_of_a_program_on_the_same_machine_is_free() {
    let patterns = ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cli/*"];
    for raw in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:49152/cb",
        "http://[::1]:49152/cb",
        "http://localhost:3000/cli/",
        "http://localhost:65535/cli/x?y#z",
    ] {
        assert_eq!(allowed(raw, &patterns).unwrap().as_str(), raw);
    }
    for raw in [
        "http://localhost:1/cb",
        "https://127.0.0.1:1/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.1/cb",
        "http://0x7f.1/cb",
        "http://127.0.0.1:1/other",
        "http://127.0.0.1:1/cb?x",
        "http://127.0.0.1:65536/cb",
        "http://localhost:3000/",
        "http://localhost:3000/cli",
    ] {
        assert_eq!(allowed(raw, &patterns), None, "{raw}");
    }
    let fixed = ["http://localhost:3000/cb"];
    assert!(allowed("http://localhost:3000/cb", &fixed).is_some());
    assert!(allowed("http://localhost:3001/cb", &fixed).is_none());
}

#[test]
fn an_address_has_a_longest() {
    let long = |length: usize| format!("https://app.example/{}", "a".repeat(length - 20));

    assert!(allowed(&long(2048), WIDE).is_some());
    assert!(allowed(&long(2049), WIDE).is_none());
}

#[test]
fn the_token_comes_last_and_the_rest_stays_byte_for_byte() {
    for (next, back) in [
        ("https://app.example/cb", "https://app.example/cb?jwt=T"),
        ("https://app.example/cb?", "https://app.example/cb?jwt=T"),
        ("https://app.example/cb#top", "https://app.example/cb?jwt=T#top"),
        ("https://app.example/cb#", "https://app.example/cb?jwt=T#"),
        ("https://app.example/cb?a=b", "https://app.example/cb?a=b&jwt=T"),
        ("https://app.example/cb?a&b=&c=%2b+d&a", "https://app.example/cb?a&b=&c=%2b+d&a&jwt=T"),
        ("https://app.example/cb?a=1&&b=2", "https://app.example/cb?a=1&&b=2&jwt=T"),
        ("https://app.example/cb?a=?#b?c", "https://app.example/cb?a=?&jwt=T#b?c"),
        ("https://app.example/cb?jwt=old", "https://app.example/cb?jwt=T"),
        ("https://app.example/cb?jwt", "https://app.example/cb?jwt=T"),
        ("https://app.example/cb?a=1&jwt=old&b=2&jwt=older#x", "https://app.example/cb?a=1&b=2&jwt=T#x"),
        ("https://app.example/cb?%6Awt=old&jwt%5b%5d=x", "https://app.example/cb?jwt%5b%5d=x&jwt=T"),
        ("https://app.example/cb?JWT=other", "https://app.example/cb?JWT=other&jwt=T"),
        ("https://app.example/cb#jwt=old", "https://app.example/cb?jwt=T#jwt=old"),
    ] {
        assert_eq!(allowed(next, WIDE).unwrap().with_query("jwt", "T"), back, "{next}");
    }
}

#[test]
fn a_code_replaces_an_old_code_and_an_old_token() {
    let next = allowed("https://app.example/cb?code=old&a=1&jwt=old", WIDE).unwrap();

    assert_eq!(next.with_query("code", "C"), "https://app.example/cb?a=1&code=C");
}

#[test]
fn a_fragment_is_ours_alone() {
    let with = |next| allowed(next, WIDE).unwrap().with_fragment("jwt", "T");

    assert_eq!(with("https://app.example/cb"), "https://app.example/cb#jwt=T");
    assert_eq!(with("https://app.example/cb?a=b#old"), "https://app.example/cb?a=b#jwt=T");
}
