//! A client that says exactly what it is told to, and one of h2.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back, to the end of the connection.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    rest: Vec<u8>,
}

impl Answer {
    /// Reads an answer apart. Bytes that are none have status 0.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.map_or(bytes.len(), |end| end + 4);
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head,
            rest: bytes[end..].to_vec(),
        }
    }

    /// Everything behind the head, as text.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.rest).expect("it is text")
    }

    /// The body, out of its chunks.
    pub(super) fn body(&self) -> Vec<u8> {
        if !self.head.contains("transfer-encoding: chunked") {
            return self.rest.clone();
        }
        let (mut body, mut rest) = (Vec::new(), &self.rest[..]);
        while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).expect("a size is text");
            let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
            body.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 2 + size + 2..];
        }
        body
    }
}

/// Says something and hears everything.
pub(super) async fn ask(address: SocketAddr, said: impl AsRef<[u8]>) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said.as_ref()).await.unwrap();
    hear(stream).await
}

/// One request on a connection of its own.
pub(super) async fn get(address: SocketAddr, path: &str) -> Answer {
    let said = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    ask(address, said).await
}

/// Hears everything that still comes. That a connection is reset ends it like any other.
pub(super) async fn hear(mut stream: TcpStream) -> Answer {
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    Answer::read(&heard)
}

/// One request by h2 with prior knowledge.
pub(super) async fn get_by_h2(address: SocketAddr, path: &str) -> (u16, Bytes) {
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{address}{path}"));
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new()).unwrap())
        .await
        .unwrap();
    let status = response.status().as_u16();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}
