//! Does nothing: what a component costs before it does anything.

fn main() {}
