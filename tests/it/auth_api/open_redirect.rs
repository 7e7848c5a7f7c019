//! Addresses that look like ours, against everything that sends people away.

use url::{Url, form_urlencoded};

use crate::domain::return_to::ReturnTo;
use crate::it::stage::Stage;

/// Numbers as in the list of open redirects; the allowed origin is `https://wiki.example`, any path.
const HOSTILE: &[(u8, &str)] = &[
    (1, "//evil.example"),
    (2, "///evil.example"),
    (3, "////evil.example"),
    (4, "/\\evil.example"),
    (5, "\\\\evil.example"),
    (6, "/\\/evil.example"),
    (7, "/\t/evil.example"),
    (7, "/%09/evil.example"),
    (8, "/\n/evil.example"),
    (8, "/%0a/evil.example"),
    (9, "/\r\nLocation: https://evil.example"),
    (9, "/%0d%0aLocation:%20https://evil.example"),
    (10, "/%2f%2fevil.example"),
    (11, "/%5cevil.example"),
    (12, "/.//evil.example"),
    (13, "/..//evil.example"),
    (14, "/;@evil.example"),
    (15, "https:evil.example"),
    (15, "https:wiki.example/"),
    (16, "https:/evil.example"),
    (16, "https:/wiki.example/"),
    (17, "https:///evil.example"),
    (17, "https:///wiki.example/"),
    (18, "hTTps://evil.example"),
    (18, "hTTps://wiki.example/"),
    (19, "http://wiki.example/"),
    (20, "https://wiki.example.evil.example/"),
    (20, "https://wiki.example.evil.example"),
    (21, "https://evil.example/wiki.example"),
    (21, "https://evil.example/https://wiki.example/"),
    (22, "https://evil.example?https://wiki.example/"),
    (23, "https://evil.example#https://wiki.example/"),
    (24, "https://wiki.example@evil.example/"),
    (25, "https://wiki.example:pass@evil.example/"),
    (25, "https://user:pass@wiki.example/"),
    (26, "https://wiki.example%40evil.example/"),
    (27, "https://wiki.example\\@evil.example/"),
    (27, "https://wiki.example/\\@evil.example/"),
    (28, "https://evil.example\\@wiki.example/"),
    (29, "https://wiki.example%2eevil.example/"),
    (30, "https://wiki.example%00.evil.example/"),
    (31, "https://wiki.example%23.evil.example/"),
    (32, "https://wiki.example\t.evil.example/"),
    (32, "https://wiki\t.example/"),
    (33, "https://wiki\u{3002}example/"),
    (33, "https://wiki.example\u{3002}evil.example/"),
    (34, "https://\u{ff57}iki.example/"),
    (35, "https://xn--wiki-.example/"),
    (35, "https://xn--.example/"),
    (36, "https://wiki.example./"),
    (37, "https://wiki.example:8443/"),
    (37, "https://wiki.example:443/"),
    (38, "https://[::ffff:127.0.0.1]/"),
    (38, "http://0x7f.1/"),
    (38, "http://2130706433/"),
    (38, "http://017700000001/"),
    (38, "http://127.0.0.1.evil.example/"),
    (38, "http://127.0.0.1:80@evil.example/"),
    (38, "http://127.1/"),
    (39, "javascript:alert(1)"),
    (39, "JaVaScRiPt:alert(1)"),
    (39, "java\nscript:alert(1)"),
    (39, " javascript:alert(1)"),
    (39, "javascript://wiki.example/%0aalert(1)"),
    (40, "data:text/html;base64,PHNjcmlwdD4="),
    (41, "vbscript:x"),
    (41, "file:///etc/passwd"),
    (41, "blob:https://wiki.example/1"),
    (41, "intent://wiki.example/#Intent;end"),
    (42, "https://shop.example/redirect?u=https://evil.example"),
    (42, "https://shop.example/back?u=https://evil.example"),
    (42, "https://shop.example/back/"),
    (43, "https://wiki.example/../../evil"),
    (43, "https://wiki.example/a/../b"),
    (43, "https://wiki.example/%2e%2e/evil"),
    (43, "https://wiki.example/%2E./evil"),
    (43, "https://wiki.example/..%2fevil"),
    (43, "https://wiki.example/..%5cevil"),
    (44, "https://wiki.exampl\u{e9}/"),
    (45, "\u{3035}evil.example"),
    (45, "//evil\u{3002}example"),
    (46, " "),
    (46, "."),
    (46, "?"),
    (46, "#"),
    (46, "%"),
    (46, "%ff"),
    (46, "https://wiki.example"),
    (46, "https://wiki.example/ "),
    (46, " https://wiki.example/"),
    (46, "https://wiki.example/\u{0}"),
    (46, "https://wiki.example/\u{7f}"),
    (46, "https://wiki.example/<script>"),
    (46, "https://wiki.example/\"x"),
    (48, "https://evil.example/?jwt=theirs#access_token=theirs"),
];

fn once(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn patterns() -> Vec<String> {
    ["https://wiki.example/*", "https://shop.example/back", "http://127.0.0.1/*"].map(str::to_owned).into()
}

#[test]
fn no_hostile_address_passes_and_what_passes_means_the_same_to_every_parser() {
    for (number, raw) in HOSTILE {
        for text in [(*raw).to_owned(), once(raw), once(&once(raw))] {
            assert_eq!(ReturnTo::allowed(&text, &patterns()), None, "OR-{number:02}: {text:?}");
        }
    }
    for raw in [
        "https://wiki.example/",
        "https://wiki.example/redirect?u=https://evil.example",
        "https://wiki.example/@evil.example",
        "https://wiki.example//evil.example",
        "https://wiki.example/?@evil.example#@evil.example",
        "http://127.0.0.1:9/x",
        "https://shop.example/back",
    ] {
        let passed = ReturnTo::allowed(raw, &patterns()).unwrap_or_else(|| panic!("{raw}"));
        for led in [passed.with_query("jwt", "t"), passed.with_fragment("jwt", "t")] {
            let (url, uri) =
                (Url::parse(&led).unwrap(), led.split('#').next().unwrap().parse::<axum::http::Uri>().unwrap());
            assert_eq!(url.host_str(), uri.host(), "{led}");
            assert!(["wiki.example", "shop.example", "127.0.0.1"].contains(&url.host_str().unwrap()));
            assert_eq!(led.matches("jwt=").count(), 1);
        }
    }
}

#[test]
fn the_longest_next_has_two_kibibytes() {
    let of = |length: usize| format!("https://wiki.example/{}", "a".repeat(length - 21));
    assert!(ReturnTo::allowed(&of(2048), &patterns()).is_some());
    assert!(ReturnTo::allowed(&of(2049), &patterns()).is_none());
}

#[tokio::test]
async fn nothing_that_starts_a_login_accepts_a_hostile_next() {
    let stage = Stage::open().await;
    let long = format!("https://wiki.example/{}", "a".repeat(60_000));
    let all = HOSTILE.iter().copied().chain([(46, long.as_str())]);

    for (number, raw) in all {
        for text in [raw.to_owned(), once(raw)] {
            for path in ["/auth/check", "/login", "/login/sso"] {
                let asked = format!("{path}?next={}", once(&text));
                let Ok(_) = asked.parse::<axum::http::Uri>() else { continue };
                let reply = stage.get(&asked).await;
                assert_eq!(reply.status, 400, "OR-{number:02} {path} {text:?}: {}", reply.body);
                let known = ["next-not-allowed", "bad-request"].contains(&reply.problem().as_str());
                assert!(known || path != "/auth/check", "OR-{number:02}: {}", reply.body);
                assert_eq!(reply.location(), "");
                assert!(!reply.body.contains("evil.example"), "{}", reply.body);
            }
        }
    }
    for query in [
        "next=%ff",
        "next=%",
        "next=/%2f%2fevil.example",
        "next[]=https://evil.example",
        "next=https://wiki.example/&next=https://evil.example",
    ] {
        for path in ["/auth/check", "/login", "/login/sso"] {
            let reply = stage.get(&format!("{path}?{query}")).await;
            let ignored = query.starts_with("next[]");
            assert_eq!(reply.status == 400, !ignored, "OR-46/47 {path}?{query}: {}", reply.status);
            assert!(!reply.location().contains("evil"));
        }
    }
}

#[tokio::test]
async fn a_next_in_a_form_is_judged_like_one_in_the_query() {
    let stage = Stage::open().await;
    let mut ada = stage.browser();
    ada.open("/login").await;
    let csrf = ada.fields("#password-submit").into_iter().find(|(name, _)| name == "csrf").unwrap().1;

    for path in ["/login/password", "/login/check-mail"] {
        for next in ["//evil.example", "https://evil.example/", "https://wiki.example.evil.example/"] {
            let fields = [("csrf", csrf.as_str()), ("email", "a@example.org"), ("password", "x"), ("next", next)];
            ada.post(path, &fields).await;
            assert_eq!(ada.status(), 400, "{path} {next}");
            assert!(!ada.last.location().contains("evil"));
        }
    }
}
