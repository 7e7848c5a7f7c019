//! Runs one module: what it must export, what it may import, and how far it may go.

use wasmi::{
    Caller, CompilationMode, Config, Engine, Error, Extern, ExternType, FuncType, Instance, Linker, Memory, Module,
    Store, StoreLimits, StoreLimitsBuilder, TrapCode, ValType,
};

/// Longest answer, in bytes.
const LONGEST_ANSWER: u32 = 64 * 1024;
/// Longest line for the log, in bytes; the rest is cut.
const LONGEST_LINE: usize = 512;
/// Most lines for the log of one call; the rest is dropped.
const MOST_LINES: u8 = 4;
/// Deepest calls within a module.
const DEEPEST: usize = 1000;
/// Most bytes of the stack of a module.
const LARGEST_STACK: usize = 1024 * 1024;
/// Most entries of each of a module's tables.
const LARGEST_TABLE: usize = 100_000;
/// Most tables of a module.
const MOST_TABLES: usize = 8;

/// How far one call may go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// About the number of instructions.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory: usize,
}

/// A module, ready to be asked; every call gets an instance of its own.
pub struct Machine {
    id: String,
    engine: Engine,
    module: Module,
    linker: Linker<Host>,
    bounds: Bounds,
}

/// What one call has of us.
struct Host {
    id: String,
    limits: StoreLimits,
    lines_left: u8,
}

impl Machine {
    /// Checks what the module exports and imports, and starts it once. The error says what was seen and expected.
    pub fn new(id: &str, bytes: &[u8], bounds: Bounds) -> Result<Self, String> {
        if !bytes.starts_with(b"\0asm") {
            return Err("this is not a WebAssembly module".into());
        }
        let engine = engine();
        let module = Module::new(&engine, bytes).map_err(|error| format!("this module is broken: {error}"))?;
        check_imports(&module)?;
        check_exports(&module)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("countersign", "log", log).map_err(|error| error.to_string())?;
        let machine = Self { id: id.to_owned(), engine, module, linker, bounds };
        machine.start().map_err(|why| format!("this module cannot be started: {why}"))?;
        Ok(machine)
    }

    /// The module's answer to the question. The error is one of a few fixed sentences.
    pub fn ask(&self, question: &[u8]) -> Result<Vec<u8>, String> {
        let (mut store, instance, memory) = self.start()?;
        let length = i32::try_from(question.len()).map_err(|_| "the question is too long")?;
        let say = |error: Error| self.say(&error);
        let alloc = instance.get_typed_func::<i32, i32>(&store, "alloc").map_err(say)?;
        let authorize = instance.get_typed_func::<(i32, i32), i64>(&store, "authorize").map_err(say)?;
        let place = alloc.call(&mut store, length).map_err(say)?;
        if place == 0 {
            return Err("its `alloc` has no room for the question".into());
        }
        let outside = "its `alloc` points outside of its memory";
        memory.write(&mut store, place.cast_unsigned() as usize, question).map_err(|_| outside)?;
        let packed = authorize.call(&mut store, (place, length)).map_err(say)?.cast_unsigned();
        let (from, length) = (usize::try_from(packed >> 32).unwrap_or(usize::MAX), packed & u64::from(u32::MAX));
        if length > u64::from(LONGEST_ANSWER) {
            return Err(format!("its answer has {length} bytes, expected at most {LONGEST_ANSWER}"));
        }
        let answer = memory.data(&store).get(from..).and_then(|rest| rest.get(..usize::try_from(length).ok()?));
        answer.map(<[u8]>::to_vec).ok_or_else(|| "its answer lies outside of its memory".into())
    }

    /// A fresh instance, with all of its fuel but what starting it took.
    fn start(&self) -> Result<(Store<Host>, Instance, Memory), String> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.bounds.memory)
            .memories(1)
            .table_elements(LARGEST_TABLE)
            .tables(MOST_TABLES)
            .instances(1)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&self.engine, Host { id: self.id.clone(), limits, lines_left: MOST_LINES });
        store.limiter(|host| &mut host.limits);
        store.set_fuel(self.bounds.fuel).map_err(|error| error.to_string())?;
        let instance = self.linker.instantiate_and_start(&mut store, &self.module).map_err(|error| self.say(&error))?;
        let memory = instance.get_memory(&store, "memory").ok_or("it exports no `memory`")?;
        Ok((store, instance, memory))
    }

    /// The library's own words may hold what the module said, so they are not used.
    fn say(&self, error: &Error) -> String {
        let Bounds { fuel, memory } = self.bounds;
        match error.as_trap_code() {
            Some(TrapCode::OutOfFuel) => format!("it did not end within its `fuel` of {fuel}"),
            Some(TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory) => {
                format!("it wants more than its `memory` of {}", crate::config::Size(memory as u64))
            }
            Some(TrapCode::StackOverflow) => "it called itself too deeply".into(),
            Some(trap) => format!("it stopped with the trap \"{trap}\""),
            None => format!("it cannot run within its `memory` of {}", crate::config::Size(memory as u64)),
        }
    }
}

/// Nothing of what a module asks for is given without being counted.
fn engine() -> Engine {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        // Translating while it runs would be paid with the fuel of the call.
        .compilation_mode(CompilationMode::Eager)
        .ignore_custom_sections(true)
        .wasm_multi_memory(false)
        .set_max_recursion_depth(DEEPEST)
        .set_max_stack_height(LARGEST_STACK);
    Engine::new(&config)
}

fn check_imports(module: &Module) -> Result<(), String> {
    let log = FuncType::new([ValType::I32, ValType::I32], []);
    for import in module.imports() {
        let name = format!("`{}.{}`", show(import.module()), show(import.name()));
        if (import.module(), import.name()) != ("countersign", "log") {
            return Err(format!("it imports {name}, but only `countersign.log` may be imported"));
        }
        if !matches!(import.ty(), ExternType::Func(have) if *have == log) {
            return Err(format!("it imports {name} as something else than the function (i32, i32)"));
        }
    }
    Ok(())
}

fn check_exports(module: &Module) -> Result<(), String> {
    let function = |name: &str, parameters: &[ValType], result: ValType| {
        let wanted = FuncType::new(parameters.iter().copied(), [result]);
        match module.get_export(name) {
            Some(ExternType::Func(have)) if have == wanted => Ok(()),
            Some(_) => Err(format!("its export `{name}` is not {}", describe(parameters, result))),
            None => Err(format!("it does not export {} as `{name}`", describe(parameters, result))),
        }
    };
    if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
        return Err("it does not export its memory as `memory`".into());
    }
    function("alloc", &[ValType::I32], ValType::I32)?;
    function("authorize", &[ValType::I32, ValType::I32], ValType::I64)
}

fn describe(parameters: &[ValType], result: ValType) -> String {
    let name = |of: &ValType| if *of == ValType::I64 { "i64" } else { "i32" };
    let parameters: Vec<_> = parameters.iter().map(name).collect();
    format!("the function ({}) -> {}", parameters.join(", "), name(&result))
}

/// A name that the module's author chose, for people.
fn show(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// `countersign.log`: a line for the log. What lies outside of the memory stops the module.
fn log(mut caller: Caller<'_, Host>, place: i32, length: i32) -> Result<(), Error> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Ok(()) };
    let (data, host) = memory.data_and_store_mut(&mut caller);
    let (place, length) = (place.cast_unsigned() as usize, length.cast_unsigned() as usize);
    let line = data.get(place..).and_then(|rest| rest.get(..length));
    let line = line.ok_or_else(|| Error::from(TrapCode::MemoryOutOfBounds))?;
    if host.lines_left > 0 {
        host.lines_left -= 1;
        let line = String::from_utf8_lossy(&line[..length.min(LONGEST_LINE)]);
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        tracing::debug!(permission.provider = %host.id, %line, "a module says");
    }
    Ok(())
}
