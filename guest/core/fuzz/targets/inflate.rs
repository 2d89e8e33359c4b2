//! libFuzzer's way into [`urlfetch_core_fuzz::inflate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| urlfetch_core_fuzz::inflate::check(input));
