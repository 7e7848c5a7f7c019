//! The fixed sections as the file writes them: types, defaults and ranges. The JSON Schema is made from these.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::settings::{ClientIpHeader, LogFormat, SameBrowser, Signup, SmtpSecurity, ThemeMode, UsernameRule};
use super::{Rate, Secret, Size, Span};
use crate::domain::linking::LinkPolicy;
use crate::domain::permission::Merge;
use crate::domain::service::{Algorithm, Delivery, PermissionsFormat, TokenFormat};

const fn seconds(n: i64) -> Span {
    Span(Duration::seconds(n))
}

const fn minutes(n: i64) -> Span {
    Span(Duration::minutes(n))
}

const fn hours(n: i64) -> Span {
    Span(Duration::hours(n))
}

const fn days(n: i64) -> Span {
    Span(Duration::days(n))
}

const fn rate(limit: u32, per: Span, burst: u32) -> Rate {
    Rate { limit, per, burst }
}

/// Whether things only for development run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Auto,
    Dev,
    Production,
}

/// How careful SQLite is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    Normal,
    Full,
}

/// How mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    None,
    Smtp,
    Sink,
}

/// `auto`, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retire {
    Auto,
    After(Span),
}

impl<'de> Deserialize<'de> for Retire {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "auto" {
            Ok(Self::Auto)
        } else {
            Span::parse(&text).map(Self::After).map_err(serde::de::Error::custom)
        }
    }
}

impl Serialize for Retire {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::After(span) => span.serialize(serializer),
        }
    }
}

impl JsonSchema for Retire {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Retire".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": r"^(auto|\d+ ?(ms|s|m|h|d|y))$" })
    }
}

/// The signature algorithm of a service's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TokenAlg {
    /// As `keys.access_token_alg` says.
    #[serde(rename = "inherit")]
    Inherit,
    ES256,
    EdDSA,
    RS256,
}

impl TokenAlg {
    pub fn or(self, inherited: Algorithm) -> Algorithm {
        match self {
            Self::Inherit => inherited,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
            Self::RS256 => Algorithm::RS256,
        }
    }
}

/// Where the server is, and how it answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The public address, without a trailing slash; a path is allowed. Needed in production; `http://localhost:8383` otherwise.
    pub issuer: Option<String>,
    /// Where to accept connections: `host:port`.
    #[schemars(with = "Vec<String>")]
    pub listen: Vec<SocketAddr>,
    /// `auto` is dev only when the issuer is loopback.
    pub mode: Mode,
    /// Holds the SQLite file and the generated master key; `countersign-data` unless `$STATE_DIRECTORY` is set.
    pub data_dir: Option<PathBuf>,
    /// Peers whose forwarding headers are believed.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header with the client's address; read from trusted proxies only.
    pub client_ip_header: ClientIpHeader,
    /// Hosts this server answers for; the issuer's unless given.
    pub allowed_hosts: Vec<String>,
    /// For a whole request.
    #[schemars(extend("x-min" = "1s", "x-max" = "10m"))]
    pub request_timeout: Span,
    /// Larger requests get 413.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "16 MiB"))]
    pub body_limit: Size,
    /// Larger heads get 431.
    #[schemars(extend("x-min" = "4 KiB", "x-max" = "64 KiB"))]
    pub header_limit: Size,
    /// Readiness is false this long before the listener closes.
    #[schemars(extend("x-min" = "0s", "x-max" = "60s"))]
    pub drain_delay: Span,
    /// Then the remaining connections are cut.
    #[schemars(extend("x-min" = "1s", "x-max" = "10m"))]
    pub shutdown_grace: Span,
    /// Sent over https only.
    pub hsts: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            issuer: None,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8383))],
            mode: Mode::Auto,
            data_dir: None,
            trusted_proxies: Vec::new(),
            client_ip_header: ClientIpHeader::default(),
            allowed_hosts: Vec::new(),
            request_timeout: seconds(30),
            body_limit: Size(256 << 10),
            header_limit: Size(16 << 10),
            drain_delay: seconds(5),
            shutdown_grace: seconds(20),
            hsts: true,
        }
    }
}

/// Where the data lives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH`, relative to the data directory, or `postgres://…`; `sqlite:countersign.db` unless given.
    pub url: Option<Secret>,
    /// SQLite: readers only, there is always one writer.
    #[schemars(range(min = 1, max = 500))]
    pub max_connections: u32,
    /// Kept open.
    #[schemars(range(min = 0, max = 500))]
    pub min_connections: u32,
    /// Then the answer is 503 with `Retry-After`.
    #[schemars(extend("x-min" = "100ms", "x-max" = "60s"))]
    pub acquire_timeout: Span,
    /// Unused connections are closed after it.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub idle_timeout: Span,
    /// PostgreSQL only.
    #[schemars(extend("x-min" = "100ms", "x-max" = "10m"))]
    pub statement_timeout: Span,
    /// Without it the start fails while the schema is behind.
    pub auto_migrate: bool,
    /// Slower statements are logged, never their values; `0s` is off.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h"))]
    pub slow_query: Span,
    /// How long a writer waits for another.
    #[schemars(extend("x-min" = "100ms", "x-max" = "5m"))]
    pub sqlite_busy_timeout: Span,
    /// `full` loses nothing on a power cut, and writes slower.
    pub sqlite_synchronous: Synchronous,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            max_connections: 10,
            min_connections: 1,
            acquire_timeout: seconds(5),
            idle_timeout: minutes(10),
            statement_timeout: seconds(10),
            auto_migrate: true,
            slow_query: Span(Duration::milliseconds(200)),
            sqlite_busy_timeout: seconds(5),
            sqlite_synchronous: Synchronous::Normal,
        }
    }
}

/// What everything secret at rest is sealed with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// 32 bytes in base64; generated into the data directory unless given.
    pub master_key: Option<Secret>,
    /// Can still open what they sealed.
    pub previous_keys: Vec<Secret>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { master_key: None, previous_keys: Vec::new() }
    }
}

/// The signing keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// For ID tokens.
    pub id_token_alg: Algorithm,
    /// For service tokens, unless the service says otherwise.
    pub access_token_alg: Algorithm,
    /// A new signing key this often: `1d` to `2y`; `0s` is by hand only.
    #[schemars(extend("x-min" = "0s", "x-max" = "2y"))]
    pub rotation_interval: Span,
    /// In the JWKS this long before it signs.
    #[schemars(extend("x-min" = "1h", "x-max" = "30d"))]
    pub publish_before: Span,
    /// `auto`, or how long a key verifies after its last use; `auto` is the longest token lifetime and 24 hours.
    pub retire_after: Retire,
    /// How long others may keep the JWKS.
    #[schemars(extend("x-min" = "1m", "x-max" = "24h"))]
    pub jwks_max_age: Span,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            id_token_alg: Algorithm::RS256,
            access_token_alg: Algorithm::ES256,
            rotation_interval: days(90),
            publish_before: hours(48),
            retire_after: Retire::Auto,
            jwks_max_age: minutes(15),
        }
    }
}

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
    /// Who may set the user name.
    pub username: UsernameRule,
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
            username: UsernameRule::default(),
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
    /// In code points.
    #[schemars(range(min = 8, max = 128))]
    pub min_length: usize,
    /// In code points.
    #[schemars(range(min = 64, max = 1024))]
    pub max_length: usize,
    /// For one hash; raised parameters are applied at the next sign-in.
    #[schemars(extend("x-min" = "8 MiB", "x-max" = "1 GiB"))]
    pub argon2_memory: Size,
    /// For one hash.
    #[schemars(range(min = 1, max = 20))]
    pub argon2_iterations: u32,
    /// For one hash.
    #[schemars(range(min = 1, max = 16))]
    pub argon2_parallelism: u32,
    /// 0 is the number of processors; more wait, and get 503 after 5 s.
    #[schemars(range(min = 0, max = 1024))]
    pub max_parallel_hashes: usize,
}

impl Default for Password {
    fn default() -> Self {
        Self {
            enabled: true,
            min_length: 10,
            max_length: 256,
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

/// How often somebody may try.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Failed sign-ins of one client address (/64 for IPv6).
    pub login_ip: Rate,
    /// Failed sign-ins into one account.
    pub login_account: Rate,
    /// Mails to one address.
    pub mail_address: Rate,
    /// Mails asked for by one client address.
    pub mail_ip: Rate,
    /// New accounts from one client address.
    pub signup_ip: Rate,
    /// Token requests of one service.
    pub token_client: Rate,
    /// Addresses no limit counts for.
    #[schemars(with = "Vec<String>")]
    pub exempt: Vec<IpNet>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            login_ip: rate(20, minutes(1), 10),
            login_account: rate(10, minutes(15), 5),
            mail_address: rate(5, hours(1), 3),
            mail_ip: rate(20, hours(1), 5),
            signup_ip: rate(10, hours(1), 3),
            token_client: rate(600, minutes(1), 200),
            exempt: Vec::new(),
        }
    }
}

/// Those who run the server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// How long a one-time admin link works.
    #[schemars(extend("x-min" = "5m", "x-max" = "24h"))]
    pub setup_link_ttl: Span,
}

impl Default for Admin {
    fn default() -> Self {
        Self { setup_link_ttl: minutes(60) }
    }
}

/// What is logged.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Observability {
    /// `auto` is text on a terminal, else json.
    pub log_format: LogFormat,
    /// A filter: `info`, `countersign=debug,warn`.
    pub log_level: String,
    /// Fields that are dropped from every line.
    pub log_exclude: Vec<String>,
}

impl Default for Observability {
    fn default() -> Self {
        Self { log_format: LogFormat::default(), log_level: "info".to_owned(), log_exclude: Vec::new() }
    }
}

/// How the pages look.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Theme {
    /// The issuer's host unless given.
    pub name: Option<String>,
    /// An SVG or PNG file of at most 256 KiB.
    pub logo: Option<PathBuf>,
    /// `#rrggbb`; made darker where white text on it could not be read.
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub accent: String,
    /// Light or dark.
    pub mode: ThemeMode,
}

impl Default for Theme {
    fn default() -> Self {
        Self { name: None, logo: None, accent: "#2563eb".to_owned(), mode: ThemeMode::default() }
    }
}

/// Who receives tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// What people call it; the id unless given.
    pub name: Option<String>,
    /// What it is.
    pub description: String,
    /// Where its people start.
    pub homepage: Option<String>,
    /// A disabled service receives no sign-ins and no tokens.
    pub enabled: bool,
    /// `aud` of its tokens; the id unless given.
    pub audience: Vec<String>,
    /// Lets its server redeem codes at /auth/token.
    pub client_secret: Option<Secret>,
    /// Where a sign-in may come back to: exact, or with one `*` at the end.
    pub next_urls: Vec<String>,
    /// How it comes back.
    pub next_delivery: Delivery,
    /// `classic` is for verifiers written for the ancestor.
    pub token_format: TokenFormat,
    /// Origins whose pages may call the JSON API with cookies.
    pub cors_origins: Vec<String>,
    /// How long its tokens live.
    #[schemars(extend("x-min" = "1m", "x-max" = "24h"))]
    pub access_token_ttl: Span,
    /// Signature algorithm of its tokens; `inherit` is `keys.access_token_alg`.
    pub token_alg: TokenAlg,
    /// Its permission providers, asked in this order.
    pub permissions: Vec<String>,
    /// How their answers come together; a deny wins in all three.
    pub permissions_merge: Merge,
    /// How permissions stand in the token.
    pub permissions_format: PermissionsFormat,
    /// Only these providers, `password` or `magic-link`; all unless given.
    pub allowed_providers: Vec<String>,
    /// Only users with one of these roles; all unless given.
    pub allowed_roles: Vec<String>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: None,
            description: String::new(),
            homepage: None,
            enabled: true,
            audience: Vec::new(),
            client_secret: None,
            next_urls: Vec::new(),
            next_delivery: Delivery::default(),
            token_format: TokenFormat::default(),
            cors_origins: Vec::new(),
            access_token_ttl: minutes(15),
            token_alg: TokenAlg::Inherit,
            permissions: Vec::new(),
            permissions_merge: Merge::default(),
            permissions_format: PermissionsFormat::default(),
            allowed_providers: Vec::new(),
            allowed_roles: Vec::new(),
        }
    }
}

/// A name an admin gives to people, and permission providers read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Role {
    /// What it means.
    pub description: String,
}

impl Default for Role {
    fn default() -> Self {
        Self { description: String::new() }
    }
}
