//! The fixed sections, checked and resolved.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::Duration;
use url::{Host, Url};

use super::load::Loader;
use super::raw::{self, Mode, Retire, Transport};
use super::section::Section;
use super::settings::{
    Database, Keys, Login, MagicLink, MailSettings, MailTransport, Observability, Password, RateLimits, Secrets,
    Server, SessionSettings, Settings, Smtp, SmtpSecurity,
};
use super::{Secret, World};

/// The fixed sections; the families are empty still.
pub fn settings(loader: &mut Loader, world: &World<'_>) -> Settings {
    let server = server(loader, world);
    let keys = keys(loader);
    let mail = mail(loader, server.is_dev);
    let login = login(loader, !matches!(mail.transport, MailTransport::None));
    let (admin, _) = loader.read::<raw::Admin>("admin");
    let theme = super::theme::theme(loader, &server.issuer);
    Settings {
        database: database(loader, &server),
        secrets: secrets(loader),
        session: session(loader),
        rate_limit: rate_limit(loader),
        observability: observability(loader),
        admin_setup_link_ttl: admin.setup_link_ttl.0,
        server,
        keys,
        mail,
        login,
        theme,
        roles: Vec::new(),
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
    if !is_dev && issuer.scheme() != "https" {
        let message = "`issuer` must be https; http is for development on loopback only".to_owned();
        loader.wrong(section.mistake_at("issuer", "CS-C020", message));
    }
    for (index, net) in raw.trusted_proxies.iter().enumerate().filter(|(_, net)| net.prefix_len() == 0) {
        let message = format!("`{net}` trusts everybody: name the networks of your proxies");
        loader.wrong(section.mistake_in("trusted_proxies", index, "CS-C021", message));
    }
    if raw.listen.is_empty() {
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
        issuer,
    }
}

fn bytes(size: super::Size) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

fn data_dir(written: Option<PathBuf>, section: &Section, world: &World<'_>) -> PathBuf {
    match (written, (world.env)("STATE_DIRECTORY")) {
        (Some(path), _) => section.path_of(&path),
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
            if !url.is_empty() && !(is_postgres && Url::parse(url).is_ok()) {
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
        id_token_alg: raw.id_token_alg,
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

fn mail(loader: &mut Loader, is_dev: bool) -> MailSettings {
    let (raw, section) = loader.read::<raw::Mail>("mail");
    let transport = raw.transport.unwrap_or(if is_dev { Transport::Sink } else { Transport::None });
    if transport == Transport::Sink && !is_dev {
        let message = "the mail sink is for development only".to_owned();
        loader.wrong(section.mistake_at("transport", "CS-C042", message));
    }
    let from = raw.from.clone().unwrap_or_else(|| "Countersign <countersign@localhost>".to_owned());
    for (key, text) in [("from", Some(&from)), ("reply_to", raw.reply_to.as_ref())] {
        if text.is_some_and(|text| lettre::message::Mailbox::from_str(text).is_err()) {
            let message = format!("`{key}` is not an address: write \"Name <address@example.com>\"");
            loader.wrong(section.mistake_at(key, "CS-C040", message));
        }
    }
    if raw.footer.contains(['\n', '\r']) {
        loader.wrong(section.mistake_at("footer", "CS-C040", "`footer` must be one line".into()));
    }
    let transport = match transport {
        Transport::None => MailTransport::None,
        Transport::Sink => MailTransport::Sink,
        Transport::Smtp => MailTransport::Smtp(smtp(&raw, &section, loader)),
    };
    MailSettings {
        transport,
        from,
        reply_to: raw.reply_to,
        timeout: raw.timeout.0,
        retry_for: raw.retry_for.0,
        footer: raw.footer,
    }
}

fn smtp(raw: &raw::Mail, section: &Section, loader: &mut Loader) -> Smtp {
    for (key, missing) in [("host", !section.says("host")), ("from", !section.says("from"))] {
        if missing {
            loader.wrong(section.mistake("CS-C004", format!("missing key `{key}` in `[mail]`: smtp needs it")));
        }
    }
    for (key, other) in [("username", "password"), ("password", "username")] {
        if section.says(key) && !section.says(other) {
            loader.wrong(section.mistake_at(key, "CS-C041", format!("`{key}` needs `{other}`")));
        }
    }
    let host = raw.host.clone().unwrap_or_default();
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if raw.security == SmtpSecurity::None && section.says("host") && !loopback {
        let message = "`security = \"none\"` is for a loopback host only".to_owned();
        loader.wrong(section.mistake_at("security", "CS-C043", message));
    }
    let usual = match raw.security {
        SmtpSecurity::Tls => 465,
        SmtpSecurity::Starttls => 587,
        SmtpSecurity::None => 25,
    };
    let ca_file = raw.ca_file.as_ref().map(|path| section.path_of(path));
    if let Some(path) = ca_file.as_ref().filter(|path| !path.is_file()) {
        let message = format!("`{}` does not exist", path.display());
        loader.wrong(section.mistake_at("ca_file", "CS-C014", message));
    }
    Smtp {
        host,
        port: raw.port.unwrap_or(usual),
        security: raw.security,
        username: raw.username.clone(),
        password: raw.password.clone(),
        ca_file,
    }
}

fn session(loader: &mut Loader) -> SessionSettings {
    let (raw, section) = loader.read::<raw::Session>("session");
    let name = &raw.cookie_name;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !plain || name.is_empty() || name.len() > 60 || name.to_lowercase().starts_with("__") {
        let message = "`cookie_name` is letters, digits, `-` and `_`; a `__Host-` is added by itself".to_owned();
        loader.wrong(section.mistake_at("cookie_name", "CS-C050", message));
    }
    if raw.idle_timeout > raw.absolute_timeout {
        let message = "`idle_timeout` is longer than `absolute_timeout`".to_owned();
        loader.wrong(section.mistake_at("idle_timeout", "CS-C050", message));
    }
    if raw.touch_interval.0 * 2 > raw.idle_timeout.0 {
        let message = "`touch_interval` must be at most half of `idle_timeout`".to_owned();
        loader.wrong(section.mistake_at("touch_interval", "CS-C050", message));
    }
    SessionSettings {
        cookie_name: raw.cookie_name,
        idle_timeout: raw.idle_timeout.0,
        absolute_timeout: raw.absolute_timeout.0,
        max_per_user: raw.max_per_user,
        login_token_ttl: raw.login_token_ttl.0,
        touch_interval: raw.touch_interval.0,
    }
}

fn login(loader: &mut Loader, has_mail: bool) -> Login {
    let (raw, section) = loader.read::<raw::Login>("login");
    let mut link = |key: &str, text: Option<&String>, mail: bool| -> Option<Url> {
        let text = text?;
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "https" | "http") && url.host().is_some() || mail && url.scheme() == "mailto"
        });
        if url.is_none() {
            loader.wrong(section.mistake_at(key, "CS-C052", format!("`{key}` is not a web address")));
        }
        url
    };
    let (terms_url, privacy_url) =
        (link("terms_url", raw.terms_url.as_ref(), false), link("privacy_url", raw.privacy_url.as_ref(), false));
    let support_url = link("support_url", raw.support_url.as_ref(), true);
    for key in ["allowed_email_domains", "blocked_email_domains"] {
        let list = if key.starts_with('a') { &raw.allowed_email_domains } else { &raw.blocked_email_domains };
        for (index, domain) in list.iter().enumerate() {
            if !is_domain(domain) {
                let message = format!("`{domain}` is not a domain: write it as `example.com`");
                loader.wrong(section.mistake_in(key, index, "CS-C052", message));
            }
        }
    }
    let lower = |list: Vec<String>| -> Vec<String> { list.iter().map(|domain| domain.to_lowercase()).collect() };
    Login {
        signup: raw.signup,
        default_roles: raw.default_roles,
        allowed_email_domains: lower(raw.allowed_email_domains),
        blocked_email_domains: lower(raw.blocked_email_domains),
        account_linking: raw.account_linking,
        username: raw.username,
        terms_url,
        privacy_url,
        support_url,
        password: password(loader),
        magic_link: magic_link(loader, has_mail),
    }
}

fn is_domain(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || !b.is_ascii());
    plain && text.contains('.') && text.split('.').all(|label| !label.is_empty()) && idna::domain_to_ascii(text).is_ok()
}

fn password(loader: &mut Loader) -> Password {
    let (raw, section) = loader.read::<raw::Password>("login.password");
    if raw.min_length > raw.max_length {
        let message = "`min_length` is more than `max_length`".to_owned();
        loader.wrong(section.mistake_at("min_length", "CS-C053", message));
    }
    let memory = u32::try_from(raw.argon2_memory.0 / 1024).unwrap_or(u32::MAX);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Password {
        enabled: raw.enabled,
        min_length: raw.min_length,
        max_length: raw.max_length,
        argon2_memory_kib: memory,
        argon2_iterations: raw.argon2_iterations,
        argon2_parallelism: raw.argon2_parallelism,
        max_parallel_hashes: if raw.max_parallel_hashes == 0 { processors } else { raw.max_parallel_hashes },
    }
}

fn magic_link(loader: &mut Loader, has_mail: bool) -> MagicLink {
    let (raw, section) = loader.read::<raw::MagicLink>("login.magic_link");
    if (1..6).contains(&raw.code_length) {
        let message = "`code_length` is out of range: allowed is 0, or 6 to 10".to_owned();
        loader.wrong(section.mistake_at("code_length", "CS-C006", message));
    }
    if raw.enabled == Some(true) && !has_mail && loader.is_clean("mail") {
        let mistake = section.mistake_at("enabled", "CS-C054", "mailed links need mail".into());
        loader.wrong(mistake.help(Some("set `transport` in `[mail]`, or take this out".into())));
    }
    MagicLink {
        enabled: raw.enabled.unwrap_or(true) && has_mail,
        ttl: raw.ttl.0,
        code_length: raw.code_length,
        same_browser: raw.same_browser,
        resend_after: raw.resend_after.0,
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
    ];
    for (key, rate) in rates {
        if rate.limit == 0 || rate.burst == 0 || rate.per.0 < Duration::seconds(1) {
            let message = format!("`{key}` needs a `limit` and a `burst` of at least 1, `per` at least \"1s\"");
            loader.wrong(section.mistake_at(key, "CS-C006", message));
        }
    }
    RateLimits {
        login_ip: raw.login_ip,
        login_account: raw.login_account,
        mail_address: raw.mail_address,
        mail_ip: raw.mail_ip,
        signup_ip: raw.signup_ip,
        token_client: raw.token_client,
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
