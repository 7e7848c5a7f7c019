//! Keys of the full vocabulary that this version does not have: told apart from typos.

/// Sections that come later.
pub const SECTIONS: &[&str] = &["i18n"];

/// Kinds that come later.
pub const KINDS: &[&str] = &["microsoft", "gitlab", "apple", "discord", "ldap"];

/// Keys that come later, by section; `*` stands for any id.
const KEYS: &[(&str, &[&str])] = &[
    ("server", &["tls"]),
    ("login", &["layout", "auto_redirect", "remember_last_method", "hide_unknown_user"]),
    ("login.passkey", &["discoverable", "attestation"]),
    ("keys", &["id_token_alg"]),
    ("providers.*", &["forward", "on_logout", "backchannel_logout"]),
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
            "consent",
            "subject",
            "theme",
            "forward_auth",
        ],
    ),
    ("rate_limit", &["store"]),
    ("admin", &["role", "read_only_ui"]),
    ("api", &["docs"]),
    ("privacy", &["proxy_avatars"]),
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
