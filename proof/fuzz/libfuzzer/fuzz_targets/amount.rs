//! libFuzzer's door to the target `amount`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::amount(bytes));
