//! How a task gets where it is to go: into the application here, or out by the sender, as a request of the application would.

use super::request;
use super::server::Shared;
use crate::tasks::{Deliver, Delivered, retry_after};
use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use wasmtime_wasi_http::WasiBody;

/// What a task's URL calls the application that is served, wherever it is served.
pub(super) const APPLICATION: &str = "app.urlfetch.internal";

/// Delivers for a server that listens here.
pub(super) fn by(shared: Arc<Shared>, address: Option<SocketAddr>) -> Deliver {
    Arc::new(move |mut request, deadline| {
        let shared = shared.clone();
        Box::pin(async move {
            if let Some(tasks) = &shared.options.tasks
                && let Err(reason) = tasks.authorize(&mut request).await
            {
                tracing::error!(target: "tasks", reason, "a delivery has no token to show");
                return Delivered::Unanswered;
            }
            if is_here(request.uri(), address) {
                request::deliver(&shared, request, deadline).await
            } else {
                send(&shared, request, deadline).await
            }
        })
    })
}

/// Whether a URL is that of the application: by its name, or by an address that the server listens at.
fn is_here(uri: &Uri, address: Option<SocketAddr>) -> bool {
    if uri.scheme_str() != Some("http") {
        return false;
    }
    if uri
        .host()
        .is_some_and(|host| host.eq_ignore_ascii_case(APPLICATION))
    {
        return true;
    }
    let (Some(address), Some(authority)) = (address, uri.authority()) else {
        return false;
    };
    if authority.port_u16().unwrap_or(80) != address.port() {
        return false;
    }
    let host = authority.host();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip == address.ip() || (address.ip().is_unspecified() && ip.is_loopback()),
        Err(_) => {
            host.eq_ignore_ascii_case("localhost")
                && (address.ip().is_loopback() || address.ip().is_unspecified())
        }
    }
}

/// Out by the pool, under the policy of everything that goes out. Redirects are answers.
async fn send(shared: &Shared, request: Request<Bytes>, deadline: Duration) -> Delivered {
    let request = request.map(whole);
    let exchange = async {
        let Ok(response) = shared.sender.send(request, None).await else {
            return Delivered::Unanswered;
        };
        let (head, body) = response.into_parts();
        match read_out(body).await {
            true => {
                let wait = retry_after(&head.headers, SystemTime::now());
                Delivered::Answered(head.status.as_u16(), wait)
            }
            false => Delivered::Unanswered,
        }
    };
    tokio::select! {
        biased;
        ended = timeout(deadline, exchange) => ended.unwrap_or(Delivered::TimedOut),
        () = shared.admission.is_cut() => Delivered::CutOff,
    }
}

/// A body that is there.
pub(super) fn whole(body: Bytes) -> WasiBody {
    Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Reads a body and forgets it; false when it breaks off.
pub(super) async fn read_out(body: impl http_body::Body) -> bool {
    let mut body = std::pin::pin!(body);
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

/// The authority of a task's URL, as `Host` has it: without a name or a password.
pub(super) fn host(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_known_by_its_name_and_by_where_it_listens() {
        let loopback = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let anywhere = Some(SocketAddr::from(([0, 0, 0, 0], 80)));
        for (url, address, here) in [
            ("http://app.urlfetch.internal/x", None, true),
            ("http://APP.urlfetch.internal:99/x", loopback, true),
            ("https://app.urlfetch.internal/x", loopback, false),
            ("http://127.0.0.1:8080/", loopback, true),
            ("http://localhost:8080/", loopback, true),
            ("http://127.0.0.1:8081/", loopback, false),
            ("http://127.0.0.1/", loopback, false),
            ("http://10.0.0.1:8080/", loopback, false),
            ("http://127.0.0.1/", anywhere, true),
            ("http://localhost/", anywhere, true),
            ("http://example.com/", anywhere, false),
        ] {
            assert_eq!(is_here(&url.parse().unwrap(), address), here, "{url}");
        }
    }
}
