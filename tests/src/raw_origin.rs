//! An origin that is a function of a socket: for what no HTTP server does.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Listens on a free port of 127.0.0.1 until it is dropped; its connections end with it.
#[derive(Debug)]
pub struct RawOrigin {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl RawOrigin {
    /// Gives every connection to `serve`, after reading the request's head.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start<F, S>(serve: S) -> io::Result<Self>
    where
        S: Fn(BufReader<TcpStream>) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let serve = serve.clone();
                connections.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut line = String::from("first");
                    while !line.trim_end().is_empty() {
                        line.clear();
                        if stream.read_line(&mut line).await? == 0 {
                            return Ok(());
                        }
                    }
                    serve(stream).await
                });
            }
        });
        Ok(RawOrigin { address, accepting })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
