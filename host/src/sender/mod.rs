//! The pooled sender: what carries a guest's request over real sockets, HTTP/1.1 or h2, reusing connections.
//!
//! The pool, retries of requests that were never written, and happy eyeballs are hyper-util's; the handshake is hyper-rustls'. What
//! is ours: the egress policy between lookup and connect, the three timeouts of `wasi:http`, and an honest error code.

mod allowed_host;
mod blocked_network;
mod call;
mod classify;
mod dial;
mod egress;
mod exchange;
mod fetching;
mod resolver;
mod response_body;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

pub use allowed_host::{AllowedHost, AllowedHostError};
pub use blocked_network::{BlockedNetwork, BlockedNetworkError};
pub use call::{Call, CallOutcome, Moments};
pub use egress::EgressPolicy;
pub use resolver::Resolver;
pub use tls::RootsError;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use resolver::JudgedResolver;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::WasiBody;

/// How many header lines a response may have. hyper's own 100 is less than some origins send.
const MAX_RESPONSE_HEADERS: usize = 1_000;
/// How many bytes a response head may have, over either protocol.
const MAX_RESPONSE_HEAD: usize = 512 * 1024;
/// How many idle connections to one origin are kept: what a burst needed must not keep another origin from getting descriptors.
const MAX_IDLE_PER_ORIGIN: usize = 1_024;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

type Connector = dial::Tls<HttpsConnector<dial::Tcp<JudgedResolver>>>;

/// What a [`Sender`] may do, and whom it trusts.
#[derive(Clone, Debug, Default)]
pub struct SenderOptions {
    /// Where requests may go.
    pub egress: EgressPolicy,
    /// Who answers for names.
    pub resolver: Resolver,
    /// Certificates, in PEM, that are trusted beside Mozilla's roots; empty adds none.
    pub extra_roots_pem: Vec<u8>,
    /// The most exchanges that may hold a connection at once; none is no limit. An exchange holds its place until its body has been
    /// read or dropped, and waiting for a place counts as connecting. Idle connections do not count.
    pub max_connections: Option<usize>,
}

/// A connection pool that sends for guests. Cheap to clone; clones share the pool.
///
/// It belongs to the tokio runtime it first sent on: its connections end with that runtime.
#[derive(Clone)]
pub struct Sender(Arc<Pool>);

struct Pool {
    client: Client<Connector, WasiBody>,
    egress: Arc<EgressPolicy>,
    places: Option<Arc<Semaphore>>,
}

impl Sender {
    /// Makes a pool without any connection. Fails when the extra roots are no certificates.
    pub fn new(options: SenderOptions) -> Result<Self, RootsError> {
        let egress = Arc::new(options.egress);
        let mut tcp =
            HttpConnector::new_with_resolver(JudgedResolver::new(options.resolver, egress.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(&options.extra_roots_pem)?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dial::Tcp(tcp));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE_PER_ORIGIN)
            .http1_max_headers(MAX_RESPONSE_HEADERS)
            .http1_max_buf_size(MAX_RESPONSE_HEAD)
            .http2_max_header_list_size(MAX_RESPONSE_HEAD as u32)
            .build(dial::Tls(connector));
        let places = options
            .max_connections
            .map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))));
        Ok(Sender(Arc::new(Pool {
            client,
            egress,
            places,
        })))
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("egress", &self.0.egress)
            .finish_non_exhaustive()
    }
}
