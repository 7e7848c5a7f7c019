//! The server, its data, its keys and its limits.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::{Ban, days, hours, minutes, rate, seconds};
use crate::config::settings::{ClientIpHeader, LogFormat, Reload};
use crate::config::{Rate, Secret, Size, Span};
use crate::domain::service::Algorithm;

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
    /// When the file is read again: `watch` when it or a file it names changes, and on SIGHUP; `signal` on SIGHUP only; `off` never.
    pub reload: Reload,
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
            reload: Reload::default(),
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
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// 32 bytes in base64; generated into the data directory unless given.
    pub master_key: Option<Secret>,
    /// Can still open what they sealed.
    pub previous_keys: Vec<Secret>,
}

/// The signing keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
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
            access_token_alg: Algorithm::ES256,
            rotation_interval: days(90),
            publish_before: hours(48),
            retire_after: Retire::Auto,
            jwks_max_age: minutes(15),
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
    /// Sign-ups from one client address.
    pub signup_ip: Rate,
    /// Token requests of one service; its questions about what somebody may do are counted beside them.
    pub token_client: Rate,
    /// Requests with one API key, and questions of one person about what they may do; wrong keys count for the client address.
    pub api_key: Rate,
    /// Shuts a client address out that fails too often; off unless given.
    pub ban: Option<Ban>,
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
            api_key: rate(600, minutes(1), 100),
            ban: None,
            exempt: Vec::new(),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are the keys of the file")]
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
