//! A module that falls ill when a question has the role `broken` in it.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tempfile::TempDir;

use super::answers::{garbage, reserved_claims, too_many, wrong_version};
use super::ward::Victim;
use super::{Applies, Broken, Fault, GOOD, Ill, Way, does};

const GROWS: &str = "(loop $more (drop (memory.grow (i32.const 1))) (br $more)) (i64.const 0)";
const WRITES: &str = "(loop $more (i32.store8 (i32.const 65536) (i32.const 32)) (br $more)) (i64.const 0)";

pub fn applies(fault: Fault) -> Applies {
    match fault {
        Fault::Timeout => Applies::Suffers(vec![Ill::crowd()]),
        Fault::Failure => does(&[
            "unreachable",
            "(i64.extend_i32_u (i32.div_u (i32.const 1) (i32.const 0)))",
            "(i64.load (i32.const 1000000))",
        ]),
        Fault::Garbage => Applies::Suffers(garbage()),
        Fault::Oversize => {
            let Applies::Suffers(more) = does(&[
                "(i64.const 0x10000_00010001)",
                "(i64.const 0x00000008_FFFFFFFF)",
                "(i64.const 0xFFFF0000_00000020)",
            ]) else {
                unreachable!()
            };
            Applies::Suffers(too_many().into_iter().chain(more).collect())
        }
        Fault::WrongVersion => Applies::Suffers(wrong_version()),
        // Nothing leads outside: a module that wants a way is not started, nor is one that is promised one.
        Fault::Redirect => Applies::NeverOpens(vec![
            broken("(import \"env\" \"fetch\" (func (param i32 i32)))", ""),
            broken("(import \"countersign\" \"redirect\" (func))", ""),
            broken("", "allowed_hosts = [\"elsewhere.example\"]"),
        ]),
        Fault::EndlessLoop => does(&["(loop $for (br $for)) (i64.const 0)"]),
        Fault::MemoryBomb => does(&[
            GROWS,
            "(drop (memory.grow (i32.const 65000))) (i64.const 0)",
            "(drop (table.grow (ref.null func) (i32.const 200000))) (i64.const 0)",
            "(call $deeper) (i64.const 0)",
        ]),
        Fault::ReservedClaims => Applies::Suffers(reserved_claims()),
        // It has no other time than its fuel, and its file is no pipe.
        Fault::SlowBody => does(&[WRITES]),
    }
}

fn broken(import: &str, more: &str) -> Broken {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, &text(b"", "unreachable").replacen("(module", &format!("(module {import}"), 1));
    Broken { section: format!("{}\n{more}", section(&folder, "5s", 1_000_000)), folder: Some(folder) }
}

fn put(folder: &TempDir, text: &str) {
    std::fs::write(folder.path().join("module.wasm"), wat::parse_str(text).unwrap()).unwrap();
}

fn section(folder: &TempDir, timeout: &str, fuel: u64) -> String {
    let path = folder.path().join("module.wasm");
    format!(
        "kind = \"wasm\"\nmodule = {:?}\nmemory = \"2 MiB\"\ninstances = 1\nfuel = {fuel}\ntimeout = \"{timeout}\"",
        path.to_str().unwrap()
    )
}

/// A module that does this for whoever is broken; `said` lies at 65536.
fn text(said: &[u8], does: &str) -> String {
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
    let (good, said, length) = (escaped(GOOD.as_bytes()), escaped(said), GOOD.len());
    format!(
        r#"(module
            (memory (export "memory") 4)
            (table 1000 funcref)
            (data (i32.const 16) "\22broken\22")
            (data (i32.const 64) "{good}")
            (data (i32.const 65536) "{said}")
            (func (export "alloc") (param i32) (result i32) (i32.const 196608))
            (func $deeper (call $deeper) (call $deeper))
            (func $has (param $at i32) (param $length i32) (result i32)
                (local $i i32)
                (loop $next
                    (if (i64.eq (i64.load (i32.add (local.get $at) (local.get $i))) (i64.load (i32.const 16)))
                        (then (return (i32.const 1))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $i) (local.get $length))))
                (i32.const 0))
            (func $ill (result i64) {does})
            (func (export "authorize") (param $at i32) (param $length i32) (result i64)
                (if (result i64) (call $has (local.get $at) (local.get $length))
                    (then (call $ill))
                    (else (i64.or (i64.shl (i64.const 64) (i64.const 32)) (i64.const {length}))))))"#
    )
}

/// A module in a folder of its own.
pub struct Module {
    folder: TempDir,
    is_ill: AtomicBool,
}

impl Module {
    pub fn open() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), is_ill: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Victim for Module {
    fn section(&self, ill: &Ill) -> String {
        let (text, fuel) = match &ill.way {
            Way::Says(body) => {
                let packed = format!("(i64.or (i64.shl (i64.const 65536) (i64.const 32)) (i64.const {}))", body.len());
                (text(body, &packed), 1_000_000)
            }
            Way::Does(act) => (text(b"", act), 1_000_000),
            _ => (text(b"", "(loop $for (br $for)) (i64.const 0)"), 20_000_000),
        };
        put(&self.folder, &text);
        section(&self.folder, ill.deadline.unwrap_or("5s"), fuel)
    }

    async fn suffers(&self, ill: Option<&Ill>) {
        self.is_ill.store(ill.is_some(), Ordering::SeqCst);
    }

    fn roles(&self) -> Vec<String> {
        vec![if self.is_ill.load(Ordering::SeqCst) { "broken" } else { "member" }.into()]
    }
}
