//! What is made from the file: schema, effective configuration, differences, reports.

use super::{mistakes, text};
use crate::app::Plugged;
use crate::config::{Format, Section, restart_needed, schema, show};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Corp {
    client_id: String,
    client_secret: crate::config::Secret,
    #[serde(default)]
    #[schemars(range(max = 9))]
    tries: u8,
    #[serde(default)]
    claims: std::collections::BTreeMap<String, String>,
}

#[test]
fn a_plugged_section_is_read_with_every_mistake_at_once() {
    let section = Section::of_provider("corp", "kind = \"oidc\"\nclient_id = \"x\"\nclient_secret = \"y\"\n");
    let read: Corp = section.read().unwrap();
    assert_eq!((section.kind(), read.client_id.as_str(), read.client_secret.reveal()), ("oidc", "x", "y"));
    assert_eq!((read.tries, read.claims.len()), (0, 0));

    let section = Section::of_provider("corp", "client_idd = 1\ntries = 10\nclaims = { email = 5 }\n");
    let found = section.read::<Corp>().unwrap_err();
    let mut codes: Vec<_> = found.iter().map(|mistake| mistake.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["CS-C003", "CS-C004", "CS-C004", "CS-C005", "CS-C006"]);
}

#[test]
fn mistakes_found_later_are_sorted_among_the_others() {
    let mut parsed = text("[providers.corp]\nkind = \"okta\"\n[server]\nhst = true\n");
    let unknown = parsed.settings.providers[0].unknown_kind(["oidc", "github"].into_iter());
    parsed.report.extend([unknown]);
    assert_eq!(
        mistakes(&parsed),
        ["CS-C002 unknown kind `okta`, expected one of `oidc`, `github`", "CS-C003 unknown key `hst` in `[server]`"]
    );
    assert_eq!(parsed.report.place(&parsed.report.mistakes()[0]), "providers.toml:2:8");
}

#[test]
fn a_report_is_read_by_programs_and_by_ci_too() {
    let report = text("[server]\nhst = true\n").report;
    let all: serde_json::Value = serde_json::from_str(&report.render(Format::Json)).unwrap();
    assert_eq!(all[0]["severity"], "error");
    assert_eq!(
        (all[0]["line"].as_u64(), all[0]["column"].as_u64(), all[0]["end_column"].as_u64()),
        (Some(2), Some(1), Some(4))
    );
    assert_eq!(all[0]["help"], "did you mean `hsts`?");
    assert_eq!(
        report.render(Format::Github),
        "::error file=providers.toml,line=2,endLine=2,col=1,endColumn=4,title=CS-C003::\
         unknown key `hst` in `[server]`%0Ahelp: did you mean `hsts`?\n"
    );
}

#[test]
fn the_schema_knows_every_section_with_defaults_ranges_and_meanings() {
    let schema = schema(&[("providers", "corp", |generator| generator.subschema_for::<Corp>())]);
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let session = &schema["properties"]["session"]["properties"]["idle_timeout"];
    assert_eq!((&session["default"], &session["x-min"]), (&"1d".into(), &"5m".into()));
    assert!(session["description"].is_string());
    assert_eq!(schema["properties"]["login"]["properties"]["password"]["properties"]["min_length"]["minimum"], 8);
    assert_eq!(schema["properties"]["services"]["additionalProperties"]["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["providers"]["properties"]["corp"]["anyOf"][0]["properties"]["kind"]["const"],
        "corp"
    );
    assert!(schema["properties"]["providers"]["properties"]["corp"]["anyOf"][0]["properties"]["client_id"].is_object());
    let references = schema.to_string();
    for reference in references.split("\"#/definitions/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schema["definitions"][name].is_object(), "{name}");
    }
}

#[test]
fn what_is_shown_says_where_it_comes_from_and_hides_every_secret() {
    let parsed = text(
        "[secrets]\nmaster_key = \"canary\"\n[services.wiki]\nname = \"Wiki\"\nclient_secret = { env = \"WIKI\" }\n\
         [providers.corp]\nclient_id = \"x\"\nclient_secret = \"canary\"\n\
         [permissions.one]\nusers = { \"ada@dev.test\" = [\"wiki:read\"] }\n",
    );
    let shown = show(&parsed, &[]);
    assert!(shown.contains("name = \"Wiki\"  # providers.toml:4\n"), "{shown}");
    assert!(shown.contains("client_secret = { env = \"WIKI\" }  # providers.toml:5\n"));
    assert!(shown.contains("master_key = \"***\"  # providers.toml:2\n"));
    assert!(shown.contains("[session]\n") && shown.contains("idle_timeout = \"1d\"  # default\n"));
    assert!(shown.contains("kind = \"corp\"\n"));
    assert!(!shown.contains("canary"));
    toml::from_str::<toml::Table>(&shown).unwrap();
}

#[test]
fn keys_that_a_reload_cannot_change_are_named() {
    let old = text("").settings;
    assert_eq!(restart_needed(&old, &text("[login]\nsignup = \"open\"\n").settings), Vec::<&str>::new());
    let new = text("[server]\nissuer = \"http://localhost:1\"\n[session]\ncookie_name = \"other\"\n").settings;
    assert_eq!(restart_needed(&old, &new), ["server.issuer", "session.cookie_name"]);
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/providers.v1.json");
    let generated = format!("{:#}\n", schema(&Plugged::kinds()));
    if super::super::rewrite() {
        std::fs::write(&path, &generated).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == generated,
        "run the tests with UPDATE_GOLDEN=1 and read the change"
    );
}
