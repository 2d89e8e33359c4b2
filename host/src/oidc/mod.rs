//! OpenID Connect, as far as deliveries of tasks need it: tokens that say who delivers, made here and checked here.
//!
//! `key` has the key that signs, `issuer` makes tokens with it and tells others how to check them, `trust` checks the tokens of an
//! issuer that is trusted, `jws` is the form of both. Time is an argument.

mod issuer;
mod jws;
mod key;
mod trust;

pub use issuer::{Issuer, IssuerError};
pub(crate) use jws::sign;
pub(crate) use key::pair_of;
pub use trust::TrustedIssuer;
pub(crate) use trust::{Judged, Trust};

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as tokens count.
pub(crate) fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
