//! What a module may do wrong, and that nobody else notices.

use std::sync::Arc;

use super::{Shelf, chain_of, decide, says, says_after, why};
use crate::config::settings::LogFormat;
use crate::it::logging::logged;
use crate::it::permission::{ada, mistakes, opened};
use crate::it::stage::Stage;
use crate::it::stage::clock::ManualClock;
use crate::permission::wasm::machine::{Bounds, Machine};

const ENDLESS: &str = "(loop $for (br $for))";

/// A module with these two functions and whatever else.
fn module(more: &str, alloc: &str, authorize: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 1) {more}
            (func (export "alloc") (param i32) (result i32) {alloc})
            (func (export "authorize") (param i32 i32) (result i64) {authorize}))"#
    )
}

fn authorizes(authorize: &str) -> String {
    module("", "(i32.const 1024)", authorize)
}

/// Everything that may go wrong in a call, and a part of what is said about it.
fn wrong_calls() -> Vec<(String, &'static str)> {
    let answer = |text: &str, said| (says(text), said);
    vec![
        (says_after(ENDLESS, "{}"), "it did not end within its `fuel` of 1000000"),
        (module("", ENDLESS, "(i64.const 0)").replace("(br $for))", "(br $for)) (i32.const 1)"), "`fuel`"),
        (says_after("(loop $m (drop (memory.grow (i32.const 1))) (br $m))", "{}"), "more than its `memory` of 2 MiB"),
        (says_after("(drop (memory.grow (i32.const 65000)))", "{}"), "more than its `memory` of 2 MiB"),
        (authorizes("unreachable"), "trap \"wasm `unreachable` instruction executed\""),
        (authorizes("(i64.extend_i32_u (i32.div_u (i32.const 1) (i32.const 0)))"), "trap \"integer divide by zero\""),
        (authorizes("(i64.load (i32.const 65530))"), "trap \"out of bounds memory access\""),
        (
            module("(func $deeper (call $deeper) (call $deeper))", "(i32.const 8)", "(call $deeper) (i64.const 0)"),
            "it called itself too deeply",
        ),
        (
            module(
                "(table 1000 funcref) (func $more (drop (table.grow (ref.null func) (i32.const 200000))))",
                "(i32.const 8)",
                "(call $more) (i64.const 0)",
            ),
            "it wants more than",
        ),
        (module("", "(i32.const 0)", "(i64.const 0)"), "its `alloc` has no room"),
        (module("", "(i32.const 65530)", "(i64.const 0)"), "its `alloc` points outside"),
        (module("", "(i32.const -8)", "(i64.const 0)"), "its `alloc` points outside"),
        (authorizes("(i64.const 0xFFFF_00000002)"), "its answer lies outside"),
        (authorizes("(i64.const 0x10000_00000001)"), "its answer lies outside"),
        (authorizes("(i64.const 0xFFFFFFF0_00000020)"), "its answer lies outside"),
        (authorizes("(i64.const 0x00000008_FFFFFFFF)"), "its answer has 4294967295 bytes, expected at most 65536"),
        (authorizes("(i64.const -1)"), "its answer has 4294967295 bytes"),
        (authorizes("(i64.const 65537)"), "its answer has 65537 bytes, expected at most 65536"),
        (authorizes("(i64.const 65536)"), "not JSON"),
        (authorizes("(i64.const 0)"), "not JSON"),
        answer("<html>", "not JSON"),
        answer("[]", "it is not a JSON object"),
        answer("null", "it is not a JSON object"),
        answer("{} {}", "more than one JSON value"),
        answer(r#"{"version":2}"#, "`version` is not 1"),
        answer(r#"{"claims":{"sub":"usr_1"}}"#, "the reserved claim `sub`"),
        answer(r#"{"permissions":{"Wiki Read":true}}"#, "not a permission name"),
        answer("{\"reason\":\"\u{7}\u{1b}[31m\"}", "not JSON"),
    ]
}

#[tokio::test]
async fn whatever_goes_wrong_in_a_call_is_no_token_says_what_and_is_not_remembered() {
    for (text, said) in wrong_calls() {
        let shelf = Shelf::new();
        shelf.put(&text);
        let chain = chain_of(&shelf.section("fuel = 1000000\nmemory = \"2 MiB\"\nbreaker = { failures = 100 }"));
        for _ in 0..2 {
            let why = why(decide(&chain, &ada()).await);
            assert!(why.contains(said), "{text}\n{why}");
        }
    }
}

#[test]
fn a_module_that_is_not_of_the_contract_is_not_opened() {
    let export = |name: &str, signature: &str, result: &str| format!("(func (export \"{name}\") {signature} {result})");
    let memory = "(memory (export \"memory\") 1)";
    let alloc = export("alloc", "(param i32) (result i32)", "(i32.const 8)");
    let authorize = export("authorize", "(param i32 i32) (result i64)", "(i64.const 0)");
    let log = |signature: &str| format!("(import \"countersign\" \"log\" (func {signature}))");
    let whole = |first: &str| format!("(module {first} {memory} {alloc} {authorize})");
    for (text, said) in [
        (format!("(module {alloc} {authorize})"), "it does not export its memory as `memory`"),
        (format!("(module (global (export \"memory\") i32 (i32.const 1)) {alloc} {authorize})"), "export its memory"),
        (format!("(module {memory} {authorize})"), "it does not export the function (i32) -> i32 as `alloc`"),
        (format!("(module {memory} {alloc})"), "it does not export the function (i32, i32) -> i64 as `authorize`"),
        (
            format!(
                "(module {memory} {alloc} {})",
                export("authorize", "(param i32 i32) (result i32)", "(i32.const 0)")
            ),
            "its export `authorize` is not the function (i32, i32) -> i64",
        ),
        (
            format!("(module {memory} {} {authorize})", export("alloc", "(param i64) (result i32)", "(i32.const 0)")),
            "its export `alloc` is not the function (i32) -> i32",
        ),
        (
            format!("(module {memory} {alloc} (global (export \"authorize\") i32 (i32.const 1)))"),
            "its export `authorize`",
        ),
        (whole("(import \"env\" \"now\" (func (result i64)))"), "it imports `env.now`, but only `countersign.log`"),
        (whole("(import \"wasi_snapshot_preview1\" \"fd_write\" (func))"), "imports `wasi_snapshot_preview1.fd_write`"),
        (whole("(import \"countersign\" \"fetch\" (func))"), "it imports `countersign.fetch`"),
        (whole("(import \"countersign\" \"log\" (global i32))"), "it imports `countersign.log` as something else"),
        (whole(&log("(param i32)")), "it imports `countersign.log` as something else"),
        (
            format!(
                "(module (import \"env\" \"memory\" (memory 1)) (export \"memory\" (memory 0)) {alloc} {authorize})"
            ),
            "it imports `env.memory`",
        ),
        (format!("(module (memory 1) {memory} {alloc} {authorize})"), "this module is broken"),
        (format!("(module (memory (export \"memory\") i64 1) {alloc} {authorize})"), "this module is broken"),
        (format!("(module (memory (export \"memory\") 257) {alloc} {authorize})"), "its `memory` of 16 MiB"),
        (whole("(table 100001 funcref)"), "this module cannot be started"),
        (whole("(data (i32.const 65535) \"xx\")"), "this module cannot be started"),
        (whole("(func $start unreachable) (start $start)"), "cannot be started: it stopped with the trap"),
        (
            whole(&format!("(func $start {ENDLESS}) (start $start)")),
            "cannot be started: it did not end within its `fuel`",
        ),
    ] {
        let shelf = Shelf::new();
        shelf.put(&text);
        let found = mistakes(&shelf.section("fuel = 1000000"));
        assert!(found.len() == 1 && found[0].starts_with("CS-C143 `module`: "), "{text}\n{found:?}");
        assert!(found[0].contains(said), "{text}\n{found:?}");
    }
    let shelf = Shelf::new();
    for bytes in [b"".as_slice(), b"MZ", b"(module)", b"\0asm", b"\0asm\x01\0\0\0\xff"] {
        shelf.put_bytes(bytes);
        assert_eq!(mistakes(&shelf.section("")).len(), 1, "{bytes:?}");
    }
    shelf.put_bytes(&vec![0; 16 * 1024 * 1024 + 1]);
    let found = mistakes(&shelf.section(""));
    assert!(found[0].starts_with("CS-C141 ") && found[0].ends_with("is larger than 16 MiB"), "{found:?}");
}

#[tokio::test]
async fn nobody_waits_longer_than_the_deadline_and_nobody_else_waits_at_all() {
    let shelf = Shelf::new();
    shelf.put(&says_after(ENDLESS, "{}"));
    let section = shelf.section("fuel = 20000000\ninstances = 1").replace("\"10s\"", "\"5ms\"");
    let chain = chain_of(&section);

    // On the one thread of this test, the timer can only ring if the module runs on another.
    for _ in 0..3 {
        let why = why(decide(&chain, &ada()).await);
        assert_eq!(why, "cannot be reached: it did not answer in time");
    }
}

#[tokio::test]
async fn a_module_may_deny_the_service_or_have_no_opinion() {
    let shelf = Shelf::new();
    let path = shelf.put(&says(r#"{"decision":"deny"}"#));
    let keys = format!(
        "[permissions.quota]\nkind = \"wasm\"\nmodule = {:?}\ntimeout = \"10s\"\n[services.frag]\npermissions = [\"quota\"]",
        path.to_str().unwrap()
    );
    let stage = Stage::with(&keys).await;
    let token = stage.browser().login_token().await;
    let ask = async |service: &str| {
        let reply = stage.get(&format!("/auth/authorize?service={service}")).bearer(&token).await;
        (reply.status, reply.body.contains("token"))
    };

    assert_eq!(ask("frag").await, (403, false));
    assert_eq!(ask("wiki").await, (200, true));
    shelf.put(&says(r#"{"decision":"abstain","permissions":["frag:read"]}"#));
    stage.reload("").unwrap();
    assert_eq!(ask("frag").await, (200, true));
}

#[test]
fn a_module_may_say_a_few_short_lines_to_the_log_and_no_more() {
    let machine = |length: &str| {
        let again = format!(
            "(local $i i32) (loop $again (call $log (i32.const 65536) {length})
             (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 9))))"
        );
        let import = "(module (import \"countersign\" \"log\" (func $log (param i32 i32)))";
        let text = says_after(&again, "a\n\u{1b}[31m").replacen("(module", import, 1);
        let bounds = Bounds { fuel: 1_000_000, memory: 1 << 20 };
        Machine::new("quota", &wat::parse_str(text).unwrap(), bounds).unwrap()
    };
    let log = logged(LogFormat::Json, false, || drop(machine("(i32.const 4000)").ask(b"{}").unwrap()));

    let said: Vec<_> = log.lines().filter(|line| line.contains("a module says")).collect();
    assert_eq!(said.len(), 4, "{log}");
    assert!(said.iter().all(|line| line.len() < 2000 && line.contains("a  [31m") && line.contains("quota")), "{log}");
    for outside in ["(i32.const -1)", "(i32.const 65537)"] {
        let why = machine(outside).ask(b"{}").unwrap_err();
        assert!(why.contains("out of bounds memory access"), "{why}");
    }
}

#[test]
fn the_hash_of_the_section_follows_the_module() {
    let shelf = Shelf::new();
    let hash = |section: &str| {
        let registry = opened(Arc::new(ManualClock::new()), section).unwrap();
        registry.get("a").unwrap().policy().config_hash
    };
    shelf.put(&says("{}"));
    let section = shelf.section("");
    let first = hash(&section);
    assert_eq!(hash(&section), first);
    shelf.put(&says("{ }"));
    assert_ne!(hash(&section), first);
    shelf.put(&says("{}"));
    assert_eq!(hash(&section), first);
    assert_ne!(hash(&shelf.section("config = { plan = \"team\" }")), first);
}
