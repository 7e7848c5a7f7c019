//! The keys that every kind of permission provider takes.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use time::Duration;

use super::{OnError, ProviderPolicy, Vary};
use crate::config::{Mistake, Secret, Section, Span};

/// A section's struct with the common keys beside its own; serde cannot flatten and refuse unknown keys at once.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$key_meta:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$key_meta])* pub $key: $type,)*
            /// Deadline of one answer, `1ms` to `10s`.
            pub timeout: Option<crate::config::Span>,
            /// How long an allow is remembered, at most `1h`; `60s` where not written. A smaller one in the answer wins.
            pub cache_ttl: Option<crate::config::Span>,
            /// How long a deny is remembered, at most `60s`; `5s` where not written.
            pub negative_ttl: Option<crate::config::Span>,
            /// What a failure means: `deny`, `stale` or `skip`.
            #[serde(default)]
            pub on_error: crate::permission::OnError,
            /// How old a remembered answer may be with `on_error = "stale"`, `1s` to `24h`; `15m` where not written.
            pub stale_max_age: Option<crate::config::Span>,
            /// When it is left alone.
            #[serde(default)]
            pub breaker: crate::permission::common::Breaker,
            /// Context that is sent and belongs to the cache key.
            #[serde(default)]
            pub vary: Vec<crate::permission::Vary>,
        }

        impl $name {
            /// The common keys.
            pub fn common(&self) -> crate::permission::common::Common<'_> {
                crate::permission::common::Common {
                    timeout: self.timeout,
                    cache_ttl: self.cache_ttl,
                    negative_ttl: self.negative_ttl,
                    on_error: self.on_error,
                    stale_max_age: self.stale_max_age,
                    breaker: self.breaker,
                    vary: &self.vary,
                }
            }
        }
    };
}
pub(super) use section;

/// When a failing provider is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Failures in a row; `5` where not written.
    pub failures: u32,
    /// For how long; `10s` where not written.
    pub open_for: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open_for: Span(Duration::seconds(10)) }
    }
}

/// The common keys as they were written.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    pub timeout: Option<Span>,
    pub cache_ttl: Option<Span>,
    pub negative_ttl: Option<Span>,
    pub on_error: OnError,
    pub stale_max_age: Option<Span>,
    pub breaker: Breaker,
    pub vary: &'a [Vary],
}

impl Common<'_> {
    /// The policy; what is out of bounds goes to `mistakes`.
    pub fn policy(
        &self,
        section: &Section,
        default_timeout: Duration,
        config_hash: u64,
        mistakes: &mut Vec<Mistake>,
    ) -> ProviderPolicy {
        let mut bounded = |key: &str, value: Option<Span>, default: Duration, least: Duration, most: Duration| {
            let value = value.map_or(default, |span| span.0);
            if !(least..=most).contains(&value) {
                mistakes.push(out_of_bounds(section, key, least, most));
            }
            value.clamp(least, most)
        };
        let timeout = bounded("timeout", self.timeout, default_timeout, Duration::MILLISECOND, Duration::seconds(10));
        let cache_ttl = bounded("cache_ttl", self.cache_ttl, Duration::seconds(60), Duration::ZERO, Duration::hours(1));
        let negative_ttl =
            bounded("negative_ttl", self.negative_ttl, Duration::seconds(5), Duration::ZERO, Duration::seconds(60));
        let stale_max_age =
            bounded("stale_max_age", self.stale_max_age, Duration::minutes(15), Duration::SECOND, Duration::hours(24));
        let open_for =
            bounded("breaker", Some(self.breaker.open_for), Duration::ZERO, Duration::SECOND, Duration::hours(1));
        if self.breaker.failures == 0 {
            mistakes.push(section.mistake_at("breaker", OUT_OF_BOUNDS, "`failures` must be at least 1".into()));
        }
        ProviderPolicy {
            timeout: timeout.unsigned_abs(),
            cache_ttl,
            negative_ttl,
            on_error: self.on_error,
            stale_max_age,
            breaker_failures: self.breaker.failures.max(1),
            breaker_open_for: open_for,
            vary: self.vary.to_vec(),
            config_hash,
        }
    }
}

/// A value outside its bounds.
pub const OUT_OF_BOUNDS: &str = "CS-C020";
/// Something that is not a permission name.
pub const NOT_A_PERMISSION: &str = "CS-C021";
/// A key of `users` that names nobody.
pub const NOT_A_USER: &str = "CS-C022";
/// A URL that a plug-in may not be called at.
pub const NOT_CALLABLE: &str = "CS-C023";
/// A secret that signs nothing.
pub const NOT_A_SIGNING_SECRET: &str = "CS-C024";

fn out_of_bounds(section: &Section, key: &str, least: Duration, most: Duration) -> Mistake {
    section.mistake_at(key, OUT_OF_BOUNDS, format!("`{key}` must be between {least} and {most}"))
}

/// Changes whenever the section or one of its secrets changes.
pub fn config_hash(kind: &str, config: &impl Debug, secrets: &[&Secret]) -> u64 {
    let mut hasher = DefaultHasher::new();
    kind.hash(&mut hasher);
    format!("{config:?}").hash(&mut hasher);
    for secret in secrets {
        secret.reveal().hash(&mut hasher);
    }
    hasher.finish()
}
