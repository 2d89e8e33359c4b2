//! An origin in memory for exact counts: the paths of the loopback origin, answered without a socket, request bodies drained.

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

type Io = Box<dyn Future<Output = Result<()>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Io)>> + Send>;

/// `/bytes/N`, `/chunked/N`, `/delay/MS/N`, `/redirect/N`, `/gzip/N`, `/count/N` as the loopback origin; `/spread/MS/N`: N bytes, the
/// first request at once, each next one a millisecond later, and after MS milliseconds from the beginning.
#[derive(Debug, Default)]
pub(crate) struct MemoryOrigin {
    requests: u64,
}

impl WasiHttpHooks for MemoryOrigin {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Sending {
        let number = self.requests;
        self.requests += 1;
        Box::new(async move {
            let (parts, mut upload) = request.into_parts();
            let mut count = 0;
            while let Some(frame) = upload.frame().await {
                count += frame?.data_ref().map_or(0, Bytes::len);
            }
            let response = respond(parts.uri.path(), number, count as u64).await?;
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

async fn respond(path: &str, number: u64, uploaded: u64) -> Result<Response<WasiBody>> {
    let mut segments = path.trim_start_matches('/').split('/');
    let verb = segments.next().unwrap_or_default();
    let mut next = || {
        segments
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0_u64)
    };
    let (first, second) = (next(), next());
    match verb {
        "bytes" => Ok(zeros(first, true)),
        "chunked" => Ok(zeros(first, false)),
        "delay" => {
            tokio::time::sleep(Duration::from_millis(first)).await;
            Ok(zeros(second, true))
        }
        "spread" => {
            tokio::time::sleep(Duration::from_millis(number % first.max(1))).await;
            Ok(zeros(second, true))
        }
        "redirect" if first > 0 => {
            let location = format!("/redirect/{}", first - 1);
            let mut response = zeros(0, true);
            *response.status_mut() = StatusCode::FOUND;
            let location = HeaderValue::from_str(&location).map_err(internal)?;
            response.headers_mut().insert(header::LOCATION, location);
            Ok(response)
        }
        "redirect" => Ok(whole(Bytes::from_static(b"arrived\n"))),
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let zeros = vec![0; usize::try_from(first).map_err(internal)?];
            encoder.write_all(&zeros).map_err(internal)?;
            let mut response = whole(encoder.finish().map_err(internal)?.into());
            let gzip = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, gzip);
            Ok(response)
        }
        "count" if uploaded == first => Ok(zeros(0, true)),
        _ => {
            let mut response = zeros(0, true);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::InternalError(Some(error.to_string()))
}

fn whole(bytes: Bytes) -> Response<WasiBody> {
    let length = bytes.len() as u64;
    let body = http_body_util::Full::new(bytes).map_err(|never: Infallible| match never {});
    with_length(Response::new(body.boxed_unsync()), length)
}

fn zeros(length: u64, is_told: bool) -> Response<WasiBody> {
    let body = Zeros(length).map_err(|never: Infallible| match never {});
    let response = Response::new(body.boxed_unsync());
    match is_told {
        true => with_length(response, length),
        false => response,
    }
}

fn with_length(mut response: Response<WasiBody>, length: u64) -> Response<WasiBody> {
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    response
}

/// That many zeros are still to come.
struct Zeros(u64);

const CHUNK: usize = 64 * 1024;
static CHUNK_OF_ZEROS: [u8; CHUNK] = [0; CHUNK];

impl Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        let size = self.0.min(CHUNK as u64);
        self.0 -= size;
        let chunk = Bytes::from_static(&CHUNK_OF_ZEROS[..size as usize]);
        Poll::Ready((size > 0).then(|| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}
