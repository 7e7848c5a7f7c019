//! Permissions from a WebAssembly module, in version 1 of the contract.
//!
//! A module has nothing but its own memory: no clock, no files, no network, and no memory of the call before, for every question
//! gets a fresh instance. It exports
//!
//! - `memory`, its memory;
//! - `alloc(len: i32) -> i32`, where `len` bytes may be written; `0` is a failure;
//! - `authorize(ptr: i32, len: i32) -> i64`, which reads the question there and returns where its answer lies: the address in the
//!   upper 32 bits, the length in the lower ones.
//!
//! The question is the JSON of [`super::question`], with the table `config` of the section as `config`; the answer is the JSON that
//! [`super::answer`] reads, at most 64 KiB. The only import there is, is `countersign.log(ptr: i32, len: i32)`: a line of text for
//! the log, at debug. In the file:
//!
//! ```toml
//! [permissions.quota]
//! kind = "wasm"
//! module = "plugins/quota.wasm"
//! ```

#[cfg(feature = "wasm")]
pub mod machine;
#[cfg(feature = "wasm")]
mod provider;

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::PermissionProvider;
use super::common::section;
use crate::config::Size;
use crate::plugin::Kind;

/// `kind = "wasm"`.
pub const KIND: Kind<dyn PermissionProvider> = Kind {
    name: "wasm",
    schema: |generator| generator.subschema_for::<WasmPermissions>(),
    #[cfg(feature = "wasm")]
    open: |section, _| Ok(std::sync::Arc::new(provider::Wasm::open(section, &section.read()?)?)),
    #[cfg(not(feature = "wasm"))]
    open: |section, _| Err(super::common::not_built(section, "WebAssembly", "wasm")),
};

section! {
    /// Permissions from a WebAssembly module.
    #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "only its schema is needed"))]
    pub struct WasmPermissions {
        /// The module.
        module: PathBuf,
        /// SHA-256 of the module, in hexadecimal; anything else is refused.
        #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
        sha256: Option<String>,
        /// Most memory of one call; `16 MiB` where not written.
        #[schemars(extend("x-min" = "1 MiB", "x-max" = "256 MiB"))]
        memory: Option<Size>,
        /// Most work of one call, about one for each instruction; `10000000` where not written.
        #[schemars(range(min = 10_000, max = 100_000_000))]
        fuel: Option<u64>,
        /// Calls at once; `0`, or not written: as many as there are processors.
        #[schemars(range(max = 64))]
        instances: Option<u32>,
        /// Hosts that may be called; there is no network in this version, so it must be empty.
        #[serde(default)]
        allowed_hosts: Vec<String>,
        /// Handed to the module with every question.
        #[serde(default)]
        config: Map<String, Value>,
    }
}
