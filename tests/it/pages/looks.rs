//! What the pages are dressed in, and the letters.

use super::samples;
use crate::config::settings::{Theme, ThemeMode};
use crate::http::assets::Assets;
use crate::http::assets::palette::{Colour, Palette};

fn theme(accent: &str, logo: Option<(&str, &[u8])>) -> Theme {
    Theme {
        name: "Example Club".into(),
        logo: logo.map(|(kind, bytes)| (kind.into(), bytes.into())),
        accent: accent.into(),
        mode: ThemeMode::Auto,
    }
}

fn colour(hex: &str) -> Colour {
    Colour::parse(hex).unwrap()
}

#[test]
fn contrast_is_what_the_guidelines_say_it_is() {
    let close = |a: &str, b: &str, expected: f64| (colour(a).contrast(colour(b)) - expected).abs() < 0.01;

    assert!(close("#000000", "#ffffff", 21.0));
    assert!(close("#ffffff", "#ffffff", 1.0));
    assert!(close("#777777", "#ffffff", 4.48));
    assert!(close("#ffffff", "#767676", 4.54));
}

#[test]
fn any_accent_gives_readable_text_in_both_themes() {
    let steps = ["00", "33", "66", "99", "cc", "ff"];
    let accents = steps.map(|r| steps.map(|g| steps.map(|b| format!("#{r}{g}{b}"))));
    for accent in accents.as_flattened().as_flattened() {
        let Palette { light, dark } = Palette::of(accent);
        for (shades, grounds) in [(light, ["#ffffff", "#f4f5f7"]), (dark, ["#1c2027", "#13161b"])] {
            assert!(shades.fill.contrast(shades.on_fill) >= 4.5, "{accent}: {shades:?}");
            assert!(shades.fill_hover.contrast(shades.on_fill) >= 4.5, "{accent}: {shades:?}");
            for ground in grounds {
                assert!(shades.link.contrast(colour(ground)) >= 4.5, "{accent} on {ground}: {shades:?}");
                assert!(shades.fill.contrast(colour(ground)) >= 3.0, "{accent} on {ground}: {shades:?}");
            }
        }
    }
}

#[test]
fn a_good_accent_is_left_as_it_is() {
    assert_eq!(Palette::of("#3b4fd8").light.fill, colour("#3b4fd8"));
}

#[test]
fn only_six_digits_are_a_colour() {
    for wrong in ["", "#", "3b4fd8", "#3b4fd", "#3b4fd8a", "#3b4fdg", "#é1234", "#+1+1+1"] {
        assert_eq!(Colour::parse(wrong), None, "{wrong}");
    }
}

/// Contrast of the stylesheet's own pairs; the numbers stand in the file, so they are read from there.
#[test]
fn every_text_of_the_stylesheet_can_be_read_on_its_ground() {
    let css = include_str!("../../../templates/assets/countersign.css");
    let value = |name: &str| {
        let line = css.lines().find(|line| line.trim_start().starts_with(&format!("--{name}:"))).unwrap();
        let pair = line.split("light-dark(").nth(1).unwrap().split(')').next().unwrap();
        let (light, dark) = pair.split_once(", ").unwrap();
        [colour(light), colour(dark)]
    };
    let texts = [
        ("text", "card"),
        ("text", "ground"),
        ("soft", "card"),
        ("soft", "ground"),
        ("soft", "sunken"),
        ("text", "hover"),
        ("soft", "hover"),
        ("bad", "card"),
        ("bad", "bad-ground"),
        ("good", "good-ground"),
        ("info", "info-ground"),
        ("text", "bad-ground"),
        ("text", "good-ground"),
        ("text", "info-ground"),
        ("on-fill", "fill"),
        ("on-fill", "fill-hover"),
        ("link", "card"),
        ("link", "ground"),
    ];
    for (text, ground) in texts {
        for (text_at, ground_at) in value(text).into_iter().zip(value(ground)) {
            assert!(text_at.contrast(ground_at) >= 4.5, "{text} on {ground}: {}", text_at.contrast(ground_at));
        }
    }
    for (edge, ground) in value("edge").into_iter().zip(value("card")) {
        assert!(edge.contrast(ground) >= 3.0, "edge: {}", edge.contrast(ground));
    }
}

#[test]
fn the_stylesheet_asks_nobody_else_for_anything() {
    let css = include_str!("../../../templates/assets/countersign.css");

    assert!(!css.contains("url(") && !css.contains("@import") && !css.contains("http"));
    assert!(css.len() < 24 * 1024);
}

#[test]
fn an_asset_may_be_kept_under_its_own_hash_only() {
    let look = theme("#3b4fd8", None);
    let assets = Assets::new(&look);
    let shell = samples::shell_of(&assets, &look);
    let hash = shell.style.split('/').nth(3).unwrap();

    let exact = assets.answer(hash, "countersign.css").unwrap();
    let old = assets.answer("0000000000000000", "countersign.css").unwrap();

    assert_eq!(shell.style, format!("/base/assets/{hash}/countersign.css"));
    assert_eq!(exact.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(exact.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(old.headers()["cache-control"], "no-cache");
    assert!(assets.answer(hash, "nothing.css").is_none());
    assert!(assets.answer(hash, "logo").is_none());
}

#[test]
fn another_accent_is_another_path_and_the_common_stylesheet_stays() {
    let (blue, red) = (theme("#0000ff", None), theme("#ff0000", None));
    let (of_blue, of_red) =
        (samples::shell_of(&Assets::new(&blue), &blue), samples::shell_of(&Assets::new(&red), &red));

    assert_ne!(of_blue.theme_style, of_red.theme_style);
    assert_eq!(of_blue.style, of_red.style);
}

#[test]
fn a_logo_is_served_as_what_it_is_and_can_run_nothing() {
    let look = theme("#3b4fd8", Some(("image/svg+xml", b"<svg/>")));
    let assets = Assets::new(&look);

    let logo = assets.answer("x", "logo").unwrap();

    assert_eq!(logo.headers()["content-type"], "image/svg+xml");
    assert!(logo.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(samples::shell_of(&assets, &look).logo.is_some());
}

#[test]
fn the_letter_is_complete_without_its_html() {
    let mail = samples::letter().to("ada@example.org".parse().unwrap());

    insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text));
}

#[test]
fn a_letter_shows_names_as_text_and_its_subject_in_one_line() {
    let evil = crate::mail::letter::MagicLinkLetter {
        service: Some("<b>W</b>\r\nBcc: eve@example.org".into()),
        asked_on: "<script>".into(),
        footer: "<i>".into(),
        ..samples::letter()
    };

    let mail = evil.to("ada@example.org".parse().unwrap());

    assert!(!mail.subject.contains(['\r', '\n']));
    for tag in ["<b>", "<script>", "<i>"] {
        assert!(!mail.html.contains(tag), "{tag}");
    }
    assert!(mail.html.contains(&samples::letter().link));
    assert!(mail.html.contains("123456") && mail.text.contains("123456"));
}

#[test]
fn a_letter_without_a_code_speaks_of_none() {
    let mail = crate::mail::letter::MagicLinkLetter { code: None, service: None, ..samples::letter() }
        .to("ada@example.org".parse().unwrap());

    assert_eq!(mail.subject, "Sign in to Example Club");
    assert!(!mail.text.contains("code") && !mail.html.contains("code"));
}

/// Writes every page with its stylesheets into the folder named by `COUNTERSIGN_PAGES`, to be looked at.
#[test]
#[ignore = "writes files to be looked at; needs COUNTERSIGN_PAGES"]
fn pages_to_look_at() {
    let folder =
        std::path::PathBuf::from(std::env::var_os("COUNTERSIGN_PAGES").expect("COUNTERSIGN_PAGES names a folder"));
    std::fs::create_dir_all(&folder).unwrap();
    let accent =
        std::env::var_os("COUNTERSIGN_ACCENT").map_or("#3b4fd8".into(), |accent| accent.into_string().unwrap());
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    for sample in samples::plain() {
        write(&format!("{}.html", sample.name), &sample.html);
    }
    write("mail.html", &samples::letter().to("ada@example.org".parse().unwrap()).html);
    write("theme.css", &Palette::of(&accent).stylesheet());
    write("countersign.css", include_str!("../../../templates/assets/countersign.css"));
    write("favicon.svg", include_str!("../../../templates/assets/favicon.svg"));
}
