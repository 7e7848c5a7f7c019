//! The fixed sections, checked and resolved.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::Duration;
use url::{Host, Url};

use super::accounts;
use super::load::Loader;
use super::people::{login, mail, session};
use super::raw::{self, Mode, Retire};
use super::section::Section;
use super::settings::{Database, Keys, MailTransport, Observability, RateLimits, Secrets, Server, Settings};
use super::{Secret, World};

/// The fixed sections; the families are empty still.
pub fn settings(loader: &mut Loader, world: &World<'_>) -> Settings {
    let server = server(loader, world);
    let keys = keys(loader);
    let mail = mail(loader, server.is_dev);
    let theme = super::theme::theme(loader, &server.issuer);
    let login = login(loader, &server, &theme.name, !matches!(mail.transport, MailTransport::None));
    Settings {
        database: database(loader, &server),
        secrets: secrets(loader),
        session: session(loader),
        rate_limit: rate_limit(loader),
        observability: observability(loader),
        admin: accounts::admin(loader, login.mfa.require),
        api: accounts::api(loader),
        audit: accounts::audit(loader),
        privacy: accounts::privacy(loader),
        server,
        keys,
        mail,
        login,
        theme,
        roles: Vec::new(),
        role_descriptions: std::collections::BTreeMap::new(),
        assign: super::rules::RoleRules::default(),
        gates: std::collections::BTreeMap::new(),
        services: Vec::new(),
        providers: Vec::new(),
        permissions: Vec::new(),
        extensions: Vec::new(),
    }
}

/// Where a server runs that nobody has told where it is.
const DEV_ISSUER: &str = "http://localhost:8383";

fn server(loader: &mut Loader, world: &World<'_>) -> Server {
    let (raw, section) = loader.read::<raw::Server>("server");
    let issuer = raw.issuer.as_deref().and_then(|text| match issuer(text) {
        Ok(url) => Some(url),
        Err(message) => {
            loader.wrong(section.mistake_at("issuer", "CS-C020", format!("`issuer` {message}")));
            None
        }
    });
    if raw.mode == Mode::Production && !section.says("issuer") {
        loader.wrong(section.mistake("CS-C004", "missing key `issuer` in `[server]`: production needs it".into()));
    }
    let issuer = issuer.unwrap_or_else(|| Url::parse(DEV_ISSUER).expect("it is a URL"));
    let loopback = is_loopback(&issuer);
    if raw.mode == Mode::Dev && !loopback {
        loader.wrong(section.mistake_at("mode", "CS-C020", "`mode = \"dev\"` is for a loopback issuer only".into()));
    }
    let is_dev = loopback && raw.mode != Mode::Production;
    if !is_dev && issuer.scheme() != "https" && section.says("issuer") {
        let message = "`issuer` must be https; http is for development on loopback only".to_owned();
        loader.wrong(section.mistake_at("issuer", "CS-C020", message));
    }
    for (index, net) in raw.trusted_proxies.iter().enumerate().filter(|(_, net)| net.prefix_len() == 0) {
        let message = format!("`{net}` trusts everybody: name the networks of your proxies");
        loader.wrong(section.mistake_in("trusted_proxies", index, "CS-C021", message));
    }
    for (index, address) in raw.listen.iter().enumerate().filter(|(_, address)| is_dev && !address.ip().is_loopback()) {
        let message = format!("a development server at `{address}` lets everybody in who can reach it");
        loader.warnings.push(section.mistake_in("listen", index, "CS-C024", message));
    }
    if raw.listen.is_empty() && loader.is_clean("server") {
        loader.wrong(section.mistake_at("listen", "CS-C022", "`listen` needs at least one address".into()));
    }
    Server {
        is_dev,
        listen: raw.listen,
        data_dir: data_dir(raw.data_dir, &section, world),
        trusted_proxies: raw.trusted_proxies,
        client_ip_header: raw.client_ip_header,
        allowed_hosts: allowed_hosts(&raw.allowed_hosts, &issuer, &section, loader),
        request_timeout: raw.request_timeout.0,
        body_limit: bytes(raw.body_limit),
        header_limit: bytes(raw.header_limit),
        drain_delay: raw.drain_delay.0,
        shutdown_grace: raw.shutdown_grace.0,
        hsts: raw.hsts,
        reload: raw.reload,
        issuer,
    }
}

fn bytes(size: super::Size) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

fn data_dir(written: Option<PathBuf>, section: &Section, world: &World<'_>) -> PathBuf {
    match (written, (world.env)("STATE_DIRECTORY")) {
        (Some(path), _) => section.path_beside(&path),
        (None, Some(state)) => PathBuf::from(state.split(':').next().unwrap_or_default()),
        (None, None) => PathBuf::from("countersign-data"),
    }
}

/// The public address; the error completes "`issuer` …".
fn issuer(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must be an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not hold a query or a fragment");
    }
    if text.ends_with('/') {
        return Err("must not end with a slash");
    }
    if url.host_str().is_some_and(|host| host.ends_with('.')) {
        return Err("must not have a dot at the end of its host");
    }
    if text != url.as_str() && format!("{text}/") != url.as_str() {
        return Err("is not written the way it is compared: lower case, no default port, no `..`");
    }
    Ok(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn allowed_hosts(written: &[String], issuer: &Url, section: &Section, loader: &mut Loader) -> Vec<String> {
    if written.is_empty() {
        let own = issuer.host_str().unwrap_or_default();
        return vec![issuer.port().map_or_else(|| own.to_owned(), |port| format!("{own}:{port}"))];
    }
    for (index, host) in written.iter().enumerate() {
        let plain = Url::parse(&format!("{}://{host}/", issuer.scheme()))
            .is_ok_and(|url| url[url::Position::BeforeHost..url::Position::AfterPort] == host.to_lowercase());
        if !plain {
            let message = format!("`{host}` is not a host: write `auth.example.com` or `auth.example.com:8443`");
            loader.wrong(section.mistake_in("allowed_hosts", index, "CS-C023", message));
        }
    }
    written.iter().map(|host| host.to_lowercase()).collect()
}

fn database(loader: &mut Loader, server: &Server) -> Database {
    let (raw, section) = loader.read::<raw::Database>("database");
    if raw.min_connections > raw.max_connections {
        let message = "`min_connections` is more than `max_connections`".to_owned();
        loader.wrong(section.mistake_at("min_connections", "CS-C030", message));
    }
    let url = raw.url.as_ref().map_or("sqlite:countersign.db", Secret::reveal);
    let url = match url.strip_prefix("sqlite:") {
        Some(":memory:") => url.to_owned(),
        Some(path) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            format!("sqlite:{}", server.data_dir.join(path).display())
        }
        None => {
            let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
            let usable = url.is_empty() || is_postgres && Url::parse(url).is_ok();
            if !usable {
                let message = "the database URL must be `sqlite:PATH` or `postgres://USER@HOST/NAME`".to_owned();
                loader.wrong(section.mistake_at("url", "CS-C030", message));
            }
            url.to_owned()
        }
    };
    Database {
        url: Secret::new(url),
        max_connections: raw.max_connections,
        min_connections: raw.min_connections,
        acquire_timeout: raw.acquire_timeout.0,
        idle_timeout: raw.idle_timeout.0,
        statement_timeout: raw.statement_timeout.0,
        auto_migrate: raw.auto_migrate,
        slow_query: raw.slow_query.0,
        sqlite_busy_timeout: raw.sqlite_busy_timeout.0,
        sqlite_synchronous_full: raw.sqlite_synchronous == raw::Synchronous::Full,
    }
}

fn secrets(loader: &mut Loader) -> Secrets {
    let (raw, section) = loader.read::<raw::Secrets>("secrets");
    if let Some(message) = raw.master_key.as_ref().and_then(key_mistake) {
        loader.wrong(section.mistake_at("master_key", "CS-C031", format!("`master_key` {message}")).help(Some(
            "make one with `openssl rand -base64 32`, or leave it out: one is made in the data directory".into(),
        )));
    }
    for (index, key) in raw.previous_keys.iter().enumerate() {
        if let Some(message) = key_mistake(key) {
            loader.wrong(section.mistake_in("previous_keys", index, "CS-C031", format!("this key {message}")));
        }
    }
    Secrets { master_key: raw.master_key, previous_keys: raw.previous_keys }
}

/// Completes "this key …". An empty one was reported where it was read.
fn key_mistake(key: &Secret) -> Option<String> {
    if key.reveal().is_empty() {
        return None;
    }
    let Ok(bytes) = STANDARD.decode(key.reveal().trim()) else { return Some("is not base64".into()) };
    if bytes.len() != 32 {
        return Some(format!("has {} bytes, and needs 32", bytes.len()));
    }
    let mut distinct = bytes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    (distinct.len() < 12).then(|| "is not random".into())
}

fn keys(loader: &mut Loader) -> Keys {
    let (raw, section) = loader.read::<raw::Keys>("keys");
    let interval = raw.rotation_interval.0;
    if !interval.is_zero() && interval < Duration::days(1) {
        let message = "`rotation_interval` is out of range: allowed is 0s, or 1d to 2y".to_owned();
        loader.wrong(section.mistake_at("rotation_interval", "CS-C006", message));
    }
    if !interval.is_zero() && raw.publish_before.0 >= interval {
        let message = "`publish_before` must be shorter than `rotation_interval`".to_owned();
        loader.wrong(section.mistake_at("publish_before", "CS-C032", message));
    }
    Keys {
        access_token_alg: raw.access_token_alg,
        rotation_interval: interval,
        publish_before: raw.publish_before.0,
        // `auto` is found when the services are known.
        retire_after: match raw.retire_after {
            Retire::Auto => Duration::ZERO,
            Retire::After(span) => span.0,
        },
        jwks_max_age: raw.jwks_max_age.0,
    }
}

fn rate_limit(loader: &mut Loader) -> RateLimits {
    let (raw, section) = loader.read::<raw::RateLimit>("rate_limit");
    let rates = [
        ("login_ip", raw.login_ip),
        ("login_account", raw.login_account),
        ("mail_address", raw.mail_address),
        ("mail_ip", raw.mail_ip),
        ("signup_ip", raw.signup_ip),
        ("token_client", raw.token_client),
        ("api_key", raw.api_key),
    ];
    for (key, rate) in rates {
        if rate.limit == 0 || rate.burst == 0 || rate.per.0 < Duration::seconds(1) {
            let message = format!("`{key}` needs a `limit` and a `burst` of at least 1, `per` at least \"1s\"");
            loader.wrong(section.mistake_at(key, "CS-C006", message));
        }
    }
    if raw
        .ban
        .is_some_and(|ban| ban.after == 0 || ban.per.0 < Duration::seconds(1) || ban.r#for.0 < Duration::seconds(1))
    {
        let message = "`ban` needs `after` of at least 1, `per` and `for` of at least \"1s\"".to_owned();
        loader.wrong(section.mistake_at("ban", "CS-C006", message));
    }
    RateLimits {
        login_ip: raw.login_ip,
        login_account: raw.login_account,
        mail_address: raw.mail_address,
        mail_ip: raw.mail_ip,
        signup_ip: raw.signup_ip,
        token_client: raw.token_client,
        api_key: raw.api_key,
        ban: raw.ban.map(accounts::ban),
        exempt: raw.exempt,
    }
}

fn observability(loader: &mut Loader) -> Observability {
    let (raw, section) = loader.read::<raw::Observability>("observability");
    if tracing_subscriber::EnvFilter::try_new(&raw.log_level).is_err() {
        let message = format!("`{}` is not a log filter: write `info` or `countersign=debug,warn`", raw.log_level);
        loader.wrong(section.mistake_at("log_level", "CS-C082", message));
    }
    Observability { log_format: raw.log_format, log_level: raw.log_level, log_exclude: raw.log_exclude }
}
