//! The origin: a few listeners on loopback, on a thread of their own, and a port where nothing listens.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
};

use super::serve::serve;

/// Each is an origin to the client, with a pool of its own, and has ports of its own on the client's side.
const LISTENERS: usize = 4;
/// As many may arrive at once.
const BACKLOG: u32 = 4_096;

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Origin {
    addresses: Vec<SocketAddr>,
    /// Bound and not listening, so that nobody else listens there either.
    nobody: TcpSocket,
    counts: Arc<Counts>,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: AtomicU64,
    connections: AtomicU64,
}

impl Origin {
    /// Starts it. Fails when no port is free.
    pub fn start() -> io::Result<Self> {
        let counts = Arc::<Counts>::default();
        let (end, ended) = oneshot::channel();
        let (send, listening) = mpsc::channel();
        let shared = counts.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let listen = async {
                let mut addresses = Vec::new();
                for _ in 0..LISTENERS {
                    let socket = bound()?;
                    addresses.push(socket.local_addr()?);
                    tokio::spawn(accept(socket.listen(BACKLOG)?, shared.clone()));
                }
                io::Result::Ok(addresses)
            };
            match runtime {
                Ok(runtime) => runtime.block_on(async {
                    let _ = send.send(listen.await);
                    let _ = ended.await;
                }),
                Err(error) => drop(send.send(Err(error))),
            }
        });
        let addresses = listening.recv().map_err(io::Error::other)??;
        Ok(Self {
            addresses,
            nobody: bound()?,
            counts,
            _end: end,
        })
    }

    /// The URL of a path, at one of the listeners.
    pub fn url(&self, number: u64, path: &str) -> String {
        let address = self.addresses[number as usize % LISTENERS];
        format!("http://{address}{path}")
    }

    /// The URL of a path where nothing listens.
    pub fn nobody(&self, path: &str) -> String {
        let port = self.nobody.local_addr().map_or(1, |address| address.port());
        format!("http://127.0.0.1:{port}{path}")
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }
}

fn bound() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    Ok(socket)
}

async fn accept(listener: TcpListener, counts: Arc<Counts>) {
    loop {
        // A refusal, for want of descriptors, concerns one connection.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let counts = counts.clone();
        tokio::spawn(async move {
            // A connection that breaks is what this is about.
            let _ = serve(stream, &counts).await;
        });
    }
}
