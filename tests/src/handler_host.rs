//! A host of handlers as small as one can be: every request that comes to a free port is answered by an instance of its own.

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use urlfetch_host::{Handler, Harness, World};

/// Serves on 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct HandlerHost {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl HandlerHost {
    /// Begins to serve. The instances fetch through `world`.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(harness: Harness, handler: Handler, world: World) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (harness, handler, world) = (harness.clone(), handler.clone(), world.clone());
                let answer = service_fn(move |request| {
                    let (harness, handler) = (harness.clone(), handler.clone());
                    let world = world.clone();
                    async move { harness.handle(&handler, world, request).await }
                });
                let _ = stream.set_nodelay(true);
                // An instance that traps breaks its own connection only.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Ok(HandlerHost { address, accepting })
    }

    /// Where it serves: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for HandlerHost {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
