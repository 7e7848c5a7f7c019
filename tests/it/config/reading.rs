//! A file without mistakes, and the quantities in it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use time::Duration;

use super::{check, mistakes, text};
use crate::config::settings::MailTransport;
use crate::config::{Format, Input, Size, Span, World, parse};

#[test]
fn an_empty_file_is_a_development_server() {
    let parsed = text("");
    assert_eq!(mistakes(&parsed), Vec::<String>::new());
    assert!(parsed.settings.server.is_dev);
    assert!(matches!(parsed.settings.mail.transport, MailTransport::Sink));
}

#[test]
fn the_file_of_the_repository_has_no_mistake() {
    let file = include_str!("../../../providers.toml");
    assert_eq!(check(Input::text("providers.toml", file), &World::none()).render(Format::Human(false)), "");
    let parsed = text(file);
    assert!(parsed.settings.server.is_dev);
    assert_eq!(parsed.settings.services[0].id, "demo");
    assert_eq!(parsed.settings.providers[0].kind(), "dev");
}

/// The repository's file with every example taken out of its comment.
fn with_all_examples() -> String {
    let replaced = ["transport = \"sink\"", "# logo = ", "# include = "];
    include_str!("../../../providers.toml")
        .lines()
        .filter(|line| !replaced.iter().any(|start| line.starts_with(start)))
        .map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let key = bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            let line = if key || bare.starts_with('[') { bare } else { line };
            line.replace("{ file = ", "{ env = ") + "\n"
        })
        .collect()
}

/// What the examples name lies beside them.
fn beside(file: &Path) {
    let folder = file.parent().unwrap();
    let module = r#"(module (memory (export "memory") 1)
        (func (export "alloc") (param i32) (result i32) (i32.const 8))
        (func (export "authorize") (param i32 i32) (result i64) (i64.const 0)))"#;
    let schema = "entity User; entity Target;\naction read appliesTo { principal: User, resource: Target };";
    let files: [(&str, &[u8]); 5] = [
        ("policies/pages.json", br#"{ "version": 1, "targets": {}, "roles": {} }"#),
        ("policies/reports.cedarschema", schema.as_bytes()),
        ("policies/reports/read.cedar", b"permit (principal, action == Action::\"read\", resource);"),
        ("quota/quota.wasm", &wat::parse_str(module).unwrap()),
        ("plugins/grants.sh", b"#!/bin/sh\nexit 77\n"),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn the_examples_of_the_repository_have_no_mistake() {
    let env = |name: &str| match name {
        "WAREHOUSE_URL" => Some("sqlite:warehouse.db".to_owned()),
        "DATABASE_URL" => Some("postgres://ada:pw@localhost/countersign".to_owned()),
        "master.key" => Some("3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=".to_owned()),
        _ => Some("a secret that is long enough".to_owned()),
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    std::fs::write(&file, with_all_examples()).unwrap();
    beside(&file);
    let world = World { env: &env, overrides: Vec::new() };
    // `wiki` may use a provider that is an example too, and the dev provider stays beside them.
    assert_eq!(check(Input::file(&file), &world).render(Format::Human(false)), "");
    let parsed = parse(vec![Input::file(&file)], &world);
    let kinds: Vec<_> = parsed.settings.providers.iter().map(crate::config::Section::kind).collect();
    assert_eq!(kinds, ["dev", "google", "github", "oidc", "oauth2"]);
    assert_eq!((parsed.settings.services.len(), parsed.settings.extensions.len()), (2, 1));
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

#[test]
fn every_limit_may_be_reached_and_not_passed() {
    for (section, key, inside, outside) in [
        ("server", "request_timeout", ["\"1s\"", "\"10m\""], ["\"999ms\"", "\"601s\""]),
        ("server", "body_limit", ["\"1 KiB\"", "\"16 MiB\""], ["\"1023 B\"", "\"16385 KiB\""]),
        ("server", "drain_delay", ["\"0s\"", "\"60s\""], ["\"61s\"", "\"1d\""]),
        ("database", "max_connections", ["1", "500"], ["0", "501"]),
        ("database", "acquire_timeout", ["\"100ms\"", "\"60s\""], ["\"99ms\"", "\"60001ms\""]),
        ("keys", "publish_before", ["\"1h\"", "\"30d\""], ["\"59m\"", "\"31d\""]),
        ("keys", "rotation_interval", ["\"0s\"", "\"2y\""], ["\"731d\"", "\"3y\""]),
        ("mail", "port", ["1", "65535"], ["0", "65536"]),
        ("session", "idle_timeout", ["\"5m\"", "\"30d\""], ["\"299s\"", "\"91d\""]),
        ("session", "max_per_user", ["1", "1000"], ["0", "1001"]),
        ("login.password", "min_length", ["8", "128"], ["7", "129"]),
        ("login.password", "argon2_memory", ["\"8 MiB\"", "\"1 GiB\""], ["\"8191 KiB\"", "\"1025 MiB\""]),
        ("login.magic_link", "ttl", ["\"1m\"", "\"1h\""], ["\"59s\"", "\"61m\""]),
        ("login.magic_link", "code_length", ["0", "6"], ["5", "11"]),
        ("admin", "setup_link_ttl", ["\"5m\"", "\"24h\""], ["\"4m\"", "\"25h\""]),
        ("services.wiki", "access_token_ttl", ["\"1m\"", "\"24h\""], ["\"59s\"", "\"1441m\""]),
    ] {
        for (value, codes) in
            inside.iter().map(|value| (value, vec![])).chain(outside.iter().map(|v| (v, vec!["CS-C006"])))
        {
            let parsed = text(&format!("[{section}]\n{key} = {value}\n"));
            let found: Vec<_> = parsed.report.mistakes().iter().map(|mistake| mistake.code).collect();
            assert_eq!(found, codes, "{section}.{key} = {value}");
        }
    }
}

#[test]
fn what_is_left_out_follows_from_what_is_said() {
    let production = text("[server]\nissuer = \"https://auth.example.com:8443/sso\"\n").settings;
    assert!(!production.server.is_dev);
    assert_eq!(production.server.allowed_hosts, ["auth.example.com:8443"]);
    assert_eq!(production.theme.name, "auth.example.com");
    assert!(matches!(production.mail.transport, MailTransport::None) && !production.login.magic_link.enabled);
    assert_eq!(production.keys.retire_after, Duration::hours(36), "the login token lives for 12 hours");
    assert_eq!(production.database.url.reveal(), "sqlite:countersign-data/countersign.db");
    assert_eq!(production.roles, ["admin", "member"]);

    let longer = text("[session]\nlogin_token_ttl = \"30d\"\n").settings;
    assert_eq!(longer.keys.retire_after, Duration::days(31));
    let memory = text("[database]\nurl = \"sqlite::memory:\"\n").settings;
    assert_eq!(memory.database.url.reveal(), "sqlite::memory:");
    let forced = text("[server]\nissuer = \"https://localhost\"\nmode = \"production\"\n");
    assert_eq!((mistakes(&forced).len(), forced.settings.server.is_dev), (0, false));

    let env = |name: &str| (name == "STATE_DIRECTORY").then(|| "/var/lib/countersign:/other".to_owned());
    let parsed = parse(vec![Input::text("x", "")], &World { env: &env, overrides: Vec::new() });
    assert_eq!(parsed.settings.server.data_dir.to_str(), Some("/var/lib/countersign"));
}

#[test]
fn mail_goes_to_the_usual_port_of_its_security() {
    for (security, port) in [("tls", 465), ("starttls", 587), ("none", 25)] {
        let parsed = text(&format!(
            "[mail]\ntransport = \"smtp\"\nhost = \"127.0.0.1\"\nfrom = \"A <a@example.com>\"\nsecurity = \"{security}\"\n"
        ));
        assert_eq!(mistakes(&parsed), Vec::<String>::new());
        let MailTransport::Smtp(smtp) = parsed.settings.mail.transport else { panic!("it is smtp") };
        assert_eq!(smtp.port, port);
    }
}

#[test]
fn an_accent_too_light_for_white_text_is_made_darker() {
    let accent = |colour: &str| text(&format!("[theme]\naccent = \"{colour}\"\n")).settings.theme.accent;
    assert_eq!(accent("#2563EB"), "#2563eb");
    assert_eq!(accent("#000000"), "#000000");
    let dark = accent("#ffdd00");
    assert!(dark != "#ffdd00" && dark.starts_with('#') && dark.len() == 7, "{dark}");
}

#[test]
fn settings_are_never_printed_with_a_secret() {
    let parsed = text("[providers.corp]\nclient_secret = \"canary\"\n[secrets]\nmaster_key = \"canary\"\n");
    assert!(!format!("{:?} {:?}", parsed.settings, parsed.report).contains("canary"));
}

#[test]
fn a_provider_that_is_off_is_not_opened_but_may_be_named() {
    let parsed = text(
        "[providers.corp]\nenabled = false\n[services.wiki]\n\
         allowed_providers = [\"corp\", \"password\"]\n",
    );
    assert_eq!(mistakes(&parsed), Vec::<String>::new());
    assert!(parsed.settings.providers.is_empty());
}
