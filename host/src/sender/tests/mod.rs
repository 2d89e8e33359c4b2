//! The sender against real sockets: what it reuses, what it refuses, and how it tells failures apart.

mod encrypted;
mod failures;
mod pool;
mod rebinding;
mod timeouts;

use super::*;
use crate::{Fault, Loopback, TlsIdentity, raise_fd_limit};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::{Error, RequestOptions};

/// Long enough for nothing to pass it by accident, short enough not to be felt.
const SHORT: Duration = Duration::from_millis(30);

fn sender() -> Sender {
    Sender::new(SenderOptions::default()).unwrap()
}

fn get(url: &str) -> http::Request<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    http::Request::get(url).body(body).unwrap()
}

fn post(url: &str, body: impl Into<Bytes>) -> http::Request<WasiBody> {
    let body = Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    http::Request::post(url).body(body).unwrap()
}

async fn read(response: http::Response<WasiBody>) -> Result<Bytes, Error> {
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Sends and reads to the end; what failed, and where.
async fn fetch(
    sender: &Sender,
    request: http::Request<WasiBody>,
) -> Result<Bytes, Result<Fault, Error>> {
    let response = sender.send(request, None).await.map_err(Ok)?;
    read(response).await.map_err(Err)
}

async fn failure(sender: &Sender, url: &str, options: RequestOptions) -> Fault {
    sender
        .send(get(url), Some(options))
        .await
        .map(|_| ())
        .unwrap_err()
}

/// An origin of one script per connection, written by hand: reads one request head, then does what it is told.
async fn raw_origin<F>(serve: impl Fn(TcpStream, usize) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(serve(stream, number));
        }
    });
    address
}

/// Reads until the end of a request head; false when the connection ended first.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => seen.push(byte),
            Err(_) => return false,
        }
    }
    true
}

struct Tls {
    origin: Loopback,
    root_pem: Vec<u8>,
}

async fn tls_origin() -> Tls {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let identity = TlsIdentity {
        chain_pem: certificate.pem().into_bytes(),
        key_pem: key.serialize_pem().into_bytes(),
    };
    Tls {
        origin: Loopback::start_tls(&identity).await.unwrap(),
        root_pem: identity.chain_pem,
    }
}

fn first_byte(timeout: Duration) -> RequestOptions {
    RequestOptions {
        first_byte_timeout: Some(timeout),
        ..RequestOptions::default()
    }
}

fn connect(timeout: Duration) -> RequestOptions {
    RequestOptions {
        connect_timeout: Some(timeout),
        ..RequestOptions::default()
    }
}
