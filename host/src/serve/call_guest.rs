//! Calling an instance's handler, in either generation of WASI, and saying what became of it.

use super::guest::Guest;
use super::request::Answered;
use std::future::poll_fn;
use tokio::sync::oneshot;
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

/// How many frames of a trap's backtrace are told, the innermost first.
const TOLD_FRAMES: usize = 6;

/// Calls `wasi:http/incoming-handler@0.2`. It answers when it likes, and goes on as long as it likes.
pub(super) async fn p2(
    pre: &ProxyPre<Guest>,
    store: &mut Store<Guest>,
    request: http::Request<WasiBody>,
    tell: oneshot::Sender<Answered>,
) -> wasmtime::Result<()> {
    let proxy = pre.instantiate_async(&mut *store).await?;
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let outparam = http.new_response_outparam_from_callback(move |answer| {
        // Nobody listens when the client has gone.
        let _ = tell.send(
            answer.map_err(|code| format!("the application answered with an error: {code:?}")),
        );
    })?;
    let handler = proxy.wasi_http_incoming_handler();
    handler.call_handle(store, request, outparam).await
}

/// Calls `wasi:http/handler@0.3`, and lets its tasks come to their end.
pub(super) async fn p3(
    pre: &ServicePre<Guest>,
    store: &mut Store<Guest>,
    request: http::Request<WasiBody>,
    tell: oneshot::Sender<Answered>,
) -> wasmtime::Result<()> {
    let service = pre.instantiate_async(&mut *store).await?;
    let (request, received) = p3::Request::from_http(store.data_mut().http().hooks, request);
    let answered = store.run_concurrent(async |accessor| {
        let answer = match service.handle(accessor, request).await? {
            Ok(response) => Ok(accessor.with(|store| response.into_http(store, received))?),
            Err(code) => Err(format!("the application answered with an error: {code:?}")),
        };
        let _ = tell.send(answer);
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        wasmtime::Result::Ok(())
    });
    answered.await?
}

/// Why a call ended, on one line: the trap, and where it happened.
pub(super) fn describe(error: &wasmtime::Error) -> String {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return format!("the application exited with status {}", exit.0);
    }
    let cause = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let mut text = cause.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        let backtrace = backtrace.to_string();
        let frames: Vec<_> = backtrace
            .lines()
            .filter_map(function)
            .take(TOLD_FRAMES)
            .collect();
        if !frames.is_empty() {
            text.push_str(&format!(" (in {})", frames.join(" < ")));
        }
    }
    text
}

/// The function's name in a line of a backtrace: `    0:   0x1b3d - app.wasm!core::panicking::panic`.
fn function(line: &str) -> Option<String> {
    let (_, place) = line.split_once(" - ")?;
    let name = place.split_once('!').map_or(place, |(_, name)| name);
    // Rust's names carry the hash of their crate: `std[d123b7a1a2ed1472]::process::abort`.
    let mut plain = String::new();
    for part in name.trim().split('[') {
        match part.split_once(']') {
            Some((hash, rest)) if hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                plain.push_str(rest);
            }
            _ => plain.push_str(part),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::function;

    #[test]
    fn a_frame_is_told_by_its_functions_name() {
        let line = "    1:    0x1b3d - app.wasm!std[d123b7a1a2ed1472]::process::abort";
        assert_eq!(function(line).as_deref(), Some("std::process::abort"));
        assert_eq!(function("    2:  0x1 - abort").as_deref(), Some("abort"));
        assert_eq!(function("error while executing at wasm backtrace:"), None);
    }
}
