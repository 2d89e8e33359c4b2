//! `client.turn` by hand: for an export with a list of borrows of an imported resource wit-bindgen (0.61 to 0.63, its issue 811)
//! generates code that does not compile. This is the canonical ABI of
//! `[method]client.turn: func(self: borrow<client>, others: list<borrow<pollable>>) -> turned`.
#![allow(unsafe_code, reason = "the canonical ABI is about raw memory")]
use alloc::{boxed::Box, vec::Vec};

use wasi::io::poll::Pollable;

use crate::{bindings::exports::urlfetch::rpc::fetch::ClientBorrow, client::Client};

/// A `list<u32>` as it crosses.
#[repr(C)]
struct List {
    pointer: *mut u32,
    length: usize,
}

/// The record `turned` as it crosses.
#[repr(C)]
struct Turned {
    finished: List,
    ready: List,
}

fn lower(list: Vec<u32>) -> List {
    let list = list.into_boxed_slice();
    let length = list.len();
    List {
        pointer: Box::into_raw(list).cast(),
        length,
    }
}

/// # Safety
/// `list` came from [`lower`] and is raised once.
unsafe fn raise(list: &List) -> Box<[u32]> {
    // SAFETY: pointer and length are those of the box that `lower` took apart.
    unsafe {
        Box::from_raw(core::ptr::slice_from_raw_parts_mut(
            list.pointer,
            list.length,
        ))
    }
}

/// # Safety
/// Called by the host only, which gives the representation of a client and a list that it allocated here and leaves to us.
#[unsafe(export_name = "urlfetch:rpc/fetch@0.2.0#[method]client.turn")]
unsafe extern "C" fn turn(client: *const u8, others: *mut u32, length: usize) -> *mut Turned {
    // SAFETY: as said above; an empty list may have any pointer.
    let handles = match length {
        0 => Vec::new(),
        _ => unsafe { Vec::from_raw_parts(others, length, length) },
    };
    // Borrowed handles are ours for the call, and have to be dropped before it returns: dropping these does it.
    // SAFETY: each handle is a pollable's and is wrapped once.
    let others: Vec<Pollable> = handles
        .iter()
        .map(|&handle| unsafe { Pollable::from_handle(handle) })
        .collect();
    // SAFETY: as said above.
    let client = unsafe { ClientBorrow::lift(client) };
    let turned = client
        .get::<Client>()
        .0
        .turn(&others.iter().collect::<Vec<_>>());
    Box::into_raw(Box::new(Turned {
        finished: lower(turned.finished),
        ready: lower(turned.ready),
    }))
}

/// # Safety
/// Called by the host only, once for each result of [`turn`], when it has read it.
#[unsafe(export_name = "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]client.turn")]
unsafe extern "C" fn turn_was_read(turned: *mut Turned) {
    // SAFETY: the pointer is the one that `turn` returned.
    unsafe {
        let turned = Box::from_raw(turned);
        drop(raise(&turned.finished));
        drop(raise(&turned.ready));
    }
}
