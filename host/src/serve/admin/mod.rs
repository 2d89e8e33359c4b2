//! The second address, for those who run the server: metrics, and a console with what it reads.

mod api;
mod gate;
mod page;

use super::server::Shared;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The content type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What every answer says to a browser: it is what it says it is, belongs to no other site, is not to be kept, and is nobody's frame.
const FOR_BROWSERS: [(HeaderName, &str); 5] = [
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

type Answer = Response<Full<Bytes>>;

/// Serves until it is dropped, connections included.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let response = answer(&shared, &request);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let mut builder = auto::Builder::new(TokioExecutor::new());
                    builder.http1().timer(TokioTimer::new()).header_read_timeout(shared.options.head);
                    // A peer that went away is no concern of ours.
                    let _ = builder.http1_only().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Answer {
    let mut response = route(shared, request);
    for (name, value) in FOR_BROWSERS {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn route(shared: &Shared, request: &Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let is_metrics = path == "/metrics";
    // Numbers are no secret, and whoever collects them comes by any name.
    let refused = match is_metrics {
        true => None,
        false => gate::refuses(request, &shared.options.admin_hosts),
    };
    if let Some(reason) = refused {
        return say(StatusCode::FORBIDDEN, TEXT, format!("{reason}\n"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = say(StatusCode::METHOD_NOT_ALLOWED, TEXT, "read it with GET\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    if is_metrics {
        return say(StatusCode::OK, OPEN_METRICS, shared.metrics.text());
    }
    match path.strip_prefix("/api/") {
        Some(wanted) => match api::read(shared, wanted, request.uri().query()) {
            Ok(value) => json(&value),
            Err((status, reason)) => say(status, TEXT, format!("{reason}\n")),
        },
        None => page::file(path).unwrap_or_else(|| {
            let known = "there is / for people, /metrics for Prometheus, and /api/requests, /api/errors for programs\n";
            say(StatusCode::NOT_FOUND, TEXT, known)
        }),
    }
}

fn json(value: &Value) -> Answer {
    say(StatusCode::OK, "application/json", value.to_string())
}

fn say(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
