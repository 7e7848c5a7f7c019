//! See `countersign::fuzzing::rule`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| countersign::fuzzing::rule(bytes));
