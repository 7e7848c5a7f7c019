//! What rules can say, what is found when they are read, and that nothing they say runs long.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::rule::{About, Claims, Facts, Person, Rule, RuleError, RuleMistake};

fn claims() -> Map<String, Value> {
    let claims = json!({
        "department": "eng", "level": 3, "ratio": 1.5, "huge": 18_446_744_073_709_551_615_u64,
        "tags": ["a", "b"], "org": { "name": "acme", "teams": [{ "name": "core" }, { "name": "web" }] },
        "https://acme.example/role": "boss", "nothing": null,
    });
    claims.as_object().unwrap().clone()
}

fn facts() -> Facts {
    let groups = ["github:acme/core".to_owned(), "github:acme/web".to_owned()];
    let claims = claims();
    let person = Person { claims: &claims, email: Some("ada@example.com"), groups: &groups, provider: "github" };
    Facts::of(&person).entering("wiki", &["staff".to_owned()], true)
}

fn holds(text: &str) -> Result<bool, RuleError> {
    Rule::parse(text, About::Access).unwrap_or_else(|mistake| panic!("{text}: {mistake}")).holds(&facts())
}

fn mistake(text: &str) -> RuleMistake {
    Rule::parse(text, About::Identity).expect_err(text)
}

#[test]
fn what_the_documents_use_works() {
    let true_ones = [
        "'github:acme/core' in groups",
        "email.endsWith('@example.com') && email_verified",
        "claims.department in ['eng', 'ops']",
        "email.startsWith('ada')",
        "email.contains('@')",
        "email.matches('^[a-z]+@example[.]com$')",
        "matches(email, '^ada@')",
        "size(groups) == 2",
        "groups.size() == 2",
        "has(claims.level) && claims.level >= 3",
        "!has(claims.missing)",
        "groups.exists(g, g.startsWith('github:acme/'))",
        "groups.all(g, g.contains('acme'))",
        "groups.exists_one(g, g.endsWith('/core'))",
        "size(groups.filter(g, g.endsWith('core'))) == 1",
        "groups.map(g, g.split('/')[1]) == ['core', 'web']",
        "claims.org.teams.exists(t, t.name == 'core')",
        "claims['https://acme.example/role'] == 'boss'",
        "claims.missing == 'x' || provider == 'github'",
        "email.split('@')[0].lowerAscii() == 'ada'",
        "' A '.trim().upperAscii() == 'A'",
        "claims.huge > 1u && claims.ratio > 1.0 && claims.nothing == null",
        "'staff' in roles && service == 'wiki' && mfa",
        "claims.level + 1 == 4 ? true : false",
        "type(claims.tags) == list",
    ];
    for text in true_ones {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    for text in ["'x' in groups", "provider == 'google'", "!mfa", "claims.tags.exists(t, t == 'c')"] {
        assert_eq!(holds(text), Ok(false), "{text}");
    }
}

#[test]
fn what_has_no_answer_is_never_a_yes() {
    let broken = [
        ("claims.missing == 'x'", RuleError::Missing),
        ("claims.org.missing.deep == 1", RuleError::Missing),
        ("!(claims.missing == 'x')", RuleError::Missing),
        ("claims.tags[7] == 'x'", RuleError::Missing),
        ("claims.level.startsWith('3')", RuleError::Unfit),
        ("claims.department > 3", RuleError::Unfit),
        ("claims.level / 0 == 1", RuleError::Unfit),
        ("claims.level % 0 == 1", RuleError::Unfit),
        ("claims.level * 9223372036854775807 > 0", RuleError::Unfit),
        ("claims.department", RuleError::Unfit),
        ("claims.tags", RuleError::Unfit),
    ];
    for (text, error) in broken {
        assert_eq!(holds(text), Err(error), "{text}");
        let rule = Rule::parse(text, About::Access).unwrap();
        assert!(!rule.grants(&facts()) && rule.denies(&facts()), "{text}");
    }
}

#[test]
fn an_address_nobody_vouched_for_is_not_there() {
    let nobody = Facts::of(&Person { claims: &Map::new(), email: None, groups: &[], provider: "github" });
    let rule = |text| Rule::parse(text, About::Identity).unwrap();

    assert!(!rule("email.endsWith('@example.com')").grants(&nobody));
    assert!(rule("email.endsWith('@evil.example')").denies(&nobody));
    assert!(!rule("email_verified && email.endsWith('@evil.example')").denies(&nobody));
    assert!(rule("email == null").grants(&nobody));
}

#[test]
fn names_and_functions_are_known_when_a_rule_is_read() {
    let mistakes = [
        ("emial == 'x'", "there is no `emial`", Some("did you mean `email`?")),
        ("true || group == []", "there is no `group`", Some("did you mean `groups`?")),
        ("email.startWith('a')", "there is no function `startWith`", Some("did you mean `startsWith`?")),
        ("mfa", "there is no `mfa`", None),
        ("roles == []", "there is no `roles`", None),
        ("startsWith(email, 'a')", "`startsWith` is written `text.startsWith(…)`", None),
        ("email.size(1) == 1", "`size` is not called like this", None),
        ("email.replace('a', 'b') == ''", "there is no function `replace`", None),
        ("groups.exists(g, h == '')", "there is no `h`", None),
    ];
    for (text, message, help) in mistakes {
        let found = mistake(text);
        assert_eq!(found.message, message, "{text}");
        if help.is_some() {
            assert_eq!(found.help.as_deref(), help, "{text}");
        }
    }
}

#[test]
fn a_mistake_stands_where_it_is_written() {
    let found = mistake("'äöü' in groups &&\n  emial == 'x'");

    assert_eq!((found.line, found.column), (2, 3), "{found:?}");
    let found = mistake("'äöü' in groups && emial == 'x'");
    assert_eq!((found.line, found.column), (1, 20), "{found:?}");
    let found = mistake("email ==");
    assert!(found.message.starts_with("the rule cannot be read"), "{found:?}");
    assert_eq!((found.line, found.column), (1, 9), "{found:?}");
}

#[test]
fn what_can_never_be_true_or_false_is_no_rule() {
    for text in ["'yes'", "1", "groups", "email", "claims", "size(groups)", "[true]", "{'a': true}", "email.trim()"] {
        assert!(mistake(text).message.starts_with("a rule is true or false"), "{text}");
        assert!(Rule::expression(text, About::Identity).is_ok(), "{text}");
    }
}

#[test]
fn a_rule_has_bounds() {
    let long = |bytes: usize| format!("email == '{}'", "a".repeat(bytes - 11));
    assert!(Rule::parse(&long(2048), About::Identity).is_ok());
    assert!(mistake(&long(2049)).message.contains("2048"));
    let nested = |deep: usize| format!("{}true{}", "(".repeat(deep), ")".repeat(deep));
    assert!(Rule::parse(&nested(16), About::Identity).is_ok());
    assert!(mistake(&nested(17)).message.contains("nested"));
    let sums = |many: usize| format!("size({}email) > 0", "email + ".repeat(many));
    assert!(Rule::parse(&sums(16), About::Identity).is_ok());
    assert!(mistake(&sums(17)).message.contains("`+`"));
}

#[test]
fn what_a_rule_names_and_loops_over_has_bounds() {
    let members = |many: usize| format!("claims{} == 1", ".a".repeat(many));
    assert!(Rule::parse(&members(40), About::Identity).is_ok());
    assert!(mistake(&members(60)).message.contains("deep"));
    let loops = |deep: usize| {
        let heads: Vec<_> = (0..deep).map(|at| format!("groups.exists(g{at}, ")).collect();
        format!("{}true{}", heads.concat(), ")".repeat(deep))
    };
    assert!(Rule::parse(&loops(3), About::Identity).is_ok());
    assert!(mistake(&loops(4)).message.contains("loops"));
    assert!(mistake("groups.exists(g, g + g == 'aa')").message.contains("loop"));
    assert!(mistake("").message.contains("empty"));
    assert!(mistake("email\u{0} == ''").message.contains("control"));
    assert!(Rule::parse(&".a".repeat(1000), About::Identity).is_err());
    assert!(Rule::parse(&format!("claims{}", ".a".repeat(1000)), About::Identity).is_err());
}

#[test]
fn patterns_are_written_out_and_small() {
    assert!(mistake("email.matches(claims.pattern)").message.contains("written out"));
    assert!(mistake("email.matches('(')").message.contains("no pattern"));
    assert!(mistake("email.matches('(a{1000}){1000}')").message.contains("too large"));
    assert_eq!(holds("groups.exists(g, g.matches('core$')) && email.matches('^ada')"), Ok(true));
    assert_eq!(holds("claims.level.matches('3')"), Err(RuleError::Unfit));
}

#[test]
fn loops_over_too_much_end_without_an_answer() {
    let groups: Vec<String> = (0..500).map(|at| format!("github:team-{at}")).collect();
    let facts = Facts::of(&Person { claims: &Map::new(), email: None, groups: &groups, provider: "github" });
    let rule = |text: &str| Rule::parse(text, About::Identity).unwrap();

    assert_eq!(rule("groups.exists(g, g.endsWith('-499'))").holds(&facts), Ok(true));
    assert_eq!(rule("size(groups.filter(g, g != '')) == 500").holds(&facts), Ok(true));
    let thrice = "groups.all(a, groups.all(b, groups.all(c, a != b || b != c || true)))";
    assert_eq!(rule(thrice).holds(&facts), Err(RuleError::TooMuch));
    assert_eq!(rule(&format!("{thrice} || true")).holds(&facts), Err(RuleError::TooMuch));
    assert!(!rule(&format!("!{thrice}")).grants(&facts));
}

#[test]
fn it_is_known_which_claims_a_rule_speaks_of() {
    let of = |text: &str| Rule::parse(text, About::Access).unwrap().claims().clone();
    let named = |names: &[&str]| Claims::Named(names.iter().map(|&name| name.to_owned()).collect());

    assert_eq!(of("'x' in groups"), named(&[]));
    assert_eq!(of("claims.a == 1 && has(claims.b.c) && claims['d'] == 2"), named(&["a", "b", "d"]));
    assert_eq!(of("'a' in claims"), Claims::All);
    assert_eq!(of("claims[email] == 'x'"), Claims::All);
    assert!(Rule::parse("mfa && true", About::Access).unwrap().names("mfa"));
    assert_eq!(named(&["tags", "level"]).of(&claims(), 4096).len(), 2);
    assert_eq!(named(&["tags", "level"]).of(&claims(), 20).keys().collect::<Vec<_>>(), ["level"]);
    assert_eq!(Claims::All.of(&claims(), 4096).len(), claims().len());
}

#[test]
fn an_expression_comes_to_json() {
    let value = |text: &str| Rule::expression(text, About::Access).unwrap().value(&facts());

    assert_eq!(value("{'a': [1, 2.5, null, 'x', mfa]}"), Ok(json!({ "a": [1, 2.5, null, "x", true] })));
    assert_eq!(value("claims.org"), Ok(claims()["org"].clone()));
    assert_eq!(value("b'x'"), Err(RuleError::Unfit));
}

/// Texts that look like rules, so that more than the first character is read.
fn like_rules() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "claims",
        "email",
        "groups",
        "'a'",
        "\"b\"",
        "r'\\d'",
        "b'x'",
        "'''",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "?",
        ":",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "==",
        "in",
        "<",
        "1",
        "1u",
        "0x",
        "1e9",
        "true",
        "null",
        "has",
        "exists",
        "map",
        "filter",
        "all",
        "size",
        "matches",
        "x",
        "\\",
        "'",
        "\"",
        "`",
        "@result",
        "@loop",
        "/*",
        "//",
        "\n",
        "é",
        "😀",
        "..",
        "?.",
        "[?",
        "9223372036854775808",
        ".map(x,",
        ".exists(x,",
        "startsWith",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read_or_refused_and_what_is_read_runs(text in like_rules()) {
        if let Ok(rule) = Rule::expression(&text, About::Identity) {
            let _ = rule.holds(&facts());
            let _ = rule.value(&facts());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        if let Err(mistake) = Rule::parse(&text, About::Access) {
            prop_assert!(mistake.line >= 1 && mistake.column >= 1);
        }
    }
}
