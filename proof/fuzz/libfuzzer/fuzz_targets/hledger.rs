//! libFuzzer's door to the target `hledger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::hledger(bytes));
