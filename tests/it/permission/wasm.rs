//! Permissions from WebAssembly modules, honest and hostile.

mod faults;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ada, in_token, mistakes, names, opened, question, service};
use crate::domain::user::User;
use crate::it::stage::Stage;
use crate::it::stage::clock::ManualClock;
use crate::keys::sha256_hex;
use crate::permission::chain::{Chain, ChainError, Granted, Question};

/// A folder with modules.
pub struct Shelf(TempDir);

impl Shelf {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Puts a module there, or another in its place.
    pub fn put(&self, text: &str) -> PathBuf {
        self.put_bytes(&wat::parse_str(text).unwrap())
    }

    pub fn put_bytes(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("module.wasm");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The section of the module, with these keys beside.
    pub fn section(&self, more: &str) -> String {
        let path = self.0.path().join("module.wasm");
        format!("kind = \"wasm\"\nmodule = {:?}\ntimeout = \"10s\"\n{more}", path.to_str().unwrap())
    }
}

/// A module that says this to everybody.
pub fn says(answer: &str) -> String {
    says_after("", answer)
}

/// A module that does something first.
pub fn says_after(first: &str, answer: &str) -> String {
    let data = answer.bytes().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
    let length = answer.len();
    format!(
        r#"(module
            (memory (export "memory") 2)
            (data (i32.const 65536) "{data}")
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "authorize") (param $at i32) (param $length i32) (result i64)
                {first}
                (i64.or (i64.shl (i64.const 65536) (i64.const 32)) (i64.const {length}))))"#
    )
}

/// A module that grants by what stands in the question, as a person would write one by hand: staff may write, everybody may read;
/// whoever is `broken` breaks it.
pub const BY_ROLE: &str = r#"(module
    (import "countersign" "log" (func $log (param i32 i32)))
    (memory (export "memory") 4)
    (data (i32.const 16) "\22staff\22\22broken\22")
    (data (i32.const 64) "{\22permissions\22:[\22wiki:read\22]}")
    (data (i32.const 128) "{\22permissions\22:[\22wiki:read\22,\22wiki:write\22],\22limits\22:{\22uploads_per_day\22:100}}")
    (data (i32.const 256) "asked")
    (func (export "alloc") (param i32) (result i32) (i32.const 65536))
    (func $has (param $at i32) (param $length i32) (param $word i32) (param $of i32) (result i32)
        (local $i i32) (local $j i32)
        (block $no
            (loop $next
                (br_if $no (i32.gt_u (i32.add (local.get $i) (local.get $of)) (local.get $length)))
                (local.set $j (i32.const 0))
                (block $differs
                    (loop $same
                        (br_if $differs (i32.ne
                            (i32.load8_u (i32.add (local.get $at) (i32.add (local.get $i) (local.get $j))))
                            (i32.load8_u (i32.add (local.get $word) (local.get $j)))))
                        (local.set $j (i32.add (local.get $j) (i32.const 1)))
                        (br_if $same (i32.lt_u (local.get $j) (local.get $of))))
                    (return (i32.const 1)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $next)))
        (i32.const 0))
    (func (export "authorize") (param $at i32) (param $length i32) (result i64)
        (call $log (i32.const 256) (i32.const 5))
        (if (call $has (local.get $at) (local.get $length) (i32.const 23) (i32.const 8)) (then (unreachable)))
        (if (result i64) (call $has (local.get $at) (local.get $length) (i32.const 16) (i32.const 7))
            (then (i64.const 0x80_0000004B))
            (else (i64.const 0x40_0000001D)))))"#;

pub fn chain_of(section: &str) -> Chain {
    let clock = Arc::new(ManualClock::new());
    let registry = opened(clock.clone(), section).unwrap_or_else(|found| panic!("{found:?}"));
    Chain::new(&registry, Arc::default(), clock)
}

pub async fn decide(chain: &Chain, user: &User) -> Result<Granted, ChainError> {
    chain.decide(&question(&service("wiki", &["a"]), user)).await
}

/// Why there is no answer.
pub fn why(refused: Result<Granted, ChainError>) -> String {
    match refused {
        Err(ChainError::Unavailable { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

fn with_role(role: &str) -> User {
    User { roles: vec![role.into()], ..ada() }
}

#[tokio::test]
async fn a_module_reads_the_question_and_answers_it() {
    let shelf = Shelf::new();
    shelf.put(BY_ROLE);
    let chain = chain_of(&shelf.section(""));

    let member = decide(&chain, &with_role("member")).await.unwrap();
    let staff = decide(&chain, &with_role("staff")).await.unwrap();

    assert_eq!(names(&member), ["wiki:read"]);
    assert_eq!(names(&staff), ["wiki:read", "wiki:write"]);
    assert_eq!(Value::Object(staff.limits), json!({ "uploads_per_day": 100 }));
}

/// A module whose answer is the question, as text in `reason`.
const ECHO: &str = r#"(module
    (memory (export "memory") 4)
    (data (i32.const 16) "{\22claims\22:{\22asked\22:")
    (func (export "alloc") (param i32) (result i32) (i32.const 35))
    (func (export "authorize") (param $at i32) (param $length i32) (result i64)
        (i32.store16 (i32.add (local.get $at) (local.get $length)) (i32.const 0x7d7d))
        (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.extend_i32_u (i32.add (local.get $length) (i32.const 21))))))"#;

#[tokio::test]
async fn the_question_is_that_of_the_contract_with_the_modules_own_table() {
    let shelf = Shelf::new();
    shelf.put(ECHO);
    let chain = chain_of(&shelf.section("config = { plan = \"team\", seats = 3 }\nvary = [\"mfa\"]"));
    let user = ada();

    let granted =
        chain.decide(&Question { is_multi_factor: true, ..question(&service("wiki", &["a"]), &user) }).await.unwrap();

    let asked = &granted.claims["asked"];
    assert_eq!(asked["version"], 1);
    assert_eq!(asked["user"]["id"], user.id.to_string());
    assert_eq!(asked["service"], json!({ "id": "wiki", "audience": ["https://wiki.example.com"] }));
    assert_eq!(asked["context"], json!({ "mfa": true }));
    assert_eq!(asked["config"], json!({ "plan": "team", "seats": 3 }));
}

#[tokio::test]
async fn nothing_is_left_of_one_call_in_the_next() {
    let shelf = Shelf::new();
    // Counts in a global and in the memory, and says the sum as a digit.
    shelf.put(
        r#"(module
            (memory (export "memory") 1)
            (global $calls (mut i32) (i32.const 0))
            (data (i32.const 16) "{\22limits\22:{\22calls\22:0}}")
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "authorize") (param i32 i32) (result i64)
                (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                (i32.store8 (i32.const 35) (i32.add (i32.load8_u (i32.const 35)) (global.get $calls)))
                (i64.const 0x10_00000016)))"#,
    );
    let chain = chain_of(&shelf.section("cache_ttl = \"0s\""));

    for _ in 0..3 {
        let granted = decide(&chain, &ada()).await.unwrap();
        assert_eq!(Value::Object(granted.limits), json!({ "calls": 1 }));
    }
}

#[test]
fn only_the_pinned_module_is_opened() {
    let shelf = Shelf::new();
    let bytes = std::fs::read(shelf.put(&says("{}"))).unwrap();
    let pin = sha256_hex(&bytes);

    assert_eq!(mistakes(&shelf.section(&format!("sha256 = \"{pin}\""))), [""; 0]);
    assert_eq!(mistakes(&shelf.section(&format!("sha256 = \"{}\"", pin.to_uppercase()))), [""; 0]);
    let other = std::fs::read(shelf.put(&says("{ }"))).unwrap();
    let found = mistakes(&shelf.section(&format!("sha256 = \"{pin}\"")));

    let seen = sha256_hex(&other);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("CS-C142 ") && found[0].contains(&pin) && found[0].contains(&seen), "{found:?}");
    for no_pin in ["", "abc", &pin[1..], &format!("{pin}0"), &pin.replace(&pin[..1], "g")] {
        let found = mistakes(&shelf.section(&format!("sha256 = \"{no_pin}\"")));
        assert!(found.len() == 1 && found[0].starts_with("CS-C142 "), "{no_pin}: {found:?}");
    }
}

#[test]
fn a_section_that_cannot_work_stops_the_start() {
    let shelf = Shelf::new();
    shelf.put(&says("{}"));
    for more in [
        "fuel = 10000",
        "fuel = 100000000",
        "memory = \"1 MiB\"",
        "memory = \"256 MiB\"",
        "instances = 0",
        "instances = 64",
        "allowed_hosts = []",
        "config = {}",
    ] {
        assert_eq!(mistakes(&shelf.section(more)), [""; 0], "{more}");
    }
    for more in [
        "fuel = 9999",
        "fuel = 100000001",
        "memory = \"1023 KiB\"",
        "memory = \"257 MiB\"",
        "instances = 65",
        "instances = -1",
        "allowed_hosts = [\"api.example.com\"]",
        "allowed_hosts = \"*\"",
        "config = []",
        "hosts = []",
    ] {
        assert_eq!(mistakes(&shelf.section(more)).len(), 1, "{more}");
    }
    let found = mistakes(&shelf.section("allowed_hosts = [\"api.example.com\"]"));
    assert_eq!(found, ["CS-C144 `allowed_hosts` must be empty: a module has no network in this version"]);
    let found =
        mistakes("kind = \"wasm\"\nmodule = \"no/such.wasm\"\nallowed_hosts = [\"x\"]\nbreaker = { failures = 0 }");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&"CS-C141 `no/such.wasm` does not exist".to_owned()), "{found:?}");
}

fn of_quota(shelf: &Shelf) -> String {
    let module = shelf.0.path().join("module.wasm");
    format!(
        "[permissions.quota]\nkind = \"wasm\"\nmodule = {:?}\ntimeout = \"10s\"\n[services.frag]\npermissions = [\"quota\"]",
        module.to_str().unwrap()
    )
}

#[tokio::test]
async fn a_service_whose_permissions_come_from_a_module_gets_them_in_its_tokens() {
    let shelf = Shelf::new();
    shelf.put(&says(r#"{"permissions":["frag:read"]}"#));
    let stage = Stage::with(&of_quota(&shelf)).await;
    let token = stage.browser().login_token().await;

    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:read"]);
    shelf.put(&says(r#"{"permissions":["frag:write"]}"#));
    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:read"], "the module is read when the file is");
    stage.reload("").unwrap();
    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:write"]);
    shelf.put_bytes(b"\0asm garbage");
    stage.reload("").unwrap_err();
    assert_eq!(in_token(&stage, &token, "frag").await, ["frag:write"]);
}
