//! libFuzzer's door to the target `beancount`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::beancount(bytes));
