//! How people sign in.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{days, hours, minutes, seconds};
use crate::config::settings::{BreachCheck, Disposable, RememberMe, SameBrowser, Signup, SmtpSecurity, UsernameRule};
use crate::config::{Secret, Size, Span};
use crate::domain::linking::LinkPolicy;

/// How mail leaves.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `sink` in dev and `none` otherwise, unless given; `none` turns mailed links off.
    pub transport: Option<Transport>,
    /// `Name <address>`; needed for smtp.
    pub from: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// Needed for smtp.
    pub host: Option<String>,
    /// 465 for tls, 587 for starttls, 25 for none.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// `none` is for loopback only.
    pub security: SmtpSecurity,
    /// With `password`.
    pub username: Option<String>,
    /// With `username`.
    pub password: Option<Secret>,
    /// A PEM file to trust beside the system's roots.
    pub ca_file: Option<PathBuf>,
    /// For one conversation.
    #[schemars(extend("x-min" = "1s", "x-max" = "60s"))]
    pub timeout: Span,
    /// For how long a mail is tried again.
    #[schemars(extend("x-min" = "0s", "x-max" = "24h"))]
    pub retry_for: Span,
    /// One line at the end of every mail.
    pub footer: String,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            transport: None,
            from: None,
            reply_to: None,
            host: None,
            port: None,
            security: SmtpSecurity::default(),
            username: None,
            password: None,
            ca_file: None,
            timeout: seconds(10),
            retry_for: minutes(30),
            footer: String::new(),
        }
    }
}

/// How mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    None,
    Smtp,
    Sink,
}

/// How long a sign-in lasts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// Becomes `__Host-countersign` over https.
    pub cookie_name: String,
    /// Without use.
    #[schemars(extend("x-min" = "5m", "x-max" = "90d"))]
    pub idle_timeout: Span,
    /// Hard end.
    #[schemars(extend("x-min" = "1h", "x-max" = "1y"))]
    pub absolute_timeout: Span,
    /// The oldest is ended.
    #[schemars(range(min = 1, max = 1000))]
    pub max_per_user: u32,
    /// The `jwt` of /auth/check; it also dies with its session.
    #[schemars(extend("x-min" = "5m", "x-max" = "30d"))]
    pub login_token_ttl: Span,
    /// Whether the browser may be remembered: `ask` shows a box to tick.
    pub remember_me: RememberMe,
    /// Without use, where the browser is remembered.
    #[schemars(extend("x-min" = "5m", "x-max" = "1y"))]
    pub remember_timeout: Span,
    /// After this, sensitive steps ask for a fresh sign-in.
    #[schemars(extend("x-min" = "1m", "x-max" = "1h"))]
    pub sudo_window: Span,
    /// Whether a session ends when its network address changes.
    pub bind_ip: bool,
    /// Least time between two writes of "last seen".
    #[schemars(extend("x-min" = "1s", "x-max" = "1h"))]
    pub touch_interval: Span,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            cookie_name: "countersign".to_owned(),
            idle_timeout: hours(24),
            absolute_timeout: days(30),
            max_per_user: 50,
            login_token_ttl: hours(12),
            remember_me: RememberMe::default(),
            remember_timeout: days(30),
            sudo_window: minutes(10),
            bind_ip: false,
            touch_interval: seconds(60),
        }
    }
}

/// Who may sign in, and who gets an account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// Who may get a new account.
    pub signup: Signup,
    /// Given when an account is made.
    pub default_roles: Vec<String>,
    /// Any unless given; compared with verified addresses.
    pub allowed_email_domains: Vec<String>,
    /// Never these.
    pub blocked_email_domains: Vec<String>,
    /// What happens when an address is already known.
    pub account_linking: LinkPolicy,
    /// Whether users whose address is not verified reach only the page that verifies it.
    pub require_verified_email: bool,
    /// Whether people may sign up with an address of throw-away mail.
    pub disposable_domains: Disposable,
    /// Who may set the user name.
    pub username: UsernameRule,
    /// Scripts of user names beside ASCII, such as `Cyrillic`; one name is of one script.
    pub username_scripts: Vec<String>,
    /// Linked on the pages.
    pub terms_url: Option<String>,
    /// Linked on the pages.
    pub privacy_url: Option<String>,
    /// On every error page; `https:` or `mailto:`.
    pub support_url: Option<String>,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            signup: Signup::default(),
            default_roles: vec!["member".to_owned()],
            allowed_email_domains: Vec::new(),
            blocked_email_domains: Vec::new(),
            account_linking: LinkPolicy::default(),
            require_verified_email: true,
            disposable_domains: Disposable::default(),
            username: UsernameRule::default(),
            username_scripts: Vec::new(),
            terms_url: None,
            privacy_url: None,
            support_url: None,
        }
    }
}

/// Sign-in with a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// Whether it is offered.
    pub enabled: bool,
    /// In code points; 15 unless given, and 10 beside a second factor.
    #[schemars(range(min = 8, max = 128))]
    pub min_length: Option<usize>,
    /// In code points.
    #[schemars(range(min = 64, max = 1024))]
    pub max_length: usize,
    /// How hard to guess a new one must be, 0 to 4 (zxcvbn).
    #[schemars(range(min = 0, max = 4))]
    pub min_strength: u8,
    /// Whether new ones are looked up among those that leaked (only five digits of their hash leave).
    pub breach_check: BreachCheck,
    /// Where they are looked up: the first five digits of the SHA-1 are put behind it.
    pub breach_url: String,
    /// A mailed link to set a new one works this long.
    #[schemars(extend("x-min" = "5m", "x-max" = "24h"))]
    pub reset_ttl: Span,
    /// For one hash; raised parameters are applied at the next sign-in.
    #[schemars(extend("x-min" = "8 MiB", "x-max" = "1 GiB"))]
    pub argon2_memory: Size,
    /// For one hash.
    #[schemars(range(min = 1, max = 20))]
    pub argon2_iterations: u32,
    /// For one hash.
    #[schemars(range(min = 1, max = 16))]
    pub argon2_parallelism: u32,
    /// 0 is half of the processors; more wait, and get 503 after 5 s.
    #[schemars(range(min = 0, max = 1024))]
    pub max_parallel_hashes: usize,
}

impl Default for Password {
    fn default() -> Self {
        Self {
            enabled: true,
            min_length: None,
            max_length: 256,
            min_strength: 3,
            breach_check: BreachCheck::default(),
            breach_url: "https://api.pwnedpasswords.com/range/".into(),
            reset_ttl: minutes(30),
            argon2_memory: Size(19 << 20),
            argon2_iterations: 2,
            argon2_parallelism: 1,
            max_parallel_hashes: 0,
        }
    }
}

/// Sign-in with a mailed link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MagicLink {
    /// Whether it is offered; on when mail works, unless given.
    pub enabled: Option<bool>,
    /// A link works once, this long.
    #[schemars(extend("x-min" = "1m", "x-max" = "1h"))]
    pub ttl: Span,
    /// Digits of the typed code beside the link: 6 to 10; 0 is link only.
    #[schemars(range(min = 0, max = 10))]
    pub code_length: u32,
    /// What happens when the link is opened in another browser.
    pub same_browser: SameBrowser,
    /// Least time between two mails.
    #[schemars(extend("x-min" = "10s", "x-max" = "10m"))]
    pub resend_after: Span,
}

impl Default for MagicLink {
    fn default() -> Self {
        Self {
            enabled: None,
            ttl: minutes(10),
            code_length: 6,
            same_browser: SameBrowser::default(),
            resend_after: seconds(30),
        }
    }
}
