//! The exports that take or give records, by hand in the canonical ABI.
//!
//! wit-bindgen writes the same lowering into every export, here eleven times that of a list of headers and eight times that of an
//! error: 8 KB of component. And for an export with a list of borrows of an imported resource, which is `turn`, it generates code
//! that does not compile (0.61 to 0.63, its issue 811).
//!
//! In memory, a record of the ABI is a `repr(C)` struct, a variant a `repr(C, u8)` enum, and a result belongs to us: the host reads it
//! and says when it has. Until then it does not call again, so that one place is enough for all results.
#![allow(unsafe_code, reason = "the canonical ABI is about raw memory")]
use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cell::UnsafeCell, mem, mem::MaybeUninit, ptr};

use urlfetch::{
    Method,
    binding::{self, Call, ClientKey, RpcKey, driver},
};
use wasi::io::poll::Pollable;

use crate::{
    bindings::exports::urlfetch::rpc::{
        fetch::{ClientBorrow, Rpc as RpcHandle, RpcBorrow},
        types::{ErrorKind, Phase},
    },
    client::Client,
    convert::{to_kind, to_phase},
    rpc::Rpc,
};

/// A `list`, or a `string`, whose memory is ours.
#[repr(C)]
struct List<T> {
    pointer: *mut T,
    length: usize,
}

type Text = List<u8>;

#[repr(C, u8)]
enum Maybe<T> {
    None,
    Some(T),
}

#[repr(C, u8)]
#[allow(dead_code, reason = "the host reads it")]
enum Outcome<T> {
    Ok(T),
    Err(FetchError),
}

#[repr(C)]
struct Header {
    name: Text,
    value: Text,
}

#[repr(C)]
struct Response {
    status: u16,
    headers: List<Header>,
    content: List<u8>,
    was_truncated: bool,
    final_url: Maybe<Text>,
}

#[repr(C)]
struct FetchError {
    kind: ErrorKind,
    code: u32,
    phase: Phase,
    retryable: bool,
    url: Text,
    detail: Text,
    response: Maybe<Response>,
}

#[repr(C)]
struct Hop {
    url: Text,
    status: u16,
    started_at: f64,
    head_at: Maybe<f64>,
    ended_at: Maybe<f64>,
}

#[repr(C)]
struct Turned {
    finished: List<u32>,
    ready: List<u32>,
}

#[repr(C, u8)]
#[allow(dead_code, reason = "the host reads it")]
enum Waited {
    Finished(Finished),
    Interrupted,
    Nothing,
}

#[repr(C)]
struct Finished {
    index: u32,
    callback_due: bool,
}

impl<T> List<T> {
    fn lower(items: Vec<T>) -> Self {
        let items = items.into_boxed_slice();
        let length = items.len();
        let pointer = Box::into_raw(items).cast();
        Self { pointer, length }
    }

    fn lower_each<U>(items: impl ExactSizeIterator<Item = U>, lower: impl Fn(U) -> T) -> Self {
        let mut lowered = Vec::with_capacity(items.len());
        for item in items {
            lowered.push(lower(item));
        }
        Self::lower(lowered)
    }

    /// # Safety
    /// The list came from the host, which allocated it here and leaves it to us.
    unsafe fn lift(self) -> Vec<T> {
        let Self { pointer, length } = self;
        mem::forget(self);
        match length {
            // An empty list may have any pointer.
            0 => Vec::new(),
            // SAFETY: as said above.
            _ => unsafe { Vec::from_raw_parts(pointer, length, length) },
        }
    }
}

impl Text {
    /// # Safety
    /// As for [`List::lift`]. The host has seen to it that it is UTF-8.
    unsafe fn lift_string(self) -> String {
        // SAFETY: as said above.
        unsafe { String::from_utf8_unchecked(self.lift()) }
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        // SAFETY: pointer and length are those of the box that `lower` took apart.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(self.pointer, self.length)) });
    }
}

impl<T> Maybe<T> {
    fn lower<U>(option: Option<U>, lower: impl FnOnce(U) -> T) -> Self {
        match option {
            None => Self::None,
            Some(value) => Self::Some(lower(value)),
        }
    }
}

impl<T> Outcome<T> {
    fn lower<U>(result: Result<U, urlfetch::FetchError>, lower: impl FnOnce(U) -> T) -> Self {
        match result {
            Ok(value) => Self::Ok(lower(value)),
            Err(error) => Self::Err(FetchError::lower(error)),
        }
    }
}

fn lower_text(text: String) -> Text {
    List::lower(text.into_bytes())
}

impl Response {
    fn lower(mut response: urlfetch::Response) -> Self {
        Self {
            status: response.status,
            headers: List::lower_each(response.headers.iter_mut(), |(name, value)| Header {
                name: lower_text(mem::take(name)),
                value: List::lower(mem::take(value)),
            }),
            content: List::lower(response.content),
            was_truncated: response.was_truncated,
            final_url: Maybe::lower(response.final_url, lower_text),
        }
    }
}

impl FetchError {
    fn lower(error: urlfetch::FetchError) -> Self {
        Self {
            kind: to_kind(error.kind),
            code: error.code,
            phase: to_phase(error.phase),
            retryable: error.retryable,
            url: lower_text(error.url),
            detail: lower_text(error.detail),
            response: Maybe::lower(error.response, |response| Response::lower(*response)),
        }
    }
}

impl Hop {
    /// In seconds since the call was started.
    fn lower(hop: &urlfetch::Hop, start: urlfetch::Instant) -> Self {
        let seconds = |at: urlfetch::Instant| at.seconds_since(start);
        Self {
            url: lower_text(hop.url.clone()),
            status: hop.status,
            started_at: seconds(hop.started_at),
            head_at: Maybe::lower(hop.head_at, seconds),
            ended_at: Maybe::lower(hop.ended_at, seconds),
        }
    }
}

/// The record `request`, as its parts are passed; a payload that is none is an empty one.
struct Request {
    url: Text,
    method: Text,
    headers: List<Header>,
    payload: List<u8>,
    follow_redirects: bool,
    allow_truncated: bool,
    validate_certificate: Option<bool>,
}

impl Request {
    /// # Safety
    /// As for [`List::lift`].
    unsafe fn lift(self) -> Result<urlfetch::Request, urlfetch::FetchError> {
        // SAFETY: as said above.
        unsafe {
            let mut headers = Vec::with_capacity(self.headers.length);
            for Header { name, value } in self.headers.lift() {
                headers.push((name.lift_string(), value.lift()));
            }
            let method = self.method.lift_string();
            Ok(urlfetch::Request {
                url: self.url.lift_string(),
                headers,
                payload: self.payload.lift(),
                method: Method::parse(&method)?,
                follow_redirects: self.follow_redirects,
                allow_truncated: self.allow_truncated,
                validate_certificate: self.validate_certificate,
            })
        }
    }
}

/// What a borrowed handle of ours stands for.
///
/// # Safety
/// The host gave the representation.
unsafe fn client(client: *const u8) -> ClientKey {
    // SAFETY: as said above.
    unsafe { ClientBorrow::lift(client) }.get::<Client>().0
}

/// # Safety
/// As for [`client`].
unsafe fn rpc(rpc: *const u8) -> RpcKey {
    // SAFETY: as said above.
    unsafe { RpcBorrow::lift(rpc) }.get::<Rpc>().0
}

/// An rpc, its call and its result in one.
fn fetch(
    client: ClientKey,
    request: Result<urlfetch::Request, urlfetch::FetchError>,
    deadline: Option<f64>,
) -> Result<urlfetch::Response, urlfetch::FetchError> {
    let rpc = Rpc(driver().service.create_rpc(client, deadline)?);
    driver().make_fetch_call(rpc.0, request?)?;
    driver().take_outcome(rpc.0)
}

/// Where every result lies until the host has read it.
#[repr(align(8))]
struct Place(UnsafeCell<[MaybeUninit<u8>; 96]>);

// SAFETY: an instance has one thread.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new([MaybeUninit::uninit(); 96]));

/// An export under its name, and the function by which the host says that it has read the result.
macro_rules! export {
    ($name:literal, $was_read:literal, ($($argument:ident: $type:ty),*) -> $result:ty $body:block) => {
        const _: () = {
            /// # Safety
            /// Called by the host only, with what the WIT says: borrowed handles as their representations, lists that it allocated
            /// here and leaves to us.
            #[unsafe(export_name = $name)]
            unsafe extern "C" fn export($($argument: $type),*) -> *mut $result {
                const {
                    assert!(size_of::<$result>() <= size_of::<Place>());
                    assert!(align_of::<$result>() <= align_of::<Place>());
                }
                let place = PLACE.0.get().cast::<$result>();
                // SAFETY: as said above; and the result before this one was read.
                unsafe {
                    let result = $body;
                    place.write(result);
                }
                place
            }

            /// # Safety
            /// Called by the host only, once for each result.
            #[unsafe(export_name = $was_read)]
            unsafe extern "C" fn was_read(result: *mut $result) {
                // SAFETY: `export` wrote it there.
                unsafe { result.drop_in_place() };
            }
        };
    };
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]client.create-rpc",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]client.create-rpc",
    (this: *const u8, has_deadline: bool, deadline: f64) -> Outcome<u32> {
        let created = driver().service.create_rpc(client(this), has_deadline.then_some(deadline));
        Outcome::lower(created, |rpc| RpcHandle::new(Rpc(rpc)).take_handle())
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]client.fetch",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]client.fetch",
    (
        this: *const u8, url: *mut u8, url_length: usize, method: *mut u8, method_length: usize, headers: *mut Header,
        headers_length: usize, has_payload: bool, payload: *mut u8, payload_length: usize, follow_redirects: bool,
        allow_truncated: bool, has_validate: bool, validate: bool, has_deadline: bool, deadline: f64
    ) -> Outcome<Response> {
        let request = Request {
            url: List { pointer: url, length: url_length },
            method: List { pointer: method, length: method_length },
            headers: List { pointer: headers, length: headers_length },
            payload: List { pointer: payload, length: if has_payload { payload_length } else { 0 } },
            follow_redirects,
            allow_truncated,
            validate_certificate: has_validate.then_some(validate),
        };
        let deadline = has_deadline.then_some(deadline);
        Outcome::lower(fetch(client(this), request.lift(), deadline), Response::lower)
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]client.turn",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]client.turn",
    (this: *const u8, others: *mut u32, others_length: usize) -> Turned {
        let handles = List { pointer: others, length: others_length }.lift();
        // Borrowed handles are ours for the call, and have to be dropped before it returns: dropping these does it.
        let others: Vec<Pollable> = handles.into_iter().map(|handle| Pollable::from_handle(handle)).collect();
        let turned = driver().turn(client(this), &others.iter().collect::<Vec<_>>());
        Turned { finished: List::lower(turned.finished), ready: List::lower(turned.ready) }
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]rpc.make-fetch-call",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]rpc.make-fetch-call",
    (
        this: *const u8, url: *mut u8, url_length: usize, method: *mut u8, method_length: usize, headers: *mut Header,
        headers_length: usize, has_payload: bool, payload: *mut u8, payload_length: usize, follow_redirects: bool,
        allow_truncated: bool, has_validate: bool, validate: bool
    ) -> Outcome<()> {
        let request = Request {
            url: List { pointer: url, length: url_length },
            method: List { pointer: method, length: method_length },
            headers: List { pointer: headers, length: headers_length },
            payload: List { pointer: payload, length: if has_payload { payload_length } else { 0 } },
            follow_redirects,
            allow_truncated,
            validate_certificate: has_validate.then_some(validate),
        };
        let started = request.lift().and_then(|request| driver().make_fetch_call(rpc(this), request));
        Outcome::lower(started, |()| ())
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]rpc.wait",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]rpc.wait",
    (this: *const u8) -> Outcome<bool> {
        let waited = driver().wait(rpc(this));
        Outcome::lower(waited, |()| driver().service.take_callback_due(rpc(this)))
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]rpc.check-success",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]rpc.check-success",
    (this: *const u8) -> Outcome<()> {
        Outcome::lower(driver().outcome(rpc(this)), |_| ())
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]rpc.get-result",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]rpc.get-result",
    (this: *const u8) -> Outcome<Response> {
        Outcome::lower(driver().outcome(rpc(this)), |response| Response::lower(response.clone()))
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[static]rpc.into-result",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[static]rpc.into-result",
    (rpc: u32) -> Outcome<Response> {
        let rpc = RpcHandle::from_handle(rpc).into_inner::<Rpc>();
        let outcome = driver().take_outcome(rpc.0);
        Outcome::lower(outcome, Response::lower)
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]rpc.hops",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]rpc.hops",
    (this: *const u8) -> List<Hop> {
        let driver = driver();
        let (hops, start) = match driver.service.call(rpc(this)) {
            Some(call) => (call.hops(), call.started_at()),
            None => Default::default(),
        };
        List::lower_each(hops.iter(), |hop| Hop::lower(hop, start))
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#[method]rpc.rejected-headers",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#[method]rpc.rejected-headers",
    (this: *const u8) -> List<Text> {
        let driver = driver();
        let names = driver.service.call(rpc(this)).map_or_else(Default::default, Call::rejected_headers);
        List::lower_each(names.iter(), |name| lower_text(name.clone()))
    }
}

export! {
    "urlfetch:rpc/fetch@0.2.0#wait-any",
    "cabi_post_urlfetch:rpc/fetch@0.2.0#wait-any",
    (rpcs: *mut *const u8, rpcs_length: usize, has_until: bool, until: u32) -> Outcome<Waited> {
        let rpcs = List { pointer: rpcs, length: rpcs_length }.lift();
        let rpcs: Vec<RpcKey> = rpcs.into_iter().map(|handle| rpc(handle)).collect();
        let until = has_until.then(|| Pollable::from_handle(until));
        let mut driver = driver();
        let waited = driver.wait_any(&rpcs, until.as_ref(), true);
        Outcome::lower(waited, |waited| match waited {
            binding::Waited::Finished(place) => Waited::Finished(Finished {
                index: place as u32,
                callback_due: driver.service.take_callback_due(rpcs[place]),
            }),
            binding::Waited::Interrupted => Waited::Interrupted,
            binding::Waited::Nothing => Waited::Nothing,
        })
    }
}
