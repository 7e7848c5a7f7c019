//! Where a finished sign-in may go: only what a service registered, compared byte for byte.

use url::{Host, Url};

/// An address that passed the allow-list of a service. It is redirected to as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReturnTo(String);

/// Longest `next`, in bytes.
const LONGEST: usize = 2048;

impl ReturnTo {
    /// `None` unless `raw` matches one of the registered patterns.
    ///
    /// A pattern is compared byte for byte; one `*` at its end, behind the host, stands for any rest of path, query and fragment.
    /// The port of a pattern with the loopback host and no port is free (RFC 8252 §7.3).
    pub fn allowed(raw: &str, patterns: &[String]) -> Option<Self> {
        let plain = raw.len() <= LONGEST && raw.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b));
        if !plain || !patterns.iter().any(|pattern| matches(raw, pattern)) {
            return None;
        }
        let parsed = Url::parse(raw).ok()?;
        let unambiguous = parsed.username().is_empty()
            && parsed.password().is_none()
            && raw.starts_with(&parsed[..url::Position::BeforePath]);
        (unambiguous && !climbs(raw)).then(|| Self(raw.to_owned()))
    }

    /// As it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with `name=value` as its last query parameter; an old one of that name, or a `jwt`, is gone. The rest stays byte for byte.
    pub fn with_query(&self, name: &str, value: &str) -> String {
        let (base, fragment) =
            self.0.split_once('#').map_or((self.0.as_str(), None), |(base, fragment)| (base, Some(fragment)));
        let (path, query) = base.split_once('?').map_or((base, ""), |(path, query)| (path, query));
        let pairs = query.split('&').filter(|_| !query.is_empty());
        let mut kept: Vec<&str> = pairs.filter(|pair| !is_named(pair, name) && !is_named(pair, "jwt")).collect();
        let ours = format!("{name}={value}");
        kept.push(&ours);
        let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        format!("{path}?{}{fragment}", kept.join("&"))
    }

    /// The address with `name=value` as its fragment, which no server sees.
    pub fn with_fragment(&self, name: &str, value: &str) -> String {
        let base = self.0.split('#').next().unwrap_or_default();
        format!("{base}#{name}={value}")
    }
}

/// Whether a query pair has this name, however it is spelt.
fn is_named(pair: &str, name: &str) -> bool {
    url::form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(have, _)| have == name)
}

fn matches(raw: &str, pattern: &str) -> bool {
    if let Some(rest) = free_port_rest(raw, pattern) {
        return rest;
    }
    match pattern.strip_suffix('*') {
        Some(start) => is_behind_host(start) && raw.starts_with(start),
        None => raw == pattern,
    }
}

/// Whether what stands before a `*` holds the whole host, so that the `*` cannot prolong it.
fn is_behind_host(start: &str) -> bool {
    start.split_once("://").is_some_and(|(_, rest)| rest.contains('/'))
}

/// For a loopback pattern without a port: whether `raw` is the same with any port. `None` for all other patterns.
fn free_port_rest(raw: &str, pattern: &str) -> Option<bool> {
    let host = ["http://localhost/", "http://127.0.0.1/", "http://[::1]/"]
        .into_iter()
        .find(|host| pattern.starts_with(host))?;
    let authority = &host[..host.len() - 1];
    let rest = raw.strip_prefix(authority)?;
    let digits =
        rest.strip_prefix(':').map(|port| port.bytes().take_while(u8::is_ascii_digit).count()).unwrap_or_default();
    let path = if digits == 0 { rest } else { &rest[1 + digits..] };
    let same_path = match pattern[authority.len()..].strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == &pattern[authority.len()..],
    };
    Some(same_path)
}

/// Whether a path segment is `.` or `..`, however it is spelt, and whatever parameters it has (RFC 3986 §3.3).
fn climbs(raw: &str) -> bool {
    let mut path = raw.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    while path.contains("%25") {
        // Some servers decode twice.
        path = path.replace("%25", "%");
    }
    for (spelling, letter) in [("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("%3b", ";")] {
        path = path.replace(spelling, letter);
    }
    path.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

/// What is wrong with a pattern of `next_urls`; `None` if it may stand. `production` asks for https off loopback.
pub fn pattern_mistake(pattern: &str, production: bool) -> Option<&'static str> {
    if pattern.matches('*').count() > 1 || (pattern.contains('*') && !pattern.ends_with('*')) {
        return Some("only one `*` may stand in it, at its end");
    }
    let plain = pattern.strip_suffix('*').unwrap_or(pattern);
    let Ok(url) = Url::parse(plain) else { return Some("it is not an absolute URL") };
    let Some(host) = url.host() else { return Some("it has no host") };
    let loopback = match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some("its scheme must be https");
    }
    if url.scheme() == "http" && production && !loopback {
        return Some("its scheme must be https; http is for loopback only");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("it must not hold a user name");
    }
    let before_path = &url[..url::Position::BeforePath];
    if !plain.starts_with(before_path)
        || plain.len() <= before_path.len()
        || !plain[before_path.len()..].starts_with('/')
    {
        return Some("behind scheme and host, in lower case, a `/` must follow before any `*`");
    }
    plain.contains('#').then_some("it must not hold a `#`")
}
