//! The file.

use crate::config::{Input, World, parse};

#[test]
fn an_empty_file_is_a_development_server() {
    let parsed = parse(vec![Input::text("providers.toml", "")], &World::none());
    assert_eq!(parsed.report.mistakes(), []);
    assert!(parsed.settings.server.is_dev);
}

#[test]
fn the_file_of_the_repository_has_no_mistake() {
    let text = include_str!("../../providers.toml");
    let parsed = parse(vec![Input::text("providers.toml", text)], &World::none());
    assert_eq!(parsed.report.render(crate::config::Format::Human(false)), "");
    assert!(parsed.settings.server.is_dev);
    assert_eq!(parsed.settings.services[0].id, "demo");
    assert_eq!(parsed.settings.providers[0].kind(), "dev");
}
