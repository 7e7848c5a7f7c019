//! Opens a section, and asks its module off the threads that serve requests.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::WasmPermissions;
use super::machine::{Bounds, Machine};
use crate::config::{Mistake, Section};
use crate::domain::permission::Decision;
use crate::keys::sha256_hex;
use crate::permission::common::{NOT_READABLE, config_hash, read_file};
use crate::permission::question::question;
use crate::permission::workers::Workers;
use crate::permission::{Ask, PermissionError, PermissionProvider, ProviderPolicy, answer};

/// A module that is not the one that is pinned.
const OTHER_BYTES: &str = "CS-C142";
/// A module that cannot be used.
const NOT_A_MODULE: &str = "CS-C143";
/// A module that wants the network.
const NO_NETWORK: &str = "CS-C144";
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
