//! Functions of WASI by their canonical ABI: the three that give an error code, the one that takes header lines, and `poll`. The codes
//! are told in core's words; what they mean is decided there.
//!
//! The crate `wasi` takes a code apart case by case and would do so three times, which is 4 KB of component. By itself a code is the
//! number of a case, and some cases have a text. Of header lines it wants each name and value in an allocation of its own, and of
//! what is polled a new list each time.
#![allow(unsafe_code, reason = "the canonical ABI is about raw memory")]
use alloc::{string::String, vec::Vec};
use core::mem::MaybeUninit;

use urlfetch_core::{Failure, FailureCode, Lines};
use wasi::{
    http::types::{
        Fields, FutureIncomingResponse, IncomingResponse, OutgoingRequest, RequestOptions,
    },
    io::{error::Error, poll::Pollable},
};

/// A variant of two cases as it lies in memory: an `option`, or a `result`.
#[allow(dead_code, reason = "the host makes them")]
#[repr(C, u8)]
enum Either<A, B> {
    First(A),
    Second(B),
}

/// An `option` is none first, a `result` ok first.
type Maybe<T> = Either<(), T>;
type Outcome<T> = Either<T, ErrorCode>;

/// The variant `error-code`.
#[repr(C)]
struct ErrorCode {
    case: u8,
    payload: Payload,
}

/// The payload of any case, which holds a u64 in some: what it does not fill is not initialised.
#[repr(C, align(8))]
struct Payload([MaybeUninit<u32>; 6]);

/// `tuple<field-key, field-value>`.
#[allow(dead_code, reason = "the host reads them")]
#[repr(C)]
struct Line {
    name: *const u8,
    name_length: usize,
    value: *const u8,
    value_length: usize,
}

/// `header-error`, whose case nobody asks for.
type HeaderError = u8;

#[link(wasm_import_module = "wasi:http/types@0.2.0")]
unsafe extern "C" {
    #[link_name = "[static]fields.from-list"]
    fn fields_from_list(
        lines: *const Line,
        count: usize,
        fields: *mut MaybeUninit<Either<u32, HeaderError>>,
    );
    #[link_name = "[method]future-incoming-response.get"]
    fn future_get(future: u32, answer: *mut MaybeUninit<Maybe<Either<Outcome<u32>, ()>>>);
    #[link_name = "http-error-code"]
    fn http_error_code(error: u32, code: *mut MaybeUninit<Maybe<ErrorCode>>);
}

#[link(wasm_import_module = "wasi:http/outgoing-handler@0.2.0")]
unsafe extern "C" {
    #[link_name = "handle"]
    fn outgoing_handler_handle(
        request: u32,
        has_options: u32,
        options: u32,
        future: *mut MaybeUninit<Outcome<u32>>,
    );
}

#[link(wasm_import_module = "wasi:io/poll@0.2.0")]
unsafe extern "C" {
    #[link_name = "poll"]
    fn poll(pollables: *const u32, count: usize, ready: *mut MaybeUninit<Ready>);
}

/// A `list<u32>` that is ours.
#[repr(C)]
struct Ready {
    places: *mut u32,
    count: usize,
}

/// Pollables as `poll` takes them.
pub(super) struct Pollables(Vec<u32>);

impl Pollables {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn push(&mut self, pollable: Pollable) {
        self.0.push(pollable.take_handle());
    }

    /// Drops the pollable at this place, which the last one takes.
    pub(super) fn swap_remove(&mut self, place: usize) {
        let handle = self.0.swap_remove(place);
        // SAFETY: `push` took it.
        drop(unsafe { Pollable::from_handle(handle) });
    }

    /// `poll` over these and then the others, of which there is at least one: the places of those that are ready.
    pub(super) fn poll<'a>(&mut self, others: impl Iterator<Item = &'a Pollable>) -> Vec<u32> {
        let own = self.0.len();
        self.0.extend(others.map(Pollable::handle));
        let mut ready = MaybeUninit::uninit();
        // SAFETY: the handles are borrowed, and the host writes the result.
        let Ready { places, count } = unsafe {
            poll(self.0.as_ptr(), self.0.len(), &mut ready);
            ready.assume_init()
        };
        self.0.truncate(own);
        match count {
            // Not that it should be empty, but then it may have any pointer.
            0 => Vec::new(),
            // SAFETY: the host allocated the list here and leaves it to us.
            _ => unsafe { Vec::from_raw_parts(places, count, count) },
        }
    }
}

impl Drop for Pollables {
    fn drop(&mut self) {
        while !self.0.is_empty() {
            self.swap_remove(0);
        }
    }
}

/// `fields.from-list`; none when the host refuses a line.
pub(super) fn fields(lines: &Lines<'_>) -> Option<Fields> {
    let lines = lines.iter().map(|(name, value)| Line {
        name: name.as_ptr(),
        name_length: name.len(),
        value: value.as_ptr(),
        value_length: value.len(),
    });
    let lines: Vec<Line> = lines.collect();
    let mut fields = MaybeUninit::uninit();
    // SAFETY: the host reads what is borrowed until it returns, and writes the result.
    let fields = unsafe {
        fields_from_list(lines.as_ptr(), lines.len(), &mut fields);
        fields.assume_init()
    };
    match fields {
        // SAFETY: the handle is new and ours.
        Either::First(fields) => Some(unsafe { Fields::from_handle(fields) }),
        Either::Second(_) => None,
    }
}

/// `outgoing-handler.handle`.
pub(super) fn handle(
    request: OutgoingRequest,
    options: RequestOptions,
) -> Result<FutureIncomingResponse, Failure> {
    let mut future = MaybeUninit::uninit();
    // SAFETY: both handles are given away, and the host writes the result.
    let future = unsafe {
        outgoing_handler_handle(request.take_handle(), 1, options.take_handle(), &mut future);
        future.assume_init()
    };
    match future {
        // SAFETY: the handle is new and ours.
        Either::First(future) => Ok(unsafe { FutureIncomingResponse::from_handle(future) }),
        Either::Second(code) => Err(code.into_failure()),
    }
}

/// `future-incoming-response.get`; none as long as there is no answer.
pub(super) fn answer(future: &FutureIncomingResponse) -> Option<Result<IncomingResponse, Failure>> {
    let mut answer = MaybeUninit::uninit();
    // SAFETY: the handle is borrowed, and the host writes the result.
    let answer = unsafe {
        future_get(future.handle(), &mut answer);
        answer.assume_init()
    };
    let Either::Second(answer) = answer else {
        return None;
    };
    Some(match answer {
        // SAFETY: the handle is new and ours.
        Either::First(Either::First(response)) => {
            Ok(unsafe { IncomingResponse::from_handle(response) })
        }
        Either::First(Either::Second(code)) => Err(code.into_failure()),
        // It was taken before.
        Either::Second(()) => Err(FailureCode::InternalError.into()),
    })
}

/// What a stream reported: by its code, or on hosts that lose the code of a body, by its text.
pub(super) fn of_stream(error: &Error) -> Failure {
    let mut code = MaybeUninit::uninit();
    // SAFETY: the handle is borrowed, and the host writes the result.
    let code = unsafe {
        http_error_code(error.handle(), &mut code);
        code.assume_init()
    };
    if let Either::Second(code) = code {
        return code.into_failure();
    }
    let mut detail = error.to_debug_string();
    // What follows the first line is the host's stack, where it shows one.
    let line = detail.bytes().position(|byte| byte == b'\n');
    detail.truncate(line.unwrap_or(detail.len()));
    Failure {
        code: FailureCode::from_debug_text(&detail),
        detail,
    }
}

impl ErrorCode {
    fn into_failure(self) -> Failure {
        use FailureCode as Code;
        let code = Code::ALL.get(usize::from(self.case)).copied();
        let code = code.unwrap_or(Code::InternalError);
        // The place of the text, an `option<string>`, in the payload.
        let place = match code {
            Code::DnsError
            | Code::HttpRequestTrailerSize
            | Code::HttpResponseHeaderSize
            | Code::HttpResponseTrailerSize
            | Code::HttpResponseTransferCoding
            | Code::HttpResponseContentCoding
            | Code::InternalError => Some(0),
            // Behind another option, and inside of one.
            Code::TlsAlertReceived => Some(1),
            Code::HttpRequestHeaderSize if self.payload.is_some(0) => Some(1),
            _ => None,
        };
        let detail = place.and_then(|place| self.payload.text(place));
        Failure {
            code,
            detail: detail.unwrap_or_default(),
        }
    }
}

impl Payload {
    /// Whether the option at this word, which is one of the case, is some.
    fn is_some(&self, word: usize) -> bool {
        // SAFETY: the first byte of a word with a tag is initialised.
        unsafe { self.0[word].as_ptr().cast::<u8>().read() != 0 }
    }

    /// The text of the `option<string>` at this word, which is one of the case and is taken once.
    fn text(&self, word: usize) -> Option<String> {
        if !self.is_some(word) {
            return None;
        }
        // SAFETY: the words of a text are initialised; the host allocated it here, in UTF-8, and leaves it to us.
        unsafe {
            let pointer = self.0[word + 1].assume_init() as *mut u8;
            let length = self.0[word + 2].assume_init() as usize;
            Some(String::from_raw_parts(pointer, length, length))
        }
    }
}
