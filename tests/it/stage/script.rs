//! The usual file.

use toml::Table;

/// A service of every kind, one upstream, passwords and mailed links.
const USUAL: &str = r#"
[server]
issuer = "https://auth.example"
mode = "production"

[mail]
transport = "smtp"
from = "Example <auth@auth.example>"
host = "mail.example"

[login]
signup = "open"
default_roles = ["member"]

[login.password]
enabled = true

[login.magic_link]
enabled = true

[login.mfa]
require = "never"

[providers.sso]
kind = "oidc"
name = "SSO"
issuer = "https://sso.test"
client_id = "client"
client_secret = { env = "SSO_SECRET" }

[roles.admin]
[roles.member]
[roles.guest]

[permissions.house]
kind = "static"
roles = { member = ["wiki:read"], admin = ["wiki:read", "wiki:write"] }
deny = { guest = ["wiki:read"] }

[services.wiki]
name = "Team wiki"
next_urls = ["https://wiki.example/*"]
cors_origins = ["https://wiki.example"]
permissions = ["house"]

[services.frag]
next_urls = ["https://frag.example/*"]
next_delivery = "fragment"
permissions = ["house"]

[services.shop]
next_urls = ["https://shop.example/back"]
next_delivery = "code"
client_secret = { env = "SHOP_SECRET" }
permissions = ["house"]

[services.old]
next_urls = ["https://old.example/*"]
token_format = "classic"
permissions = ["house"]

[services.cli]
next_urls = ["http://127.0.0.1/*"]
permissions = ["house"]

[services.admins]
next_urls = ["https://admins.example/*"]
allowed_roles = ["admin"]
permissions = ["house"]

[services.closed]
enabled = false
next_urls = ["https://closed.example/*"]
"#;

/// What proves to be the service `shop`.
pub const SHOP_SECRET: &str = "value-of-SHOP_SECRET";

/// The usual file with these keys in it, or instead of those it has.
pub fn usual_with(keys: &str) -> String {
    with(USUAL, keys)
}

/// This file with these keys in it, or instead of those it has.
pub fn with(text: &str, keys: &str) -> String {
    let (mut table, keys): (Table, Table) = (text.parse().unwrap(), keys.parse().unwrap());
    merge(&mut table, keys);
    toml::to_string(&table).unwrap()
}

/// A section `x = "gone"` disappears.
fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            (_, value) if value.as_str() == Some("gone") => drop(into.remove(&key)),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}
