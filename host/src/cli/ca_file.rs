//! `--ca-file`: a sender that trusts what the file has, besides Mozilla's roots.

use super::Refusal;
use std::fmt::Display;
use urlfetch_host::{Sender, SenderOptions};

/// A sender with these options and the roots of the file. Without a file only Mozilla's.
pub(crate) fn sender(file: Option<&str>, options: SenderOptions) -> Result<Sender, Refusal> {
    let path = file.unwrap_or_default();
    let named = |error: &dyn Display| Refusal::new(format!("--ca-file '{path}': {error}"));
    let extra_roots_pem = match file {
        Some(path) => std::fs::read(path).map_err(|error| named(&error))?,
        None => Vec::new(),
    };
    if file.is_some() && extra_roots_pem.is_empty() {
        return Err(named(&"is empty"));
    }
    Sender::new(SenderOptions {
        extra_roots_pem,
        ..options
    })
    .map_err(|error| named(&error))
}
