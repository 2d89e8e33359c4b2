//! An origin that keeps what it is asked, and answers as a function says; by TLS with a root of its own where that is wanted.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

type Answer = Arc<dyn Fn(usize, &Request<Bytes>) -> Response<Bytes> + Send + Sync>;

/// Listens on a free port of 127.0.0.1 until it is dropped.
pub(super) struct Recording {
    address: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Request<Bytes>>>>,
    accepting: JoinHandle<()>,
}

impl Recording {
    /// Answers by `answer`, which is told how many requests came before.
    pub(super) async fn start(
        answer: impl Fn(usize, &Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(answer), None).await
    }

    /// The same by TLS, with the root that vouches for it, in PEM.
    pub(super) async fn start_tls(
        answer: impl Fn(usize, &Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> (Self, Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let origin = Self::listen(Arc::new(answer), Some(acceptor)).await;
        (origin, certificate.pem().into_bytes())
    }

    async fn listen(answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let kept = asked.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept, tls) = (answer.clone(), kept.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, answer, kept).await,
                        Some(tls) => {
                            // A peer that does not trust us goes away.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answer, kept).await;
                            }
                        }
                    }
                });
            }
        });
        Recording {
            address,
            scheme,
            asked,
            accepting,
        }
    }

    /// The URL of a path, which begins with `/`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// Host and port.
    pub(super) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// What it was asked until now, the first request first.
    pub(super) fn asked(&self) -> Vec<Request<Bytes>> {
        self.asked.lock().unwrap().clone()
    }

    /// The same, once there are so many.
    pub(super) async fn asked_times(&self, count: usize) -> Vec<Request<Bytes>> {
        loop {
            let asked = self.asked();
            if asked.len() >= count {
                return asked;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: Answer,
    kept: Arc<Mutex<Vec<Request<Bytes>>>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, kept) = (answer.clone(), kept.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map_or_else(|_| Bytes::new(), |it| it.to_bytes());
            let request = Request::from_parts(head, body);
            let before = {
                let mut kept = kept.lock().unwrap();
                kept.push(request.clone());
                kept.len() - 1
            };
            Ok::<_, Infallible>(answer(before, &request).map(Full::new))
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    // A peer that went away is no concern of ours.
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An answer with a status and a body.
pub(super) fn answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}
