//! What a loopback origin answers on which path.

use super::loopback::Counts;
use super::loopback_body::LoopbackBody;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The most bytes that `/gzip` makes.
const GZIP_LIMIT: u64 = 1 << 30;

/// Answers one request; an error closes the connection without an answer.
pub(super) async fn route(
    request: Request<Incoming>,
    counts: Arc<Counts>,
) -> Result<Response<LoopbackBody>, io::Error> {
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let path = request.uri().path().to_owned();
    let mut segments = path.trim_start_matches('/').split('/');
    let verb = segments.next().unwrap_or_default();
    let first = segments.next();
    // A number that is missing or none is 0.
    let number = |segment: Option<&str>| {
        segment
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let (n, second) = (number(first), segments.next());
    match verb {
        "bytes" => Ok(Response::new(LoopbackBody::Zeros(n))),
        "chunked" => Ok(Response::new(LoopbackBody::Chunked(n))),
        "count" => count(request, n).await,
        "delay" => {
            tokio::time::sleep(Duration::from_millis(n)).await;
            Ok(Response::new(LoopbackBody::Zeros(number(second))))
        }
        "redirect" => Ok(redirect(n, second)),
        "gzip" => gzip(n),
        "status" => Ok(status(first)),
        "drip" => Ok(Response::new(LoopbackBody::drip())),
        "stall" if first == Some("body") => Ok(Response::new(LoopbackBody::Stall)),
        "stall" => std::future::pending().await,
        "echo" => echo(request).await,
        "close" => Err(io::ErrorKind::ConnectionAborted.into()),
        "cut" => Ok(Response::new(LoopbackBody::cut(n))),
        _ => Ok(empty(StatusCode::NOT_FOUND)),
    }
}

fn empty(status: StatusCode) -> Response<LoopbackBody> {
    let mut response = Response::new(LoopbackBody::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn status(code: Option<&str>) -> Response<LoopbackBody> {
    // 1xx is no final answer, and hyper would not send it.
    let code = code
        .and_then(|code| code.parse::<StatusCode>().ok())
        .filter(|code| !code.is_informational());
    empty(code.unwrap_or(StatusCode::BAD_REQUEST))
}

fn redirect(left: u64, code: Option<&str>) -> Response<LoopbackBody> {
    if left == 0 {
        return Response::new(LoopbackBody::Whole(Bytes::from_static(b"arrived\n")));
    }
    let mut response = code.map_or_else(|| empty(StatusCode::FOUND), |code| status(Some(code)));
    let location = match code {
        Some(code) => format!("/redirect/{}/{code}", left - 1),
        None => format!("/redirect/{}", left - 1),
    };
    if let Ok(location) = location.try_into() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn gzip(size: u64) -> Result<Response<LoopbackBody>, io::Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(
        &mut io::Read::take(io::repeat(0), size.min(GZIP_LIMIT)),
        &mut encoder,
    )?;
    encoder.flush()?;
    let mut response = Response::new(LoopbackBody::Whole(encoder.finish()?.into()));
    response.headers_mut().insert(
        header::CONTENT_ENCODING,
        header::HeaderValue::from_static("gzip"),
    );
    Ok(response)
}

async fn count(
    request: Request<Incoming>,
    expected: u64,
) -> Result<Response<LoopbackBody>, io::Error> {
    let mut body = request.into_body();
    let mut arrived = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        arrived += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
    Ok(empty(match arrived == expected {
        true => StatusCode::OK,
        false => StatusCode::BAD_REQUEST,
    }))
}

async fn echo(request: Request<Incoming>) -> Result<Response<LoopbackBody>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), text(value.as_bytes())))
        .collect();
    let reflected = serde_json::json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "version": format!("{:?}", parts.version),
        "headers": headers,
        "body": text(&body),
    });
    let mut response = Response::new(LoopbackBody::Whole(reflected.to_string().into()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
