//! What comes from outside the file: the environment, secret files, included files.

use std::fs;

use super::mistakes;
use crate::config::{Format, Input, Parsed, World, parse};

fn with_env(text: &str, overrides: &[(&str, &str)], env: &[(&str, &str)]) -> Parsed {
    let overrides = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let env = |name: &str| env.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned());
    parse(vec![Input::text("providers.toml", text)], &World { env: &env, overrides })
}

#[test]
fn a_variable_of_the_environment_overrides_any_single_value() {
    let parsed = with_env(
        "[session]\nmax_per_user = 5\n",
        &[
            ("COUNTERSIGN__SESSION__MAX_PER_USER", "7"),
            ("COUNTERSIGN__SERVER__HSTS", "false"),
            ("COUNTERSIGN__SERVER__ISSUER", "http://localhost:9000"),
            ("COUNTERSIGN__LOGIN__MAGIC_LINK__TTL", "5m"),
            ("COUNTERSIGN__SERVICES__TEAM_WIKI__NAME", "1234"),
            ("COUNTERSIGN__PROVIDERS__GITHUB__CLIENT_ID", "42"),
            ("COUNTERSIGN__VERSION", "1"),
            ("COUNTERSIGN_CONFIG", "is not a key"),
        ],
        &[],
    );
    assert_eq!(mistakes(&parsed), Vec::<String>::new());
    let settings = parsed.settings;
    assert_eq!(settings.session.max_per_user, 7);
    assert!(!settings.server.hsts);
    assert_eq!(settings.server.issuer.as_str(), "http://localhost:9000/");
    assert_eq!(settings.login.magic_link.ttl, time::Duration::minutes(5));
    assert_eq!((settings.services[0].id.as_str(), settings.services[0].name.as_str()), ("team-wiki", "1234"));
    assert_eq!(settings.providers[0].kind(), "github");
}

#[test]
fn a_secret_comes_from_the_environment_a_file_or_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    fs::write(folder.path().join("one"), "from the file\r\n").unwrap();
    fs::write(folder.path().join("two"), "from systemd\n").unwrap();
    let text = "[database]\nurl = { env = \"DB\" }\n[mail]\ntransport = \"smtp\"\nhost = \"localhost\"\n\
                from = \"a@example.com\"\nusername = \"ada\"\npassword = { file = \"one\" }\n\
                [services.wiki]\nclient_secret = { credential = \"two\" }\n";
    fs::write(&file, text).unwrap();
    let credentials = folder.path().display().to_string();
    let env = |name: &str| match name {
        "DB" => Some("postgres://ada@db/countersign".to_owned()),
        "CREDENTIALS_DIRECTORY" => Some(credentials.clone()),
        _ => None,
    };
    let parsed = parse(vec![Input::file(&file)], &World { env: &env, overrides: Vec::new() });
    assert_eq!(mistakes(&parsed), Vec::<String>::new());
    assert_eq!(parsed.settings.database.url.reveal(), "postgres://ada@db/countersign");
    let crate::config::settings::MailTransport::Smtp(smtp) = parsed.settings.mail.transport else { panic!() };
    assert_eq!(smtp.password.unwrap().reveal(), "from the file");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"from systemd");
    assert_eq!(parsed.settings.services[0].client_secret_hash.unwrap(), hash.as_ref());
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_everybody_can_read_is_warned_of_in_production_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef").unwrap();
    for (issuer, mode, warnings) in [
        ("https://auth.example.com", 0o644, 1),
        ("https://auth.example.com", 0o640, 0),
        ("http://localhost:8383", 0o644, 0),
    ] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let text =
            format!("[server]\nissuer = \"{issuer}\"\n[services.wiki]\nclient_secret = {{ file = \"secret\" }}\n");
        let file = folder.path().join("providers.toml");
        fs::write(&file, text).unwrap();
        let report = parse(vec![Input::file(&file)], &World::none()).report;
        assert_eq!((report.mistakes().len(), report.warnings().len()), (0, warnings), "{issuer} {mode:o}");
    }
}

#[test]
fn included_files_add_to_the_families_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("more")).unwrap();
    fs::write(folder.path().join("more/b.toml"), "[services.second]\n[theme]\nname = \"Two\"\n").unwrap();
    fs::write(folder.path().join("more/a.toml"), "[services.first]\nclient_secret = { file = \"beside\" }\n").unwrap();
    fs::write(folder.path().join("more/beside"), "text").unwrap();
    fs::write(folder.path().join("more/c.txt"), "not = toml = at all").unwrap();
    let file = folder.path().join("providers.toml");
    fs::write(&file, "include = [\"more/*.toml\"]\n[services.main]\n").unwrap();
    let parsed = parse(vec![Input::file(&file)], &World::none());
    assert_eq!(mistakes(&parsed), Vec::<String>::new());
    let ids: Vec<_> = parsed.settings.services.iter().map(|service| service.id.as_str()).collect();
    assert_eq!(ids, ["main", "first", "second"]);
    assert_eq!(parsed.settings.theme.name, "Two");
}

#[test]
fn a_missing_or_unreadable_file_is_a_mistake_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let parsed = parse(vec![Input::file(&folder.path().join("none.toml"))], &World::none());
    assert_eq!(mistakes(&parsed), ["CS-C014 this file does not exist"]);
    let bytes = folder.path().join("bytes.toml");
    fs::write(&bytes, [0xff, 0xfe]).unwrap();
    let parsed = parse(vec![Input::file(&bytes)], &World::none());
    assert_eq!(mistakes(&parsed), ["CS-C014 this file is not UTF-8 text"]);
}

#[test]
fn no_report_ever_shows_a_secret() {
    let text = "[server]\nissuer = \"https://auth.example.com\"\n[secrets]\nmaster_key = \"canary-1\"\n\
                [database]\nurl = \"mysql://ada:canary-2@db/x\"\n\
                [services.wiki]\nclient_secret = \"canary-3\"\n[services.demo]\nclient_secret = { text = \"canary-4\" }\n\
                [mail]\ntransport = \"smtp\"\npassword = \"canary-5\"\n[services]\ntool = { client_secert = \"canary-7\" }\n[theme]\ncolour = \"canary-8\"\n";
    let overrides = [("COUNTERSIGN__SERVICES__TOOL__CLIENT_SECRET", "canary-6")];
    let report = with_env(text, &overrides, &[]).report;
    for format in [Format::Human(true), Format::Human(false), Format::Json, Format::Github] {
        let shown = report.render(format);
        assert!(shown.contains("CS-C031") && !shown.contains("canary"), "{shown}");
    }
}

#[test]
fn a_limit_is_kept_by_what_the_environment_says_too() {
    let parsed = with_env(
        "",
        &[("COUNTERSIGN__SESSION__MAX_PER_USER", "1001"), ("COUNTERSIGN__SESSION__IDLE_TIMEOUT", "4m")],
        &[],
    );
    let places: Vec<_> = parsed.report.mistakes().iter().map(|mistake| parsed.report.place(mistake)).collect();
    assert_eq!(places, ["environment:1:1", "environment:2:1"]);
    assert!(mistakes(&parsed).iter().all(|text| text.starts_with("CS-C006")));
}

#[test]
fn where_something_is_written_is_said_from_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("more")).unwrap();
    let section = |id: &str| format!("[permissions.{id}]\nkind = \"static\"\n");
    let (file, other) = (folder.path().join("providers.toml"), elsewhere.path().join("other.toml"));
    fs::write(&file, format!("include = [\"more/*.toml\"]\n{}", section("main"))).unwrap();
    fs::write(folder.path().join("more/wiki.toml"), section("wiki")).unwrap();
    fs::write(&other, section("other")).unwrap();

    let parsed = parse(vec![Input::file(&file), Input::file(&other)], &World::none());

    let at: Vec<_> = parsed.settings.permissions.iter().map(|section| section.written_at(&[], None)).collect();
    assert_eq!(at, ["providers.toml:2", "more/wiki.toml:1", &format!("{}:1", other.display())]);
}
