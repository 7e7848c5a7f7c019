//! The rules of the file: who gets a role, whom a provider lets in, who enters a service, and what its tokens say.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use super::Mistake;
use super::load::Loader;
use super::raw::ExtraClaim;
use super::section::Section;
use super::value::{Entry, Node};
use super::words::nearest;
use crate::domain::claims::is_reserved;
use crate::domain::service::{Extra, Service};
use crate::rule::{About, Claims, Facts, Rule, RuleMistake};

/// Most claims that a service adds.
const MOST_CLAIMS: usize = 32;
/// Longest name of a claim, in bytes.
const LONGEST_NAME: usize = 64;
/// Largest constant, in bytes of JSON.
const LARGEST: usize = 1024;
/// Most rules of one key.
const MOST: usize = 50;

/// Who gets which role by itself.
#[derive(Debug, Clone, Default)]
pub struct RoleRules {
    rules: Vec<(String, Rule)>,
    wanted: Claims,
    keeps: bool,
    heard: BTreeMap<String, Refresh>,
}

impl RoleRules {
    /// Only the words of these providers count.
    pub(super) fn hear(&mut self, gates: &BTreeMap<String, Gate>) {
        self.heard = gates.iter().map(|(id, gate)| (id.clone(), gate.refresh)).collect();
    }

    /// When a provider is listened to; `None` if its words do not count: it is not in the file, or switched off.
    pub fn heard(&self, provider: &str) -> Option<Refresh> {
        self.heard.get(provider).copied()
    }

    /// One more role.
    pub(super) fn add(&mut self, role: &str, rules: Vec<Rule>) {
        for rule in rules {
            self.wanted.add(rule.claims());
            self.keeps = true;
            self.rules.push((role.to_owned(), rule));
        }
    }

    /// What these services ask for is kept, too.
    pub(super) fn keep_for(&mut self, services: &[Service]) {
        for service in services {
            let wanted = service.wanted_claims();
            self.keeps |= !wanted.is_empty();
            self.wanted.add(&wanted);
        }
    }

    /// Each role with a rule that gives it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.rules.iter().map(|(role, rule)| (role.as_str(), rule))
    }

    /// Whether what providers say has to be kept at all.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// The claims that any rule asks for.
    pub fn wanted(&self) -> &Claims {
        &self.wanted
    }

    /// Another one for other rules: what was decided by these needs no second look.
    pub fn fingerprint(&self) -> String {
        let mut all = vec![format!("{:?} {} {:?}", self.wanted, self.keeps, self.heard)];
        all.extend(self.rules.iter().map(|(role, rule)| format!("{role} {}", rule.text())));
        URL_SAFE_NO_PAD.encode(&digest(&SHA256, all.join("\n").as_bytes()).as_ref()[..12])
    }
}

/// Whom a provider lets in, and when it is listened to.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
    pub refresh: Refresh,
    /// Whether it is asked again about those who signed in by it.
    pub stores_tokens: bool,
}

/// When name, picture, groups and claims are taken over again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// At every sign-in.
    #[default]
    Login,
    /// At every sign-in; what was said last is also held against the rules once a day, and after 30 days it no longer counts. With
    /// `store_tokens` the provider is asked again each day.
    Daily,
    /// At the first sign-in only.
    Never,
}

impl Gate {
    /// Why somebody is not let in, for the log; `None` if they are. A deny rule without an answer counts, an allow rule without
    /// one does not.
    pub fn refusal(&self, facts: &Facts) -> Option<String> {
        if let Some(at) = self.deny.iter().position(|rule| rule.denies(facts)) {
            return Some(format!("deny[{at}] holds"));
        }
        let is_allowed = self.allow.is_empty() || self.allow.iter().any(|rule| rule.grants(facts));
        (!is_allowed).then(|| "no rule of `allow` holds".to_owned())
    }
}

/// Reads the rules of a key; every mistake stands at its rule.
pub(super) fn read(section: &Section, key: &str, texts: &[String], about: About, loader: &mut Loader) -> Vec<Rule> {
    if texts.len() > MOST {
        loader.wrong(section.mistake_in(key, MOST, "CS-C150", format!("`{key}` has at most {MOST} rules")));
    }
    let mut rules = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate().take(MOST) {
        match Rule::parse(text, about) {
            Ok(rule) => rules.push(rule),
            Err(found) => {
                let mistake = section.mistake_in(key, index, "CS-C150", placed(&found));
                loader.wrong(mistake.help(found.help));
            }
        }
    }
    rules
}

/// Warns where any provider that is added later could make administrators.
pub(super) fn warn_of_any_provider(section: &Section, rules: &[Rule], loader: &mut Loader) {
    if section.id() != "admin" {
        return;
    }
    for rule in rules.iter().filter(|rule| !rule.names("provider")) {
        let message = format!("`{}` makes administrators of what any provider says", rule.text());
        let help = "say which one may: `provider == 'sso' && …`".to_owned();
        loader.warnings.push(section.mistake_at("assign", "CS-C153", message).help(Some(help)));
    }
}

/// With the place inside the text.
fn placed(found: &RuleMistake) -> String {
    let RuleMistake { message, line, column, .. } = found;
    if *line == 1 {
        format!("{message} (character {column} of the rule)")
    } else {
        format!("{message} (line {line}, character {column} of the rule)")
    }
}

/// What a service adds to its tokens.
pub(super) fn claims(
    section: &Section,
    raw: &BTreeMap<String, ExtraClaim>,
    loader: &mut Loader,
) -> Vec<(String, Extra)> {
    if raw.len() > MOST_CLAIMS {
        loader.wrong(section.mistake_at("claims", "CS-C151", format!("a service adds at most {MOST_CLAIMS} claims")));
    }
    let mut claims = Vec::new();
    for (name, source) in raw {
        let wrong = |code, message: String| section.mistake_below("claims", name, code, message);
        if let Some(why) = unfit(name) {
            loader.wrong(wrong("CS-C152", format!("`{name}` {why}")));
            continue;
        }
        match source {
            ExtraClaim::Path(path) => claims.push((name.clone(), Extra::Path(path.clone()))),
            ExtraClaim::Const(value) if value.to_string().len() > LARGEST => {
                loader.wrong(wrong("CS-C151", format!("a constant has at most {LARGEST} bytes")));
            }
            ExtraClaim::Const(value) => claims.push((name.clone(), Extra::Const(value.clone()))),
            ExtraClaim::Expr(text) => match Rule::expression(text, About::Access) {
                Ok(expression) => claims.push((name.clone(), Extra::Expr(expression))),
                Err(found) => loader.wrong(wrong("CS-C150", placed(&found)).help(found.help)),
            },
        }
    }
    claims
}

/// Why a claim cannot have the name.
fn unfit(name: &str) -> Option<&'static str> {
    if is_reserved(name) {
        return Some("is a reserved name: this server says it, and nobody else");
    }
    let is_plain = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_graphic());
    (!is_plain).then_some("is no name for a claim: 1 to 64 ASCII characters without spaces")
}

/// Takes what every provider may say of whom it lets in out of the sections, whatever their kind.
pub(super) fn gates(sections: &mut [Section], loader: &mut Loader) -> BTreeMap<String, Gate> {
    let mut gates = BTreeMap::new();
    for section in sections {
        let gate = Gate {
            allow: gate_rules(section, "allow", loader),
            deny: gate_rules(section, "deny", loader),
            refresh: refresh(section, loader),
            stores_tokens: section
                .table
                .get("store_tokens")
                .is_some_and(|entry| matches!(entry.value.node, Node::Boolean(true))),
        };
        if gate.stores_tokens && gate.refresh != Refresh::Daily {
            let message = "tokens are kept to ask again each day, and nothing does".to_owned();
            let help = "write `refresh_profile = \"daily\"`, or leave `store_tokens` out".to_owned();
            loader.wrong(section.mistake_at("store_tokens", "CS-C154", message).help(Some(help)));
        }
        for key in ["allow", "deny", "refresh_profile"] {
            section.table.take(key);
        }
        gates.insert(section.id().to_owned(), gate);
    }
    gates
}

fn gate_rules(section: &Section, key: &str, loader: &mut Loader) -> Vec<Rule> {
    let Some(Entry { value, .. }) = section.table.get(key) else { return Vec::new() };
    let texts = match &value.node {
        Node::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    if let Some(texts) = texts {
        return read(section, key, &texts, About::Identity, loader);
    }
    loader.wrong(section.mistake_at(key, "CS-C005", format!("`{key}` is a list of rules, each a text")));
    Vec::new()
}

fn refresh(section: &Section, loader: &mut Loader) -> Refresh {
    let words = [("login", Refresh::Login), ("daily", Refresh::Daily), ("never", Refresh::Never)];
    let Some(entry) = section.table.get("refresh_profile") else { return Refresh::Login };
    let said = entry.value.as_str().unwrap_or_default();
    if let Some((_, refresh)) = words.iter().find(|(word, _)| *word == said) {
        return *refresh;
    }
    let near = nearest(said, words.iter().map(|(word, _)| *word)).map(|word| format!("did you mean `{word}`?"));
    let message = "`refresh_profile` is `login`, `daily` or `never`".to_owned();
    loader.wrong(section.mistake_at("refresh_profile", "CS-C005", message).help(near));
    Refresh::Login
}

/// What every provider's section may say, for the schema of the file.
pub(super) fn gate_schema() -> [(&'static str, Json); 3] {
    let rules = |meaning: &str| {
        json!({
            "type": "array", "items": { "type": "string" }, "default": [], "maxItems": MOST,
            "description": format!("{meaning} Rules in CEL over `claims`, `email`, `email_verified`, `groups`, `provider`.")
        })
    };
    let refresh = json!({
        "enum": ["login", "daily", "never"], "default": "login",
        "description": "When name, picture, groups and claims are taken over again. `daily`: they are also held against the rules each day again, and what the provider said more than 30 days ago no longer counts; with `store_tokens` it is asked again each day."
    });
    [
        ("allow", rules("Only people of whom at least one of these holds; empty: everybody.")),
        ("deny", rules("Nobody of whom one of these holds; asked first.")),
        ("refresh_profile", refresh),
    ]
}

impl Section {
    /// A mistake at the member `name` of the table `key`.
    fn mistake_below(&self, key: &str, name: &str, code: &'static str, message: String) -> Mistake {
        let table = match self.table.get(key).map(|entry| &entry.value.node) {
            Some(Node::Table(table)) => table.get(name),
            _ => None,
        };
        match table {
            Some(entry) => Mistake::new(code, message, &entry.value.place),
            None => self.mistake_at(key, code, message),
        }
    }
}
