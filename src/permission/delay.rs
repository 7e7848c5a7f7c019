//! How long somebody may go on with what was taken from them.

use time::Duration;

use super::{OnError, ProviderPolicy};
use crate::domain::service::Service;

/// The longest time between a change at a permission provider and the last token that does not know of it, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delay {
    /// A token that was issued just before lives on.
    pub token: Duration,
    /// It may have been issued with a remembered answer.
    pub cache: Duration,
    /// While a provider fails, an older answer may do: what that adds.
    pub stale: Duration,
    /// All of it.
    pub total: Duration,
}

/// The delay of a service with these providers: those of its chain that count and whose answers are remembered.
pub fn worst_case<'a>(service: &Service, policies: impl Iterator<Item = &'a ProviderPolicy>) -> Delay {
    let (mut cache, mut longest) = (Duration::ZERO, Duration::ZERO);
    for policy in policies {
        cache = cache.max(policy.cache_ttl);
        let lasts = if policy.on_error == OnError::Stale { policy.stale_max_age } else { Duration::ZERO };
        longest = longest.max(lasts);
    }
    let token = service.access_token_ttl;
    let stale = (longest - cache).max(Duration::ZERO);
    Delay { token, cache, stale, total: token + cache + stale }
}
