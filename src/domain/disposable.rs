//! Domains of throw-away mail: who signs up with one cannot be reached tomorrow.

use std::sync::LazyLock;

/// Sorted by byte; lines that begin with `#` say where it is from.
const LIST: &str = include_str!("disposable.txt");

static DOMAINS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| LIST.lines().filter(|line| !line.starts_with('#')).collect());

/// Whether the domain, or one above it, hands out throw-away addresses. `domain` is in lower case, as A-labels.
pub fn is_disposable(domain: &str) -> bool {
    let parents = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
    std::iter::once(domain).chain(parents).any(|name| DOMAINS.binary_search(&name).is_ok())
}
