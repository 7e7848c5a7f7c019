//! A file without mistakes, and the quantities in it.

use time::Duration;

use super::{mistakes, text};
use crate::config::settings::MailTransport;
use crate::config::{Format, Size, Span};

#[test]
fn an_empty_file_is_a_development_server() {
    let parsed = text("");
    assert_eq!(mistakes(&parsed), Vec::<String>::new());
    assert!(parsed.settings.server.is_dev);
    assert!(matches!(parsed.settings.mail.transport, MailTransport::Sink));
}

#[test]
fn the_file_of_the_repository_has_no_mistake() {
    let parsed = text(include_str!("../../../providers.toml"));
    assert_eq!(parsed.report.render(Format::Human(false)), "");
    assert!(parsed.settings.server.is_dev);
    assert_eq!(parsed.settings.services[0].id, "demo");
    assert_eq!(parsed.settings.providers[0].kind(), "dev");
}

#[test]
fn times_and_sizes_are_read_with_every_unit_and_written_the_same() {
    for (text, milliseconds) in [
        ("100ms", 100),
        ("0s", 0),
        ("90s", 90_000),
        ("15m", 900_000),
        ("12h", 43_200_000),
        ("30d", 2_592_000_000),
        ("1y", 31_536_000_000),
    ] {
        assert_eq!(Span::parse(text).unwrap().0, Duration::milliseconds(milliseconds));
        assert_eq!(Span::parse(&Span::parse(text).unwrap().to_string()), Span::parse(text));
    }
    for text in ["", "5", "s", "-5s", "1.5m", "5 minutes", "5M", "99999999999999y", "5  m"] {
        assert!(Span::parse(text).is_err(), "{text}");
    }
    assert_eq!(Size::parse("64 KiB").unwrap(), Size(65_536));
    assert_eq!(Size::parse("2MiB").unwrap().to_string(), "2 MiB");
    for text in ["64", "64 KB", "64 kib", "-1 B", "99999999999 GiB"] {
        assert!(Size::parse(text).is_err(), "{text}");
    }
}
