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

impl Delay {
    /// In a sentence, for people who ask how soon it works to take something from somebody.
    pub fn sentence(&self) -> String {
        let Self { token, cache, stale, total } = *self;
        let mut why = vec![format!("a token lives {}", span(token))];
        if cache > Duration::ZERO {
            why.push(format!("an answer is remembered for {}", span(cache)));
        }
        if stale > Duration::ZERO {
            let (what, more) = if cache > Duration::ZERO { ("", " more") } else { ("an answer is remembered ", "") };
            why.push(format!("and {what}for {}{more} while a provider fails", span(stale)));
        }
        format!("Works after {} at worst: {}.", span(total), why.join(", "))
    }
}

/// A time as people say it: `15 min 30 s`.
fn span(time: Duration) -> String {
    let seconds = time.whole_seconds();
    let parts = [(seconds / 3600, "h"), (seconds % 3600 / 60, "min"), (seconds % 60, "s")];
    let said = parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}"));
    said.collect::<Vec<_>>().join(" ")
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
