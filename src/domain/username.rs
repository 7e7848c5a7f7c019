//! Usernames: the grammar, the names that are nobody's, and the form that is unique.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_script::{Script, ScriptExtension};
use unicode_security::GeneralSecurityProfile;

use super::lookalike::{folded, skeleton};

/// A username: `[a-z0-9][a-z0-9._-]{1,30}` without regard to case, and not a reserved word. Other scripts are an option of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

/// Scripts beside ASCII that usernames may be of; one name is of one script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scripts(Vec<Script>);

/// Why a text may not be a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Shorter than two characters, or longer than 31.
    #[error("A username has 2 to 31 characters.")]
    Length,
    /// A character that no username has.
    #[error(
        "A username is made of letters, digits, dots, hyphens and underscores, and begins with a letter or a digit."
    )]
    Character,
    /// Letters of an alphabet that is not allowed here.
    #[error("Only the letters a to z and digits can be in a username here.")]
    Script,
    /// Letters of several alphabets.
    #[error("A username cannot mix letters of different alphabets.")]
    Mixed,
    /// A word of the server's own, or what looks like one.
    #[error("This name is reserved. Choose another one.")]
    Reserved,
}

/// Shortest and longest username, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=31;

/// Names that would look like the server speaking, like a path of it, or like an office of a mail domain (RFC 2142).
const RESERVED: &[&str] = &[
    "abuse",
    "access",
    "account",
    "accounts",
    "accounting",
    "activate",
    "admin",
    "admins",
    "administration",
    "administrator",
    "alert",
    "alerts",
    "all",
    "anonymous",
    "api",
    "audit",
    "auth",
    "authentication",
    "authenticated",
    "autoconfig",
    "autodiscover",
    "billing",
    "bot",
    "broadcasthost",
    "callback",
    "ceo",
    "cfo",
    "checkout",
    "config",
    "contact",
    "countersign",
    "cto",
    "daemon",
    "dashboard",
    "delete",
    "deleted",
    "demo",
    "dev",
    "domain",
    "download",
    "email",
    "emergency",
    "enquiries",
    "error",
    "errors",
    "everybody",
    "everyone",
    "false",
    "federation",
    "feedback",
    "finance",
    "ftp",
    "guest",
    "health",
    "help",
    "helpdesk",
    "home",
    "hostmaster",
    "hr",
    "imap",
    "info",
    "invite",
    "isatap",
    "jobs",
    "legal",
    "localdomain",
    "localhost",
    "locked",
    "login",
    "logout",
    "mail",
    "mailer-daemon",
    "mailerdaemon",
    "marketing",
    "me",
    "member",
    "members",
    "mod",
    "moderator",
    "news",
    "nil",
    "no-reply",
    "nobody",
    "noc",
    "none",
    "noreply",
    "notification",
    "notifications",
    "null",
    "oauth",
    "office",
    "official",
    "oidc",
    "openid",
    "operator",
    "owner",
    "password",
    "payment",
    "payments",
    "pop",
    "pop3",
    "postmaster",
    "press",
    "privacy",
    "profile",
    "recovery",
    "register",
    "registration",
    "reset",
    "robot",
    "root",
    "sales",
    "saml",
    "secure",
    "security",
    "self",
    "service",
    "services",
    "session",
    "settings",
    "setup",
    "signin",
    "signout",
    "signup",
    "smtp",
    "ssl",
    "sso",
    "staff",
    "status",
    "subscribe",
    "superuser",
    "support",
    "sysadmin",
    "sysop",
    "system",
    "team",
    "terms",
    "token",
    "trust",
    "true",
    "undefined",
    "unknown",
    "unsubscribe",
    "usenet",
    "user",
    "username",
    "users",
    "uucp",
    "verify",
    "void",
    "webadmin",
    "webmail",
    "webmaster",
    "well-known",
    "wpad",
    "www",
];

static RESERVED_SKELETONS: LazyLock<HashSet<String>> =
    LazyLock::new(|| RESERVED.iter().flat_map(|name| [skeleton(name), skeleton(&name.to_uppercase())]).collect());

impl Scripts {
    /// The scripts with these names (UAX 24 property values, such as `Cyrillic`); the first unknown name and its index otherwise.
    pub fn named(names: &[String]) -> Result<Self, (usize, &str)> {
        let script = |(index, name)| {
            let known =
                Script::from_full_name(name).filter(|script| !matches!(script, Script::Common | Script::Inherited));
            known.ok_or((index, name))
        };
        names.iter().map(String::as_str).enumerate().map(script).collect::<Result<_, _>>().map(Self)
    }

    fn has_one_of(&self, common: ScriptExtension) -> bool {
        self.0.iter().any(|script| common.contains_script(*script))
    }
}

impl Username {
    /// `None` if the text may not be a username of plain letters.
    pub fn new(text: &str) -> Option<Self> {
        Self::parse(text, &Scripts::default()).ok()
    }

    /// The text as a username of plain letters or of one of the scripts.
    pub fn parse(text: &str, scripts: &Scripts) -> Result<Self, Unusable> {
        if !text.is_ascii() && scripts.0.is_empty() {
            return Err(Unusable::Script);
        }
        // One composed form of one width, so that what is shown is what is compared.
        let name = if text.is_ascii() { text.to_owned() } else { composed(text) };
        if !LENGTHS.contains(&name.chars().count()) {
            return Err(Unusable::Length);
        }
        let begins_well = name.chars().next().is_some_and(char::is_alphanumeric);
        if !begins_well || name.ends_with('.') || !name.chars().all(is_of_a_name) {
            return Err(Unusable::Character);
        }
        if !name.is_ascii() {
            let common = ScriptExtension::for_str(&name);
            if common.is_empty() {
                return Err(Unusable::Mixed);
            }
            if !scripts.has_one_of(common) {
                return Err(Unusable::Script);
            }
        }
        if [skeleton(&name), skeleton(&key_of(&name))].iter().any(|looks| RESERVED_SKELETONS.contains(looks)) {
            return Err(Unusable::Reserved);
        }
        Ok(Self(name))
    }

    /// A username made of whatever an upstream or an address suggests; `None` if nothing usable is left.
    pub fn suggested(raw: &str) -> Option<Self> {
        let kept: String =
            raw.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).take(24).collect();
        let kept = kept.trim_start_matches(['.', '_', '-']).trim_end_matches('.');
        Self::new(kept).or_else(|| Self::new(&format!("{kept}-1")))
    }

    /// The same name with a number behind it: `ada`, 2 → `ada-2`.
    pub fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }

    /// As its owner spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique, and by which it is found.
    pub fn key(&self) -> String {
        key_of(&self.0)
    }

    /// What it looks like; unique as well, so that nobody passes for somebody else (UTS 39 §4).
    pub fn skeleton(&self) -> String {
        skeleton(&self.0)
    }
}

/// The form by which a username is found, however it is spelt.
pub fn key_of(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { folded(text) }
}

fn composed(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfkc().collect()
}

fn is_of_a_name(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "._-".contains(c);
    }
    !c.is_numeric() && c.identifier_allowed()
}
