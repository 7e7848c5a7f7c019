//! What accounts are kept with, checked and resolved.

use std::net::IpAddr;

use time::Date;
use time::macros::format_description;
use url::{Host, Url};

use super::load::Loader;
use super::raw;
use super::settings::{Admin, Api, Audit, Ban, LegacyTokens, Mfa, MfaRule, Passkey, Privacy, Server};
use crate::domain::email::Email;

/// Shortest secret of an older server, in bytes: shorter ones can be guessed.
const SHORTEST_SECRET: usize = 32;

/// The section `[login.passkey]`.
pub fn passkey(loader: &mut Loader, server: &Server, name: &str) -> Passkey {
    let (raw, section) = loader.read::<raw::Passkey>("login.passkey");
    let host = server.issuer.host_str().unwrap_or_default().to_owned();
    let rp_id = raw.rp_id.unwrap_or_else(|| host.clone());
    if rp_id != host && !host.ends_with(&format!(".{rp_id}")) {
        let message = format!("`rp_id` must be `{host}` or a parent of it, and is `{rp_id}`");
        loader.wrong(section.mistake_at("rp_id", "CS-C056", message));
    }
    let mut extra_origins = Vec::new();
    for (index, text) in raw.extra_origins.iter().enumerate() {
        match Url::parse(text).ok().filter(|url| url.origin().ascii_serialization() == *text) {
            Some(url) if url.scheme() == "https" || server.is_dev => extra_origins.push(url),
            _ => {
                let message = format!("`{text}` is not an origin: write `https://app.example.com`");
                loader.wrong(section.mistake_in("extra_origins", index, "CS-C056", message));
            }
        }
    }
    // An address is no relying party (WebAuthn §5.1.2), so passkeys cannot be used there.
    let is_name = matches!(server.issuer.host(), Some(Host::Domain(_)));
    Passkey {
        enabled: raw.enabled && is_name,
        rp_id,
        rp_name: raw.rp_name.unwrap_or_else(|| name.to_owned()),
        extra_origins,
        user_verification: raw.user_verification,
        max_per_user: raw.max_per_user,
    }
}

/// The section `[login.mfa]`.
pub fn mfa(loader: &mut Loader, is_dev: bool) -> Mfa {
    let (raw, _) = loader.read::<raw::Mfa>("login.mfa");
    Mfa {
        require: raw.require.unwrap_or(if is_dev { MfaRule::Never } else { MfaRule::Admins }),
        totp: raw.totp,
        recovery_codes: raw.recovery_codes as usize,
        trust_upstream_amr: raw.trust_upstream_amr,
    }
}

/// The section `[login.legacy_tokens]`: off unless both its secret and its last day are there.
pub fn legacy_tokens(loader: &mut Loader) -> Option<LegacyTokens> {
    let (raw, section) = loader.read::<raw::LegacyTokens>("login.legacy_tokens");
    for (key, other) in [("secret", "until"), ("until", "secret")] {
        if section.says(key) && !section.says(other) {
            loader.wrong(section.mistake_at(key, "CS-C068", format!("`{key}` needs `{other}`")));
        }
    }
    let (secret, until) = raw.secret.zip(raw.until)?;
    if secret.reveal().len() < SHORTEST_SECRET {
        let message = format!("`secret` is shorter than {SHORTEST_SECRET} bytes");
        loader.wrong(section.mistake_at("secret", "CS-C068", message));
    }
    let day = format_description!("[year]-[month]-[day]");
    let Some(day) = Date::parse(&until, day).ok().and_then(Date::next_day) else {
        let message = format!("`{until}` is not a day: write it as `2027-01-31`");
        loader.wrong(section.mistake_at("until", "CS-C068", message));
        return None;
    };
    Some(LegacyTokens { kind: raw.kind, secret, until: day.midnight().assume_utc() })
}

/// The section `[admin]`.
pub fn admin(loader: &mut Loader, mfa: MfaRule) -> Admin {
    let (raw, section) = loader.read::<raw::Admin>("admin");
    let mut emails = Vec::new();
    for (index, text) in raw.emails.iter().enumerate() {
        if let Ok(email) = text.parse::<Email>() {
            emails.push(email);
        } else {
            let message = format!("`{text}` is not an e-mail address");
            loader.wrong(section.mistake_in("emails", index, "CS-C057", message));
        }
    }
    for (index, net) in raw.allowed_networks.iter().enumerate() {
        if matches!(net.addr(), IpAddr::V4(_) | IpAddr::V6(_)) && net.prefix_len() == 0 {
            let message = format!("`{net}` is everybody: leave `allowed_networks` out instead");
            loader.wrong(section.mistake_in("allowed_networks", index, "CS-C057", message));
        }
    }
    Admin {
        emails,
        require_mfa: raw.require_mfa.unwrap_or(mfa != MfaRule::Never),
        allowed_networks: raw.allowed_networks,
        setup_link_ttl: raw.setup_link_ttl.0,
    }
}

/// The section `[api]`.
pub fn api(loader: &mut Loader) -> Api {
    let (raw, _) = loader.read::<raw::Api>("api");
    Api { enabled: raw.enabled, max_key_ttl: raw.max_key_ttl.0, user_keys: raw.user_keys }
}

/// The section `[audit]`.
pub fn audit(loader: &mut Loader) -> Audit {
    let (raw, section) = loader.read::<raw::Audit>("audit");
    let to_log = raw.sinks.contains(&raw::AuditSink::Log);
    if to_log && !raw.hash_chain {
        let message = "events are copied when they are chained: `sinks` needs `hash_chain`".to_owned();
        loader.wrong(section.mistake_at("sinks", "CS-C059", message));
    }
    Audit { retention: raw.retention.0, hash_chain: raw.hash_chain, tokens: raw.tokens, to_log }
}

/// The section `[privacy]`.
pub fn privacy(loader: &mut Loader) -> Privacy {
    let (raw, section) = loader.read::<raw::Privacy>("privacy");
    let geoip_db = raw.geoip_db.as_deref().map(|path| section.path_of(path));
    if let Some(path) = geoip_db.as_ref().filter(|path| !path.is_file()) {
        let message = format!("there is no file `{}`", path.display());
        loader.wrong(section.mistake_at("geoip_db", "CS-C058", message));
    }
    Privacy { ip_retention: raw.ip_retention.0, geoip_db, delete_grace: raw.delete_grace.0 }
}

/// The table `rate_limit.ban`.
pub fn ban(raw: raw::Ban) -> Ban {
    Ban { after: raw.after, per: raw.per.0, lasts: raw.r#for.0 }
}
