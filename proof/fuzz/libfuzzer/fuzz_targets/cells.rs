//! libFuzzer's door to the target `cells`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::cells(bytes));
