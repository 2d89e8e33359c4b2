//! Connectors that note in the call what they did for it.

use super::call::Call;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

type Dialling<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Opens TCP connections.
#[derive(Clone)]
pub(super) struct Tcp<R>(pub(super) HttpConnector<R>);

impl<R> Service<Uri> for Tcp<R>
where
    HttpConnector<R>: Service<Uri, Response = TokioIo<TcpStream>>,
    <HttpConnector<R> as Service<Uri>>::Future: Send + 'static,
{
    type Response = TokioIo<TcpStream>;
    type Error = <HttpConnector<R> as Service<Uri>>::Error;
    type Future = Dialling<Self::Response, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialling = self.0.call(uri);
        let call = Call::that_dials();
        Box::pin(async move {
            let stream = dialling.await?;
            if let Some(call) = call {
                call.connected(stream.inner().local_addr().ok());
            }
            Ok(stream)
        })
    }
}

/// Makes what another connector opened ready to speak HTTP: TLS where the scheme says so.
#[derive(Clone)]
pub(super) struct Tls<C>(pub(super) C);

impl<C> Service<Uri> for Tls<C>
where
    C: Service<Uri>,
    C::Response: 'static,
    C::Error: 'static,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Dialling<C::Response, C::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let is_tls = uri.scheme_str() == Some("https");
        let dialling = self.0.call(uri);
        let call = Call::that_dials().filter(|_| is_tls);
        Box::pin(async move {
            let stream = dialling.await?;
            if let Some(call) = call {
                call.encrypted();
            }
            Ok(stream)
        })
    }
}
