//! Keys of the full vocabulary that this version does not have: told apart from typos.

/// Sections that come later.
pub const SECTIONS: &[&str] = &["api", "audit", "privacy", "i18n"];

/// Kinds that come later.
pub const KINDS: &[&str] =
    &["microsoft", "gitlab", "apple", "discord", "ldap", "policy", "cedar", "wasm", "sql", "exec"];

/// Keys that come later, by section; `*` stands for any id.
const KEYS: &[(&str, &[&str])] = &[
    ("server", &["tls", "reload"]),
    ("session", &["remember_me", "remember_timeout", "sudo_window", "bind_ip"]),
    (
        "login",
        &[
            "passkey",
            "mfa",
            "layout",
            "auto_redirect",
            "remember_last_method",
            "require_verified_email",
            "hide_unknown_user",
        ],
    ),
    ("login.password", &["min_strength", "breach_check", "reset_ttl"]),
    ("keys", &["id_token_alg"]),
    ("roles.*", &["assign", "description"]),
    (
        "providers.*",
        &["allow", "deny", "forward", "store_tokens", "refresh_profile", "on_logout", "backchannel_logout"],
    ),
    (
        "services.*",
        &[
            "description",
            "logo",
            "client_type",
            "client_auth",
            "jwks_url",
            "redirect_uris",
            "post_logout_redirect_uris",
            "backchannel_logout_uri",
            "grants",
            "pkce",
            "scopes",
            "id_token_ttl",
            "refresh_token_ttl",
            "refresh_absolute_ttl",
            "refresh_reuse_grace",
            "permissions_in",
            "max_token_size",
            "require_mfa",
            "max_auth_age",
            "access",
            "consent",
            "subject",
            "claims",
            "theme",
            "forward_auth",
        ],
    ),
    ("permissions.*", &["observe"]),
    ("extensions.*", &["mode"]),
    ("rate_limit", &["store", "signup_ip", "api_key", "ban"]),
    ("admin", &["emails", "role", "require_mfa", "allowed_networks", "read_only_ui"]),
    ("observability", &["metrics_listen", "otlp_endpoint", "otlp_sample", "error_details"]),
    ("theme", &["logo_dark", "favicon", "radius", "background", "css", "texts", "footer_links"]),
];

/// Whether a later version knows `key` in the section `path`.
pub fn is_later(path: &str, key: &str) -> bool {
    KEYS.iter().any(|(section, keys)| {
        let same = match section.strip_suffix('*') {
            Some(family) => path.starts_with(family),
            None => path == *section,
        };
        same && keys.contains(&key)
    })
}
