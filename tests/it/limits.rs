//! Every way to change or look up something has a limit (RL-06). The table below is the list of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::stage::Stage;
use crate::http::flood::Flood;

/// What limits a route: the key of `rate_limit`, `flood` for the limit behind all limits (600 a minute and client, in memory),
/// or `none` and why.
const LIMITS: &[(&str, &str)] = &[
    ("/.well-known/", "none: the same bytes for everybody, out of memory"),
    ("/", "none: a redirect"),
    ("/account/confirm", "flood, and what is tried there has its own"),
    ("/account/password", "login_ip, login_account"),
    ("/account", "flood, behind a session"),
    ("/admin", "flood, behind a session of an administrator"),
    ("/api/v1/check-password", "login_ip, login_account, token_client"),
    ("/api/v1/keys", "api_key"),
    ("/api/v1/permissions/invalidate", "token_client"),
    ("/api/v1/sessions", "token_client"),
    ("/api/v1", "api_key"),
    ("/assets/", "none: the same bytes for everybody, out of memory"),
    ("/auth/access", "token_client for a service, api_key for a person, in memory"),
    ("/auth/authorize", "none: a token that costs a signature to make and a look to refuse; `api_key` for keys"),
    ("/auth/check", "none: a look at a token"),
    ("/auth/exchange", "login_ip, login_account"),
    ("/auth/get_profile", "flood"),
    ("/auth/limit", "token_client, api_key, together with /auth/access"),
    ("/auth/logout", "flood"),
    ("/auth/oauth_callback", "flood, and login_ip"),
    ("/auth/permissions", "none: a look for who has a token; `api_key` for wrong secrets"),
    ("/auth/password/validate", "sixty a minute for each client"),
    ("/auth/public-key", "none: the same bytes for everybody, out of memory"),
    ("/auth/resolve", "flood"),
    ("/auth/token", "token_client"),
    ("/auth/update", "flood, behind a token"),
    ("/demo", "none: development only"),
    ("/dev/", "none: development only"),
    ("/health/", "none: a look"),
    ("/login/check-mail", "mail_ip, mail_address"),
    ("/login/code", "five tries for each letter"),
    ("/login/forgot", "mail_ip, mail_address"),
    ("/login/password", "login_ip, login_account"),
    ("/login/second-factor", "login_account"),
    ("/login/passkey", "login_ip"),
    ("/login/{provider}/callback", "login_ip"),
    ("/login/reset", "flood, behind a link that was mailed"),
    ("/login", "flood"),
    ("/logout", "flood"),
    ("/openapi.json", "none: the same bytes for everybody, out of memory"),
    ("/setup/{token}", "flood, behind a link that was sealed here"),
    ("/signup", "signup_ip, mail_ip, mail_address"),
    ("/invite/{token}", "flood, behind a link that was sealed here"),
];

/// All routes in the code: their paths.
fn routes() -> Vec<String> {
    let (mut folders, mut found) = (vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let ways = text.split(".route(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            found.extend(ways.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(found.len() > 50, "{}", found.len());
    found
}

#[test]
fn every_route_stands_in_the_list_of_limits() {
    let limits: BTreeMap<_, _> = LIMITS.iter().copied().collect();
    assert_eq!(limits.len(), LIMITS.len());
    let unlisted = routes().into_iter().filter(|route| {
        let longest = LIMITS.iter().filter(|(path, _)| *path != "/" && route.starts_with(path));
        route != "/" && longest.max_by_key(|(path, _)| path.len()).is_none()
    });
    assert_eq!(unlisted.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn what_has_no_limit_of_its_own_ends_at_the_limit_behind_all_limits() {
    let stage = Stage::open().await;
    let ways = [
        ("POST", "/auth/logout"),
        ("POST", "/auth/update"),
        ("GET", "/auth/resolve?username=ada"),
        ("GET", "/auth/get_profile?username=ada"),
        ("GET", "/login/sso"),
        ("POST", "/logout"),
        ("POST", "/account/devices/end"),
    ];
    for (nth, (method, path)) in ways.into_iter().enumerate() {
        let ip = format!("192.0.2.{}", 100 + nth);
        let mut statuses = Vec::new();
        for _ in 0..301 {
            statuses.push(stage.ask(method, path).from(&ip).await.status);
        }
        assert!(!statuses[..300].contains(&429), "{method} {path}");
        assert_eq!(statuses[300], 429, "{method} {path}");
        assert_eq!(stage.get("/auth/check").from(&ip).await.status, 200, "checks of tokens are not in the way");
        stage.wait(time::Duration::SECOND);
        assert_ne!(stage.ask(method, path).from(&ip).await.status, 429, "{method} {path}");
    }
}

#[test]
fn a_clock_that_is_put_back_locks_nobody_out() {
    let (flood, client) = (Flood::default(), std::net::Ipv4Addr::LOCALHOST.into());
    let refused = |now| (0..301).filter(|_| flood.count(client, now).is_some()).count();
    assert_eq!((refused(10_000), refused(6_400), refused(6_400)), (1, 1, 301));
}

#[test]
fn a_million_clients_take_no_more_memory_than_fifty_thousand_and_those_who_come_often_are_known() {
    let flood = Flood::default();
    let often = std::net::Ipv4Addr::LOCALHOST.into();
    let (mut refused, mut others) = (0, 0);
    for nth in 0..1_000_000_u32 {
        let client = std::net::Ipv4Addr::from_bits(0x0a00_0000 + nth).into();
        others += u32::from(flood.count(client, 0).is_some());
        if nth % 1_000 == 0 {
            refused += u32::from(flood.count(often, 0).is_some());
        }
    }
    assert_eq!((others, refused), (0, 700));
}
