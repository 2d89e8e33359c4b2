//! What of an inbound request is refused before the application is troubled with it.

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method, Request, StatusCode};

/// The most that a head may have, names and values added up. A guest traps on little more than this.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// The most header lines.
pub(super) const MAX_HEADERS: usize = 256;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) reason: String,
}

/// Judges a head. hyper has read it: what is no HTTP at all does not come here.
pub(super) fn judge<B>(request: &Request<B>, max_body: u64) -> Result<(), Refusal> {
    let refuse = |status, reason: String| Err(Refusal { status, reason });
    if request.method() == Method::CONNECT {
        return refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "this is no proxy: CONNECT is not served".into(),
        );
    }
    if size(request) > MAX_HEAD {
        return refuse(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("the head is larger than {MAX_HEAD} bytes"),
        );
    }
    if request.uri().authority().is_none() {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if host.is_none_or(|host| host.parse::<http::uri::Authority>().is_err())
            || hosts.next().is_some()
        {
            return refuse(
                StatusCode::BAD_REQUEST,
                "there is not exactly one Host, or it is none".into(),
            );
        }
    }
    match declared_length(request.headers()) {
        Some(length) if length > max_body => refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has {length} bytes, more than {max_body}"),
        ),
        _ => Ok(()),
    }
}

fn size<B>(request: &Request<B>) -> usize {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    let lines = request.headers().iter();
    target
        + lines
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>()
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> Option<u16> {
        let judged = judge(&request.body(()).unwrap(), 100);
        judged.err().map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn an_ordinary_request_is_let_in() {
        assert_eq!(status(Request::get("/").header(HOST, "a.test:80")), None);
        assert_eq!(status(Request::get("http://a.test/")), None);
        assert_eq!(
            status(
                Request::post("/")
                    .header(HOST, "[::1]")
                    .header(CONTENT_LENGTH, "100")
            ),
            None
        );
    }

    #[test]
    fn what_a_guest_could_not_read_is_refused_with_its_own_status() {
        assert_eq!(status(Request::get("/")), Some(400));
        assert_eq!(status(Request::get("/").header(HOST, "a b")), Some(400));
        assert_eq!(
            status(Request::get("/").header(HOST, "a").header(HOST, "b")),
            Some(400)
        );
        assert_eq!(status(Request::connect("a.test:443")), Some(405));
        assert_eq!(
            status(
                Request::post("/")
                    .header(HOST, "a")
                    .header(CONTENT_LENGTH, "101")
            ),
            Some(413)
        );
        let large = "x".repeat(MAX_HEAD);
        assert_eq!(
            status(Request::get("/").header(HOST, "a").header("x", large)),
            Some(431)
        );
    }
}
