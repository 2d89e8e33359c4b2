//! The API by a socket, for clients other than the application: those who know the token. The keys of an issuer are there for
//! everybody.

use super::status::Status;
use super::{MAX_CALL, Tasks, too_large};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How long a client may take to send a head.
const HEAD: Duration = Duration::from_secs(30);

/// Serves until it is dropped, connections included.
pub(crate) async fn serve(tasks: Tasks, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let tasks = tasks.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let tasks = tasks.clone();
                        async move { Ok::<_, Infallible>(answer(&tasks, request).await.map(Full::new)) }
                    });
                    let mut builder = auto::Builder::new(TokioExecutor::new());
                    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
                    // A peer that went away is no concern of ours.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(tasks: &Tasks, request: Request<Incoming>) -> Response<Bytes> {
    // How its tokens are checked is for everybody to know.
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && let Some(issuer) = tasks.issuer()
        && let Some(document) = issuer.document(request.uri().path()).await
    {
        return document;
    }
    let Some(said) = bearer(&request) else {
        return Status::unauthenticated(
            "Request had no bearer: send `Authorization: Bearer TOKEN`.",
        )
        .response();
    };
    if !tasks.knows(said) {
        return Status::denied("The bearer is not the token of this server.").response();
    }
    let (head, body) = request.into_parts();
    match Limited::new(body, MAX_CALL).collect().await {
        Ok(body) => tasks.call(&head.method, &head.uri, &body.to_bytes()).await,
        Err(_) => too_large(),
    }
}

/// What a request says to be let in by.
pub(crate) fn bearer<B>(request: &Request<B>) -> Option<&str> {
    let said = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = said.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
