//! A real origin on 127.0.0.1: sockets, HTTP/1.1, and h2 where TLS negotiates it.

use super::routes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// As long as the kernel allows: ten thousand clients may arrive at once.
const BACKLOG: u32 = 65_535;

/// An origin on a free port of 127.0.0.1, until it is dropped; then its listener and its connections are gone.
///
/// | path | answer |
/// |---|---|
/// | `/bytes/N` | N zero bytes |
/// | `/chunked/N` | N zero bytes, their number not told beforehand |
/// | `/count/N` | an empty 200 when the request's body has N bytes, else a 400 |
/// | `/delay/MS`, `/delay/MS/N` | N bytes (0), after MS milliseconds |
/// | `/redirect/N`, `/redirect/N/STATUS` | STATUS (302) to `/redirect/N-1`; at 0 a 200 |
/// | `/gzip/N` | N zero bytes, gzipped |
/// | `/status/CODE` | an empty CODE |
/// | `/drip` | one byte per second, for ever |
/// | `/stall`, `/stall/body` | nothing at all; a head and no body |
/// | `/echo` | the request as JSON: `method`, `uri`, `version`, `headers` (pairs), `body` |
/// | `/close` | the connection is closed, nothing is sent |
/// | `/cut/N` | N bytes of N+1 promised ones, then the connection is closed |
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    tls: bool,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    connections: AtomicUsize,
    pub(super) requests: AtomicUsize,
}

/// A certificate chain and its key, in PEM.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// The certificate of `127.0.0.1` or `localhost`, and those that lead to its root.
    pub chain_pem: Vec<u8>,
    /// The private key of the first certificate.
    pub key_pem: Vec<u8>,
}

/// A TLS origin could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TlsIdentityError {
    /// The listener could not be opened.
    #[error(transparent)]
    Listen(#[from] io::Error),
    /// Chain or key is not PEM.
    #[error("not readable as PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Chain and key do not serve.
    #[error("no usable identity: {0}")]
    Identity(#[from] rustls::Error),
}

impl Loopback {
    /// Starts an `http` origin on the current tokio runtime. Fails when no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::listen(None)
    }

    /// Starts an `https` origin, h2 and HTTP/1.1.
    pub async fn start_tls(identity: &TlsIdentity) -> Result<Self, TlsIdentityError> {
        let chain =
            CertificateDer::pem_slice_iter(&identity.chain_pem).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(&identity.key_pem)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self::listen(Some(Arc::new(config).into()))?)
    }

    fn listen(tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let counts = Arc::<Counts>::default();
        let is_tls = tls.is_some();
        let accepting = tokio::spawn(accept(listener, tls, counts.clone()));
        Ok(Loopback {
            address,
            tls: is_tls,
            counts,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with `/`; by address, or for TLS by the name `localhost`.
    pub fn url(&self, path: &str) -> String {
        match self.tls {
            true => format!("https://localhost:{}{path}", self.address.port()),
            false => format!("http://{}{path}", self.address),
        }
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How many requests arrived so far.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // The task owns the listener and the set of connections; both go with it.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    counts.connections.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(serve(stream, tls.clone(), counts.clone()));
                }
                // Out of descriptors, mostly: some will be closed soon.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, counts: Arc<Counts>) {
    // A peer that went away is no concern of an origin.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| routes::route(request, counts.clone()));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().keep_alive(true);
    match tls {
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            }
        }
        None => {
            let _ = server
                .http1_only()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }
}
