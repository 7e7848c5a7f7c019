//! The fixed sections, each with its defaults.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use time::{Duration, OffsetDateTime};
use url::Url;

use super::rules::{Gate, RoleRules};
use super::{Rate, Secret};
use crate::domain::email::Email;
use crate::domain::linking::LinkPolicy;
use crate::domain::old_token::OldKind;
use crate::domain::service::{Algorithm, Service};
use crate::domain::username::Scripts;

/// The whole file, typed and checked, but for the four plugged families, which stay sections until their kinds open them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: Server,
    pub database: Database,
    pub secrets: Secrets,
    pub keys: Keys,
    pub mail: MailSettings,
    pub session: SessionSettings,
    pub login: Login,
    pub rate_limit: RateLimits,
    pub observability: Observability,
    pub theme: Theme,
    pub admin: Admin,
    pub api: Api,
    pub audit: Audit,
    pub privacy: Privacy,
    pub roles: Vec<String>,
    /// What people see of a role, by its name; where the file says something.
    pub role_descriptions: std::collections::BTreeMap<String, String>,
    /// Who gets which role by itself.
    pub assign: RoleRules,
    /// Whom a provider lets in, by its id; where the file says something.
    pub gates: std::collections::BTreeMap<String, Gate>,
    pub services: Vec<Service>,
    pub providers: Vec<super::Section>,
    pub permissions: Vec<super::Section>,
    pub extensions: Vec<super::Section>,
}

impl Settings {
    /// The service with this id, also if it is switched off.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }
}

#[derive(Debug, Clone)]
pub struct Server {
    /// No trailing slash; a path is allowed.
    pub issuer: Url,
    /// Whether the issuer is loopback and `mode` is not `production`.
    pub is_dev: bool,
    pub listen: Vec<std::net::SocketAddr>,
    /// Absolute, or relative to the working directory.
    pub data_dir: PathBuf,
    pub trusted_proxies: Vec<IpNet>,
    pub client_ip_header: ClientIpHeader,
    /// Lower case, with port where it is not the scheme's own.
    pub allowed_hosts: Vec<String>,
    pub request_timeout: Duration,
    pub body_limit: usize,
    pub header_limit: usize,
    pub drain_delay: Duration,
    pub shutdown_grace: Duration,
    pub hsts: bool,
    pub reload: Reload,
}

/// When a running server reads its file again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reload {
    /// When a file changes, and on SIGHUP.
    #[default]
    Watch,
    /// On SIGHUP.
    Signal,
    /// Never.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientIpHeader {
    Forwarded,
    #[default]
    XForwardedFor,
    XRealIp,
    CfConnectingIp,
    None,
}

#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    pub url: Secret,
    pub max_connections: u32,
    pub min_connections: u32,
    pub acquire_timeout: Duration,
    pub idle_timeout: Duration,
    pub statement_timeout: Duration,
    pub auto_migrate: bool,
    pub slow_query: Duration,
    pub sqlite_busy_timeout: Duration,
    pub sqlite_synchronous_full: bool,
}

#[derive(Debug, Clone)]
pub struct Secrets {
    /// 32 bytes, base64; `None`: generated into the data directory.
    pub master_key: Option<Secret>,
    pub previous_keys: Vec<Secret>,
}

#[derive(Debug, Clone)]
pub struct Keys {
    pub access_token_alg: Algorithm,
    /// Zero: by hand only.
    pub rotation_interval: Duration,
    pub publish_before: Duration,
    /// Already resolved: `auto` is the longest token lifetime and 24 hours.
    pub retire_after: Duration,
    pub jwks_max_age: Duration,
}

#[derive(Debug, Clone)]
pub struct MailSettings {
    pub transport: MailTransport,
    /// `Name <address>`.
    pub from: String,
    pub reply_to: Option<String>,
    pub timeout: Duration,
    pub retry_for: Duration,
    pub footer: String,
}

#[derive(Debug, Clone)]
pub enum MailTransport {
    /// No mail: no mailed links.
    None,
    /// Kept in memory and shown at `/dev/mail`; dev mode only.
    Sink,
    Smtp(Smtp),
}

#[derive(Debug, Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    #[default]
    Tls,
    Starttls,
    None,
}

#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Without the `__Host-` prefix.
    pub cookie_name: String,
    pub idle_timeout: Duration,
    pub absolute_timeout: Duration,
    pub max_per_user: u32,
    pub login_token_ttl: Duration,
    pub touch_interval: Duration,
    pub remember_me: RememberMe,
    /// Without use, where the browser is remembered.
    pub remember_timeout: Duration,
    /// For how long a sign-in counts as fresh.
    pub sudo_window: Duration,
    pub bind_ip: bool,
}

#[derive(Debug, Clone)]
pub struct Login {
    pub signup: Signup,
    pub default_roles: Vec<String>,
    pub allowed_email_domains: Vec<String>,
    pub blocked_email_domains: Vec<String>,
    pub account_linking: LinkPolicy,
    pub require_verified_email: bool,
    /// Throw-away mail at self sign-up.
    pub disposable_domains: Disposable,
    pub username: UsernameRule,
    /// Beside ASCII.
    pub username_scripts: Scripts,
    pub terms_url: Option<Url>,
    pub privacy_url: Option<Url>,
    pub support_url: Option<Url>,
    pub password: Password,
    pub magic_link: MagicLink,
    pub passkey: Passkey,
    pub mfa: Mfa,
    /// `None`: tokens of older servers are nothing here.
    pub legacy_tokens: Option<LegacyTokens>,
}

/// Login tokens of an older server, believed during a cut-over.
#[derive(Debug, Clone)]
pub struct LegacyTokens {
    pub kind: OldKind,
    pub secret: Secret,
    /// From then on they are not believed.
    pub until: OffsetDateTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    /// Anybody, by any method.
    Open,
    /// Anybody a provider vouches for.
    #[default]
    Providers,
    Invite,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsernameRule {
    #[default]
    Once,
    Free,
    Admin,
    Off,
}

/// What happens to addresses of throw-away mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Disposable {
    /// Nobody signs up with one.
    #[default]
    Refuse,
    Allow,
}

#[derive(Debug, Clone)]
pub struct Password {
    pub enabled: bool,
    /// In code points, beside a second factor.
    pub min_length: usize,
    /// In code points, of a password that is the only factor.
    pub min_length_alone: usize,
    pub max_length: usize,
    /// The least zxcvbn score, 0 to 4.
    pub min_strength: u8,
    pub breach_check: BreachCheck,
    /// The first five digits of the SHA-1 are put behind it.
    pub breach_url: Url,
    pub reset_ttl: Duration,
    /// In KiB, as argon2 counts.
    pub argon2_memory_kib: u32,
    pub argon2_iterations: u32,
    pub argon2_parallelism: u32,
    /// Already resolved: at least 1.
    pub max_parallel_hashes: usize,
}

#[derive(Debug, Clone)]
pub struct MagicLink {
    pub enabled: bool,
    pub ttl: Duration,
    /// 0: link only.
    pub code_length: u32,
    pub same_browser: SameBrowser,
    pub resend_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SameBrowser {
    Off,
    #[default]
    Prefer,
    Require,
}

/// Whether a browser may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RememberMe {
    /// By a box that is ticked.
    #[default]
    Ask,
    Always,
    Never,
}

/// Whether new passwords are looked up among those that leaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BreachCheck {
    #[default]
    Off,
    /// By the range interface of Have I Been Pwned.
    Hibp,
}

#[derive(Debug, Clone)]
pub struct Passkey {
    pub enabled: bool,
    /// The issuer's host or a parent of it.
    pub rp_id: String,
    pub rp_name: String,
    pub extra_origins: Vec<Url>,
    pub user_verification: UserVerification,
    pub max_per_user: u32,
}

/// Whether an authenticator checks who uses it (WebAuthn §5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    Required,
    #[default]
    Preferred,
    Discouraged,
}

#[derive(Debug, Clone)]
pub struct Mfa {
    pub require: MfaRule,
    pub totp: bool,
    /// How many; 0 is none.
    pub recovery_codes: usize,
    pub trust_upstream_amr: bool,
}

/// Who needs a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MfaRule {
    Never,
    Admins,
    Always,
}

#[derive(Debug, Clone)]
pub struct Admin {
    /// In their normal form.
    pub emails: Vec<Email>,
    pub require_mfa: bool,
    /// Empty: from anywhere.
    pub allowed_networks: Vec<IpNet>,
    pub setup_link_ttl: Duration,
}

#[derive(Debug, Clone)]
pub struct Api {
    pub enabled: bool,
    pub max_key_ttl: Duration,
    /// Whether people may make keys of their own.
    pub user_keys: bool,
}

#[derive(Debug, Clone)]
pub struct Audit {
    pub retention: Duration,
    pub hash_chain: bool,
    /// Whether every service token leaves an event.
    pub tokens: bool,
    /// Whether a copy of each event is logged.
    pub to_log: bool,
}

#[derive(Debug, Clone)]
pub struct Privacy {
    pub ip_retention: Duration,
    pub geoip_db: Option<PathBuf>,
    pub delete_grace: Duration,
}

/// When a client that fails too often is shut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Failures …
    pub after: u32,
    /// … within this time …
    pub per: Duration,
    /// … shut it out for this long.
    pub lasts: Duration,
}

#[derive(Debug, Clone)]
pub struct RateLimits {
    pub login_ip: Rate,
    pub login_account: Rate,
    pub mail_address: Rate,
    pub mail_ip: Rate,
    pub signup_ip: Rate,
    pub token_client: Rate,
    pub api_key: Rate,
    pub ban: Option<Ban>,
    pub exempt: Vec<IpNet>,
}

impl RateLimits {
    /// Whether no limit counts for this address.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|net| net.contains(&address))
    }
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "they are the keys of the file")]
pub struct Observability {
    pub log_format: LogFormat,
    /// `EnvFilter` syntax.
    pub log_level: String,
    pub log_exclude: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Debug, Clone)]
pub struct Theme {
    pub name: String,
    /// The image, read and checked: content type and bytes.
    pub logo: Option<(String, std::sync::Arc<[u8]>)>,
    /// `#rrggbb`, already dark enough for white text.
    pub accent: String,
    pub mode: ThemeMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThemeMode {
    #[default]
    Auto,
    Light,
    Dark,
}
