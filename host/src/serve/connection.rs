//! One inbound connection: HTTP/1.1 or h2, whichever the client speaks, and a line for whatever is neither.

use super::inbound::Inbound;
use super::judgement::{MAX_HEAD, MAX_HEADERS};
use super::request;
use super::server::Shared;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// After so long without a word a client of h2 is asked whether it is there, and how long it may take to say so. It cannot in the
/// middle of a head.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);
/// h2 streams of one connection.
const MAX_STREAMS: u32 = 256;
/// What hyper reads before it refuses: a little more than we do, so that the refusal is ours, with a line in the log.
const READ_HEAD: usize = MAX_HEAD + 16 * 1024;

/// How to speak with clients: made once. A head may take as long as `head`, and so long a connection is kept that nobody uses.
pub(super) fn protocols(head: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(READ_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(2 * READ_HEAD as u32);
    builder
}

/// Serves until the client leaves, or until it has been told that we do.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
) {
    // Small answers leave at once.
    let _ = stream.set_nodelay(true);
    let (inbound, heard, leftover) = Inbound::new(stream);
    let refused = Arc::new(AtomicBool::new(false));
    let service = {
        let (shared, refused) = (shared.clone(), refused.clone());
        service_fn(move |request| {
            let (shared, refused) = (shared.clone(), refused.clone());
            async move {
                let response = request::answer(shared, peer, request).await;
                if response.status().is_client_error() || response.status().is_server_error() {
                    refused.store(true, Ordering::Relaxed);
                }
                Ok::<_, Infallible>(response)
            }
        })
    };
    let connection = shared
        .protocols
        .serve_connection(TokioIo::new(inbound), service)
        .into_owned();
    shared.metrics.connected();
    let head = shared.options.head;
    let ended = tokio::select! {
        biased;
        ended = watcher.watch(connection) => ended,
        () = heard.nothing_within(head) => Err(Overdue.into()),
    };
    let mut last_word = String::new();
    if let Err(error) = ended {
        let malformed = |status: u16, reason: &str| {
            shared.metrics.malformed();
            shared.journal.malformed(peer, status, reason);
            refused.store(true, Ordering::Relaxed);
            tracing::warn!(target: "request", %peer, status, reason, "malformed request");
        };
        if let Some(status) = malformed_status(&*error) {
            malformed(status, &chain(&*error));
        } else if is_overdue(&*error) && heard.is_within_a_head() {
            let reason = format!("no whole head within {} s", head.as_secs_f64());
            malformed(408, &reason);
            last_word = request_timeout(&reason);
        } else {
            tracing::debug!(target: "request", %peer, error = %chain(&*error), "connection ended");
        }
    }
    if refused.load(Ordering::Relaxed) {
        leftover.close(last_word.as_bytes()).await;
    }
    shared.metrics.disconnected();
}

/// A client that did not begin in time.
#[derive(Debug, thiserror::Error)]
#[error("nothing that is a request came in time")]
struct Overdue;

/// Whether a client took too long: with a head, or to come back. Hyper does not answer then.
fn is_overdue(error: &(dyn StdError + 'static)) -> bool {
    error.is::<Overdue>()
        || error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_timeout)
}

/// A whole answer, as bytes: there is nobody else left to write it.
fn request_timeout(reason: &str) -> String {
    format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\r\n{reason}\n",
        reason.len() + 1
    )
}

/// The status that hyper answered with, when what came was no request.
fn malformed_status(error: &(dyn StdError + 'static)) -> Option<u16> {
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        if error.is_parse_too_large() {
            return Some(if error.to_string().contains("URI") {
                414
            } else {
                431
            });
        }
        if error.is_parse() {
            return Some(400);
        }
    }
    let h2 = causes(error).find_map(|error| error.downcast_ref::<h2::Error>())?;
    (h2.is_library() && !h2.is_io()).then_some(400)
}

/// An error with its causes, each once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for error in causes(error) {
        let error = error.to_string();
        if !text.contains(&error) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&error);
        }
    }
    text
}

/// The error, what caused it, and so on.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
