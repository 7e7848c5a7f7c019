//! See `countersign::fuzzing::hook_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| countersign::fuzzing::hook_answer(bytes));
