//! The pages, each with plain and with hostile contents, as a browser would get them.

mod looks;
mod parts;
mod samples;

use self::samples::{HOSTILE, Sample};
use crate::http::page::LoginPage;

fn count(html: &str, what: &str) -> usize {
    html.matches(what).count()
}

fn title(html: &str) -> &str {
    html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap()
}

/// Every start tag.
fn tags(html: &str) -> Vec<&str> {
    html.split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with(['/', '!']))
        .map(|tag| tag.split('>').next().unwrap())
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}

#[test]
fn every_page_has_one_heading_one_main_and_one_prominent_button() {
    for Sample { name, html } in samples::plain() {
        assert_eq!(count(&html, "<h1"), 1, "{name}");
        assert_eq!(count(&html, "<main"), 1, "{name}");
        let prominent = tags(&html)
            .into_iter()
            .filter(|tag| attribute(tag, "class").is_some_and(|class| class.split(' ').any(|word| word == "primary")))
            .count();
        let expected = usize::from(
            !["login-empty", "devices", "signup-sent", "forgot-sent", "activity", "activity-empty"].contains(&name),
        );
        assert_eq!(prominent, expected, "{name}");
    }
}

#[test]
fn no_two_pages_share_a_title_and_each_names_the_server() {
    let mut titles: Vec<_> = samples::faces().iter().map(|sample| title(&sample.html).to_owned()).collect();
    assert!(titles.iter().all(|title| title.ends_with(" – Example Club")), "{titles:?}");
    titles.sort();
    let all = titles.len();
    titles.dedup();
    assert_eq!(titles.len(), all, "{titles:?}");
}

#[test]
fn a_page_with_a_mistake_says_so_in_its_title() {
    for name in ["login-error", "code", "setup-errors", "error", "wrong-host"] {
        assert!(title(&samples::one(name)).starts_with("Error: "), "{name}");
    }
}

#[test]
fn no_page_has_script_or_style_of_its_own() {
    for Sample { name, html } in samples::plain().into_iter().chain(samples::hostile()) {
        for tag in tags(&html) {
            if tag == "script src=\"/assets/0/passkey.js\" defer" {
                continue;
            }
            let element = tag.split([' ', '\n', '/']).next().unwrap();
            assert!(!["script", "style", "iframe", "object", "embed", "base"].contains(&element), "{name}: {tag}");
            assert!(!has_own_code(tag), "{name}: {tag}");
            for target in ["href", "src", "action"].iter().filter_map(|name| attribute(tag, name)) {
                assert!(!target.to_lowercase().contains("script:"), "{name}: {tag}");
            }
        }
    }
}

/// Whether the tag has an attribute such as `onclick` or `style`.
fn has_own_code(tag: &str) -> bool {
    let outside: String = tag.split('"').step_by(2).collect();
    outside.split_whitespace().skip(1).any(|attribute| attribute.starts_with("on") || attribute == "style=")
}

#[test]
fn whatever_people_and_providers_write_is_shown_as_text() {
    for Sample { name, html } in samples::hostile() {
        for payload in HOSTILE {
            assert!(!html.contains(payload), "{name} has {payload} in it");
        }
        assert!(!html.contains(">49") || html.contains("'49"), "{name}: a template was run");
        let images = tags(&html).into_iter().filter(|tag| tag.starts_with("img")).count();
        assert_eq!(images, 0, "{name}");
    }
}

#[test]
fn every_hostile_text_reaches_the_page_it_was_planted_in() {
    for Sample { name, html } in samples::hostile() {
        let shown = html.contains("&#60;img") || html.contains("&lt;img");
        assert!(shown, "{name} shows nothing of what was planted");
    }
}

#[test]
fn ids_that_scripts_and_people_rely_on_are_there() {
    let expected: [(&str, &[&str]); 9] = [
        (
            "login",
            &[
                "idp-google",
                "idp-github",
                "idp-corp",
                "email",
                "password",
                "password-submit",
                "magic-link-email",
                "magic-link-submit",
            ],
        ),
        ("check-mail", &["code", "code-submit", "resend-submit", "wrong-address"]),
        ("magic-link", &["confirm"]),
        ("magic-link-elsewhere", &["confirm", "other-browser"]),
        ("code", &["code", "code-submit", "code-error"]),
        ("logout", &["logout-confirm", "logout-here", "logout-everywhere"]),
        ("account", &["logout"]),
        ("dev-people", &["dev-person-0", "dev-person-1", "dev-person-2"]),
        ("setup", &["email", "name", "password", "setup-submit"]),
    ];
    for (page, ids) in expected {
        let html = samples::one(page);
        for id in ids {
            assert_eq!(count(&html, &format!(" id=\"{id}\"")), 1, "{page} #{id}");
        }
    }
}

#[test]
fn no_id_stands_twice_on_a_page_and_every_reference_finds_its_target() {
    for Sample { name, html } in samples::plain() {
        let tags = tags(&html);
        let ids: Vec<_> = tags.iter().filter_map(|tag| attribute(tag, "id")).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{name}: #{id} twice");
        }
        for reference in ["for", "aria-describedby", "aria-labelledby"] {
            for target in tags.iter().filter_map(|tag| attribute(tag, reference)).flat_map(str::split_whitespace) {
                assert!(ids.contains(&target), "{name}: {reference} {target}");
            }
        }
    }
}

#[test]
fn every_visible_field_has_a_label_and_every_form_posts() {
    for Sample { name, html } in samples::plain() {
        for tag in tags(&html) {
            if tag.starts_with("form") {
                assert_eq!(attribute(tag, "method"), Some("post"), "{name}: {tag}");
            }
            // A username that only the browser's password store reads is there, and hidden.
            let is_shown = tag.starts_with("input") && !tag.ends_with(" hidden");
            if is_shown && !["hidden", "radio", "checkbox"].contains(&attribute(tag, "type").unwrap()) {
                let id = attribute(tag, "id").unwrap();
                assert!(html.contains(&format!("<label for=\"{id}\"")), "{name}: {id}");
            }
        }
    }
}

#[test]
fn every_form_sends_the_token_against_forgery() {
    for Sample { name, html } in samples::plain() {
        assert_eq!(count(&html, "<form"), count(&html, "name=\"csrf\" value=\"c5rf\""), "{name}");
    }
}

#[test]
fn opening_the_mailed_link_shows_whose_account_it_is_and_waits_for_a_click() {
    let html = samples::one("magic-link");

    assert!(html.contains("ada@example.org"));
    assert!(!html.contains("http-equiv") && !html.contains("autofocus"));
    assert!(html.contains("name=\"token\" value=\"sealed\""));
}

#[test]
fn a_link_bound_to_its_browser_has_no_button_elsewhere() {
    let html = samples::one("magic-link-bound");

    assert!(!html.contains("id=\"confirm\""));
    assert!(!html.contains("sealed"));
    assert!(html.contains("Firefox on Linux"));
}

#[test]
fn the_account_is_not_shown_in_a_browser_that_may_not_use_the_link() {
    assert!(!samples::one("magic-link-bound").contains("ada@example.org"));
}

#[test]
fn the_method_used_last_comes_first() {
    let html = samples::one("login");

    assert!(html.find("idp-github").unwrap() < html.find("idp-google").unwrap());
    assert_eq!(count(&html, "Last used"), 1);
}

#[test]
fn a_seventh_provider_is_folded_and_a_sixth_is_not() {
    let six = samples::login_with_providers(6).render_page();
    let seven = samples::login_with_providers(7).render_page();

    assert!(!six.contains("More options"));
    assert!(seven.find("More options").unwrap() < seven.find("idp-p6").unwrap());
    assert!(seven.find("More options").unwrap() > seven.find("idp-p5").unwrap());
}

trait RenderPage {
    fn render_page(&self) -> String;
}

impl RenderPage for LoginPage {
    fn render_page(&self) -> String {
        askama::Template::render(self).unwrap()
    }
}
