//! The fuzz target: libFuzzer's way into [`program`], and what it is told of what it did.
//!
//! Nothing here is compiled for coverage, neither wasmtime nor what it compiles. Each step of a program says instead what it was and
//! what came of it, and a pair of steps that was not seen before is what coverage is elsewhere: a reason to keep the input.
#![no_main]

mod origin;
mod program;
mod step;

use std::sync::atomic::{AtomicU8, Ordering};

const PLACES: usize = 1 << 14;

/// libFuzzer reads what the linker puts into this section as counters of its own.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static SEEN: [AtomicU8; PLACES] = [const { AtomicU8::new(0) }; PLACES];

/// Tells libFuzzer of something that happened, named by a number.
fn tell(what: u64) {
    // The upper bits of a product depend on all bits below (Knuth, section 6.4).
    let place = what.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
    SEEN[place as usize].fetch_add(1, Ordering::Relaxed);
}

libfuzzer_sys::fuzz_target!(|input: program::Input| program::run(input));
