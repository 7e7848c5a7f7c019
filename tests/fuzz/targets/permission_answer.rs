//! See `countersign::fuzzing::permission_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| countersign::fuzzing::permission_answer(bytes));
