//! See `countersign::fuzzing::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| countersign::fuzzing::policy(bytes));
