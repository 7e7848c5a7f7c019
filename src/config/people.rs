//! How people sign in: mail, sessions, and the methods of the house.

use std::net::IpAddr;
use std::str::FromStr;

use url::Url;

use super::accounts;
use super::load::Loader;
use super::raw::{self, Transport};
use super::section::Section;
use super::settings::{
    Login, MagicLink, MailSettings, MailTransport, Password, Server, SessionSettings, Smtp, SmtpSecurity,
};
use crate::domain::username::Scripts;

/// The least length of a password beside a second factor, unless the file says otherwise.
const MIN_LENGTH: usize = 10;
/// The least length of a password that is the only factor, unless the file says otherwise (NIST SP 800-63B-4 §3.1.1.2).
const MIN_LENGTH_ALONE: usize = 15;

/// The section `[mail]`.
pub fn mail(loader: &mut Loader, is_dev: bool) -> MailSettings {
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

/// The section `[session]`.
pub fn session(loader: &mut Loader) -> SessionSettings {
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
        remember_me: raw.remember_me,
        remember_timeout: raw.remember_timeout.0,
        sudo_window: raw.sudo_window.0,
        bind_ip: raw.bind_ip,
    }
}

/// The sections `[login]` and below; `has_mail` says whether links can be mailed.
pub fn login(loader: &mut Loader, server: &Server, name: &str, has_mail: bool) -> Login {
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
    let username_scripts = Scripts::named(&raw.username_scripts).unwrap_or_else(|(index, unknown)| {
        let message = format!("`{unknown}` is not a script: write its name as in Unicode, such as `Cyrillic`");
        loader.wrong(section.mistake_in("username_scripts", index, "CS-C059", message));
        Scripts::default()
    });
    let lower = |list: Vec<String>| -> Vec<String> { list.iter().map(|domain| domain.to_lowercase()).collect() };
    Login {
        signup: raw.signup,
        default_roles: raw.default_roles,
        allowed_email_domains: lower(raw.allowed_email_domains),
        blocked_email_domains: lower(raw.blocked_email_domains),
        account_linking: raw.account_linking,
        require_verified_email: raw.require_verified_email,
        disposable_domains: raw.disposable_domains,
        username: raw.username,
        username_scripts,
        terms_url,
        privacy_url,
        support_url,
        password: password(loader),
        magic_link: magic_link(loader, has_mail),
        passkey: accounts::passkey(loader, server, name),
        mfa: accounts::mfa(loader, server.is_dev),
        legacy_tokens: accounts::legacy_tokens(loader),
    }
}

fn is_domain(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || !b.is_ascii());
    plain && text.contains('.') && text.split('.').all(|label| !label.is_empty()) && idna::domain_to_ascii(text).is_ok()
}

/// Where leaked passwords are looked up: an address that the rest of a path can be put behind.
fn breach_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (plain && matches!(url.scheme(), "http" | "https") && text.ends_with('/')).then_some(url)
}

fn password(loader: &mut Loader) -> Password {
    let (raw, section) = loader.read::<raw::Password>("login.password");
    if raw.min_length.is_some_and(|least| least > raw.max_length) {
        let message = "`min_length` is more than `max_length`".to_owned();
        loader.wrong(section.mistake_at("min_length", "CS-C053", message));
    }
    let breach_url = breach_url(&raw.breach_url).unwrap_or_else(|| {
        let message = format!("`{}` is not an address that ends with `/`", raw.breach_url);
        loader.wrong(section.mistake_at("breach_url", "CS-C053", message));
        Url::parse(&raw::Password::default().breach_url).expect("a literal https URL")
    });
    let memory = u32::try_from(raw.argon2_memory.0 / 1024).unwrap_or(u32::MAX);
    // The other half is for those who are signed in already.
    let half = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
    Password {
        enabled: raw.enabled,
        min_length: raw.min_length.unwrap_or(MIN_LENGTH),
        min_length_alone: raw.min_length.unwrap_or(MIN_LENGTH_ALONE),
        max_length: raw.max_length,
        min_strength: raw.min_strength,
        breach_check: raw.breach_check,
        breach_url,
        reset_ttl: raw.reset_ttl.0,
        argon2_memory_kib: memory,
        argon2_iterations: raw.argon2_iterations,
        argon2_parallelism: raw.argon2_parallelism,
        max_parallel_hashes: if raw.max_parallel_hashes == 0 { half } else { raw.max_parallel_hashes },
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
