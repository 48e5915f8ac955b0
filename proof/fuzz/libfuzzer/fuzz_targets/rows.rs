//! libFuzzer's door to the target `rows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::rows(bytes));
