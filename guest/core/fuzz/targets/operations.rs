//! libFuzzer's way into [`urlfetch_core_fuzz::operations`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: urlfetch_core_fuzz::operations::Input| {
    urlfetch_core_fuzz::operations::check(input)
});
