//! The keys that every kind of permission provider takes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;
use time::Duration;

use super::record::Record;
use super::{OnError, ProviderPolicy, Vary};
use crate::config::{Mistake, Section, Size, Span};
pub use crate::plugin::{NOT_A_USABLE_SECRET, NOT_CALLABLE, OUT_OF_RANGE, config_hash};

/// A section's struct with the common keys beside its own; serde cannot flatten and refuse unknown keys at once.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$key_meta:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$key_meta])* pub $key: $type,)*
            /// Deadline of one answer.
            #[schemars(extend("x-min" = "1ms", "x-max" = "10s"))]
            pub timeout: Option<crate::config::Span>,
            /// How long an allow is remembered; `60s` where not written. A smaller one in the answer wins.
            #[schemars(extend("x-min" = "0s", "x-max" = "1h"))]
            pub cache_ttl: Option<crate::config::Span>,
            /// How long a deny is remembered; `5s` where not written.
            #[schemars(extend("x-min" = "0s", "x-max" = "60s"))]
            pub negative_ttl: Option<crate::config::Span>,
            /// What a failure means: `deny`, `stale` or `skip`.
            #[serde(default)]
            pub on_error: crate::permission::OnError,
            /// How old a remembered answer may be with `on_error = "stale"`; `15m` where not written.
            #[schemars(extend("x-min" = "1s", "x-max" = "24h"))]
            pub stale_max_age: Option<crate::config::Span>,
            /// When it is left alone.
            #[serde(default)]
            pub breaker: crate::permission::common::Breaker,
            /// Context that is sent and belongs to the cache key.
            #[serde(default)]
            pub vary: Vec<crate::permission::Vary>,
            /// Whether it only runs beside the others: it is asked and compared, and its answer is not used.
            #[serde(default)]
            pub observe: bool,
            /// What is kept of its last questions, to ask them again: `ids`, `full` or `off`.
            #[serde(default)]
            pub record: crate::permission::record::Record,
        }

        impl $name {
            /// The common keys.
            #[cfg_attr(
                not(all(feature = "wasm", feature = "cedar")),
                allow(dead_code, reason = "of a kind that is not built, only the schema is needed")
            )]
            pub fn common(&self) -> crate::permission::common::Common<'_> {
                crate::permission::common::Common {
                    timeout: self.timeout,
                    cache_ttl: self.cache_ttl,
                    negative_ttl: self.negative_ttl,
                    on_error: self.on_error,
                    stale_max_age: self.stale_max_age,
                    breaker: self.breaker,
                    vary: &self.vary,
                    observe: self.observe,
                    record: self.record,
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
    pub observe: bool,
    pub record: Record,
}

impl Common<'_> {
    /// The policy; the schema has seen to the bounds, but for those of the breaker.
    pub fn policy(
        &self,
        section: &Section,
        default_timeout: Duration,
        config_hash: u64,
    ) -> Result<ProviderPolicy, Mistake> {
        let or = |written: Option<Span>, default: Duration| written.map_or(default, |span| span.0);
        let Breaker { failures, open_for } = self.breaker;
        if failures == 0 || !(Duration::SECOND..=Duration::hours(1)).contains(&open_for.0) {
            let message = "`breaker` is out of range: allowed are at least 1 failure, and 1s to 1h".into();
            return Err(section.mistake_at("breaker", OUT_OF_RANGE, message));
        }
        Ok(ProviderPolicy {
            timeout: or(self.timeout, default_timeout).unsigned_abs(),
            cache_ttl: or(self.cache_ttl, Duration::seconds(60)),
            negative_ttl: or(self.negative_ttl, Duration::seconds(5)),
            on_error: self.on_error,
            stale_max_age: or(self.stale_max_age, Duration::minutes(15)),
            breaker_failures: failures,
            breaker_open_for: open_for.0,
            vary: self.vary.to_vec(),
            config_hash,
            observe: self.observe,
            record: self.record,
        })
    }
}

/// Something that is not a permission name.
pub const NOT_A_PERMISSION: &str = "CS-C120";
/// A key of `users` that names nobody.
pub const NOT_A_USER: &str = "CS-C121";

/// A kind that this program was built without.
#[cfg(any(test, not(all(feature = "wasm", feature = "cedar"))))]
pub const NOT_BUILT: &str = "CS-C140";
/// A file that cannot be read, or is too large.
#[cfg(any(feature = "wasm", feature = "cedar"))]
pub const NOT_READABLE: &str = "CS-C141";

/// The mistake of a section whose kind this program was built without.
#[cfg(any(test, not(all(feature = "wasm", feature = "cedar"))))]
pub fn not_built(section: &Section, what: &str, feature: &str) -> Vec<Mistake> {
    let message = format!("this program was built without {what}");
    let mut mistake = section.mistake_at("kind", NOT_BUILT, message);
    mistake.help = Some(format!("build it with `--features {feature}`"));
    vec![mistake]
}

/// The text of a file, if it has no more than `most` bytes. The error says what is wrong with it: "is not UTF-8 in line 3".
pub fn read_text(path: &Path, most: u64) -> Result<String, String> {
    String::from_utf8(read_file(path, most)?).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
        format!("is not UTF-8 in line {line}")
    })
}

/// The bytes of a file, if it has no more than `most`. The error says what is wrong with it: "does not exist".
pub fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let why = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    // Opening something that is no file, such as a pipe, would wait for ever.
    if !std::fs::metadata(path).map_err(why)?.is_file() {
        return Err("is not a file".into());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(why)?;
    if bytes.len() as u64 > most {
        return Err(format!("is larger than {}", Size(most)));
    }
    Ok(bytes)
}
