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

#[cfg(feature = "wasm")]
mod provider {
    use std::sync::Arc;

    use async_trait::async_trait;
    use serde_json::Value;
    use uuid::Uuid;

    use super::WasmPermissions;
    use super::machine::{Bounds, Machine};
    use crate::config::{Mistake, Section};
    use crate::domain::permission::Decision;
    use crate::keys::sha256_hex;
    use crate::permission::common::{NO_NETWORK, NOT_A_MODULE, NOT_READABLE, OTHER_BYTES, config_hash, read_file};
    use crate::permission::question::question;
    use crate::permission::workers::Workers;
    use crate::permission::{Ask, PermissionError, PermissionProvider, ProviderPolicy, answer};

    /// Largest module.
    const LARGEST_MODULE: u64 = 16 * 1024 * 1024;
    /// Work of one call, where the file does not say.
    const FUEL: u64 = 10_000_000;
    /// Memory of one call, where the file does not say.
    const MEMORY: u64 = 16 * 1024 * 1024;

    /// A WebAssembly module.
    pub struct Wasm {
        id: String,
        machine: Arc<Machine>,
        workers: Workers,
        config: Value,
        policy: ProviderPolicy,
    }

    impl Wasm {
        /// Reads the module, checks it, and starts it once to see that it can be.
        pub fn open(section: &Section, config: &WasmPermissions) -> Result<Self, Vec<Mistake>> {
            let mut mistakes = Vec::new();
            if !config.allowed_hosts.is_empty() {
                let message = "`allowed_hosts` must be empty: a module has no network in this version".into();
                mistakes.push(section.mistake_in("allowed_hosts", 0, NO_NETWORK, message));
            }
            let bytes = read(section, config).map_err(|wrong| mistakes.push(wrong)).ok();
            let hash = config_hash("wasm", &(config, bytes.as_deref().map(sha256_hex)), &[]);
            let default_timeout = time::Duration::milliseconds(50);
            let policy = config.common().policy(section, default_timeout, hash);
            let policy = policy.map_err(|wrong| mistakes.push(wrong)).ok();
            let bounds = Bounds {
                fuel: config.fuel.unwrap_or(FUEL),
                memory: usize::try_from(config.memory.map_or(MEMORY, |size| size.0)).unwrap_or(usize::MAX),
            };
            let machine = bytes.and_then(|bytes| {
                let wrong = |message| section.mistake_at("module", NOT_A_MODULE, format!("`module`: {message}"));
                Machine::new(section.id(), &bytes, bounds).map_err(|message| mistakes.push(wrong(message))).ok()
            });
            let (Some(machine), Some(policy), true) = (machine, policy, mistakes.is_empty()) else {
                return Err(mistakes);
            };
            Ok(Self {
                id: section.id().to_owned(),
                machine: Arc::new(machine),
                workers: Workers::new(config.instances.unwrap_or(0) as usize),
                config: Value::Object(config.config.clone()),
                policy,
            })
        }
    }

    #[async_trait]
    impl PermissionProvider for Wasm {
        async fn permissions(&self, ask: &Ask<'_>) -> Result<Decision, PermissionError> {
            let id = Uuid::now_v7().simple().to_string();
            let asked = question(&id, ask, &self.policy.vary, Some(&self.config));
            let machine = Arc::clone(&self.machine);
            let answered = self.workers.run(move || machine.ask(&asked)).await?;
            let body = answered.map_err(|why| PermissionError::Unusable(format!("`{}`: {why}", self.id)))?;
            answer::parse(&self.id, &body)
        }

        fn policy(&self) -> &ProviderPolicy {
            &self.policy
        }
    }

    /// The module, if it is the one that is wanted.
    fn read(section: &Section, config: &WasmPermissions) -> Result<Vec<u8>, Mistake> {
        let shown = config.module.display();
        let bytes = read_file(&section.path_of(&config.module), LARGEST_MODULE)
            .map_err(|why| section.mistake_at("module", NOT_READABLE, format!("`{shown}` {why}")))?;
        let Some(wanted) = &config.sha256 else { return Ok(bytes) };
        if wanted.len() != 64 || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = "`sha256` is not a SHA-256: expected 64 hexadecimal digits".into();
            return Err(section.mistake_at("sha256", OTHER_BYTES, message));
        }
        let seen = sha256_hex(&bytes);
        if seen.eq_ignore_ascii_case(wanted) {
            return Ok(bytes);
        }
        let message = format!("`{shown}` is not the module that is wanted: its SHA-256 is {seen}, expected {wanted}");
        Err(section.mistake_at("sha256", OTHER_BYTES, message))
    }
}
