//! libFuzzer's way into [`urlfetch_core_fuzz::headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: urlfetch_core_fuzz::headers::Input| {
    urlfetch_core_fuzz::headers::check(input)
});
