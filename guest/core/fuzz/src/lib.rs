//! What must hold for any input: one module for each fuzz target. The targets feed these, and so does `tests/corpus.rs`.
//!
//! "No panic" is the least of it. Each module compares core with a judge that shares no code with it: a model of its own, or a
//! library that others trust (`fluent-uri`, `url`, `http`, `httparse`, `flate2`).

pub mod headers;
pub mod inflate;
pub mod location;
pub mod operations;
