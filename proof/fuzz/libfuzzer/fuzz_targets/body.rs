//! libFuzzer's door to the target `body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::body(bytes));
