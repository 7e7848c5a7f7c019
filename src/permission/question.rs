//! What a provider outside this program is asked, in version 1 of the contract.

use serde::Serialize;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use super::{Ask, Vary, Who};
use crate::domain::permission::Permissions;
use crate::domain::user::User;

#[derive(Serialize)]
struct Wire<'a> {
    version: u8,
    id: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<WireUser<'a>>,
    /// A service that acts for itself; then there is no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<WireMachine<'a>>,
    service: WireService<'a>,
    context: WireContext<'a>,
    previous: WirePrevious<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a Value>,
}

#[derive(Serialize)]
struct WireUser<'a> {
    id: String,
    email: Option<&'a str>,
    email_verified: bool,
    username: Option<&'a str>,
    roles: &'a [String],
    groups: &'a [String],
    provider: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct WireMachine<'a> {
    service: &'a str,
}

#[derive(Serialize)]
struct WireService<'a> {
    id: &'a str,
    audience: &'a [String],
}

#[derive(Serialize)]
struct WireContext<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<std::net::IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa: Option<bool>,
}

#[derive(Serialize)]
struct WirePrevious<'a> {
    permissions: &'a Permissions,
}

/// The question as JSON. `id` names it; `vary` says which context is sent; `config` is the provider's own.
pub fn question(id: &str, ask: &Ask<'_>, vary: &[Vary], config: Option<&Value>) -> Vec<u8> {
    let Ask { service, who, provider, ip, is_multi_factor, previous } = *ask;
    let (user, machine) = match who {
        Who::Person(user) => (Some(wire_user(user, provider)), None),
        Who::Machine(id) => (None, Some(WireMachine { service: id })),
    };
    let wire = Wire {
        version: 1,
        id,
        reason: "authorize",
        user,
        machine,
        service: WireService { id: &service.id, audience: &service.audience },
        context: WireContext {
            ip: ip.filter(|_| vary.contains(&Vary::Ip)),
            provider: vary.contains(&Vary::Provider).then_some(provider),
            mfa: vary.contains(&Vary::Mfa).then_some(is_multi_factor),
        },
        previous: WirePrevious { permissions: previous },
        config,
    };
    serde_json::to_vec(&wire).expect("strings, lists and maps of strings are JSON")
}

fn wire_user<'a>(user: &'a User, provider: &'a str) -> WireUser<'a> {
    WireUser {
        id: user.id.to_string(),
        email: user.email.as_ref().map(|address| address.email.as_str()),
        email_verified: user.email.as_ref().is_some_and(|address| address.verified),
        username: user.username.as_deref(),
        roles: &user.roles,
        groups: &user.groups,
        provider,
        created_at: user.created_at.format(&Rfc3339).unwrap_or_default(),
    }
}
