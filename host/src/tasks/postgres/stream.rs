//! What a connection to PostgreSQL goes through: TLS, or else a guard that lets nobody ask for the password in the clear. The library
//! would answer; it takes any stream where it wants one of TLS, and so this one. A Unix socket, where it wants none, has no guard.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// Makes streams of sockets.
#[derive(Clone)]
pub(super) struct Way {
    tls: Option<TlsConnector>,
    /// Whom a certificate must be for.
    name: String,
}

impl Way {
    pub(super) fn tls(mut config: ClientConfig) -> Self {
        // What a server that is spoken TLS to at once (sslnegotiation=direct) wants to hear.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Way {
            tls: Some(Arc::new(config).into()),
            name: String::new(),
        }
    }

    pub(super) fn guarded() -> Self {
        Way {
            tls: None,
            name: String::new(),
        }
    }
}

impl MakeTlsConnect<Socket> for Way {
    type Stream = Stream;
    type TlsConnect = Way;
    type Error = io::Error;

    fn make_tls_connect(&mut self, name: &str) -> io::Result<Way> {
        let (tls, name) = (self.tls.clone(), name.to_owned());
        Ok(Way { tls, name })
    }
}

impl TlsConnect<Socket> for Way {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let Some(tls) = self.tls else {
                return Ok(Stream {
                    below: Box::new(socket),
                    guard: Some(Guard::default()),
                });
            };
            let name = ServerName::try_from(self.name).map_err(io::Error::other)?;
            Ok(Stream {
                below: Box::new(tls.connect(name, socket).await?),
                guard: None,
            })
        })
    }
}

trait Below: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Below for T {}

pub(super) struct Stream {
    below: Box<dyn Below>,
    /// Until it is known who we are.
    guard: Option<Guard>,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.below).poll_read(cx, buffer))?;
        if let Some(guard) = &mut self.guard
            && guard.is_done(&buffer.filled()[before..])?
        {
            self.guard = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.below).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_shutdown(cx)
    }
}

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

/// Reads what the server says before it knows who we are.
#[derive(Default)]
struct Guard {
    /// How a message begins: its kind, its length, and where it is about authentication what is wanted.
    head: Vec<u8>,
    /// What is left of a message behind that.
    rest: usize,
}

impl Guard {
    /// Whether the server is content. Fails when it wants what gives the password away.
    fn is_done(&mut self, said: &[u8]) -> io::Result<bool> {
        for byte in said {
            if self.rest > 0 {
                self.rest -= 1;
                continue;
            }
            self.head.push(*byte);
            self.rest = match *self.head {
                [b'R', _, _, _, _, _, _, _, 0] => return Ok(true),
                // The password itself, or an MD5 hash that is as good.
                [b'R', _, _, _, _, _, _, _, 3 | 5] => {
                    return Err(io::Error::other(
                        "wants the password in the clear: use sslmode=require, or scram-sha-256",
                    ));
                }
                [b'R', a, b, c, d, _, _, _, _] => {
                    u32::from_be_bytes([a, b, c, d]).saturating_sub(8)
                }
                [kind, a, b, c, d] if kind != b'R' => {
                    u32::from_be_bytes([a, b, c, d]).saturating_sub(4)
                }
                _ => continue,
            } as usize;
            self.head.clear();
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with what it says of authentication.
    fn asks(code: u8, more: &[u8]) -> Vec<u8> {
        let length = u8::try_from(8 + more.len()).unwrap();
        [&[b'R', 0, 0, 0, length, 0, 0, 0, code], more].concat()
    }

    /// What the guard says of bytes that come in pieces of this size.
    fn judged(bytes: &[u8], size: usize) -> io::Result<bool> {
        let mut guard = Guard::default();
        for piece in bytes.chunks(size) {
            if guard.is_done(piece)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[test]
    fn a_password_is_not_asked_for_whatever_is_said_before() {
        let notice = [b'N', 0, 0, 0, 9, b'R', 0, 0, 0, 8];
        let scram = [
            asks(10, b"SCRAM-SHA-256\0\0"),
            asks(11, b"R\0\0"),
            asks(12, b"v="),
        ]
        .concat();
        for size in 1..20 {
            for before in [&[][..], &notice, &scram] {
                for code in [3, 5] {
                    assert!(judged(&[before, &asks(code, b"salt")].concat(), size).is_err());
                }
                let content = [before, &asks(0, b"")].concat();
                assert!(judged(&content, size).unwrap());
                assert!(!judged(&content[..content.len() - 1], size).unwrap());
            }
        }
    }
}
