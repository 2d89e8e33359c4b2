//! The second address, for those who run the server: metrics, and a console with what it reads and does.

mod api;
mod gate;
mod page;
mod tasks;

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
const JSON: &str = "application/json";
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
                    let service = service_fn(|request: Request<Incoming>| {
                        let shared = shared.clone();
                        // Nobody has to say more than a head.
                        let request = request.map(drop);
                        async move { Ok::<_, Infallible>(answer(&shared, &request).await) }
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

async fn answer(shared: &Shared, request: &Request<()>) -> Answer {
    let mut response = route(shared, request).await;
    for (name, value) in FOR_BROWSERS {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn route(shared: &Shared, request: &Request<()>) -> Answer {
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
    let method = request.method();
    if !matches!(*method, Method::GET | Method::HEAD) {
        if tasks::is_here(path) {
            return match gate::refuses_change(request) {
                Some(reason) => say(StatusCode::FORBIDDEN, TEXT, format!("{reason}\n")),
                None => tasks::change(shared, method, path).await,
            };
        }
        let mut response = say(StatusCode::METHOD_NOT_ALLOWED, TEXT, "read it with GET\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    if is_metrics {
        return say(StatusCode::OK, OPEN_METRICS, shared.metrics.text());
    }
    let query = request.uri().query();
    match path.strip_prefix("/api/") {
        Some(_) if tasks::is_here(path) => read(tasks::read(shared, path, query).await),
        Some(wanted) => read(api::read(shared, wanted, query)),
        None => page::file(path).unwrap_or_else(|| {
            let known = "there is / for people, /metrics for Prometheus, and /api/requests, /api/errors, /api/tasks for programs\n";
            say(StatusCode::NOT_FOUND, TEXT, known)
        }),
    }
}

fn read(result: Result<Value, (StatusCode, String)>) -> Answer {
    match result {
        Ok(value) => say(StatusCode::OK, JSON, value.to_string()),
        Err((status, reason)) => say(status, TEXT, format!("{reason}\n")),
    }
}

fn say(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
