//! The fixed sections, each with its defaults.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use time::Duration;
use url::Url;

use super::{Rate, Secret};
use crate::domain::linking::LinkPolicy;
use crate::domain::service::{Algorithm, Service};

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
    pub admin_setup_link_ttl: Duration,
    pub roles: Vec<String>,
    pub services: Vec<Service>,
    pub providers: Vec<super::Section>,
    pub permissions: Vec<super::Section>,
    pub extensions: Vec<super::Section>,
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
}

#[derive(Debug, Clone)]
pub struct Login {
    pub signup: Signup,
    pub default_roles: Vec<String>,
    pub allowed_email_domains: Vec<String>,
    pub blocked_email_domains: Vec<String>,
    pub account_linking: LinkPolicy,
    pub username: UsernameRule,
    pub terms_url: Option<Url>,
    pub privacy_url: Option<Url>,
    pub support_url: Option<Url>,
    pub password: Password,
    pub magic_link: MagicLink,
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

#[derive(Debug, Clone)]
pub struct Password {
    pub enabled: bool,
    /// In code points.
    pub min_length: usize,
    pub max_length: usize,
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

#[derive(Debug, Clone)]
pub struct RateLimits {
    pub login_ip: Rate,
    pub login_account: Rate,
    pub mail_address: Rate,
    pub mail_ip: Rate,
    pub token_client: Rate,
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
