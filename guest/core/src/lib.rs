//! urlfetch-core: decides.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod gunzip;
pub mod url;
