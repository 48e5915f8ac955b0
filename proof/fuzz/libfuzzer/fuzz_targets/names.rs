//! libFuzzer's door to the target `names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::names(bytes));
