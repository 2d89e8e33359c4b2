//! The conformance app on some host: finding it, and being in dialogue with one instance.

use super::call::Call;
use super::expect::Surprise;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::poll_fn;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use urlfetch_host::{ComposeError, Part, compose};

/// The app as it was built: it imports our component.
const APP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/conformance-app.wasm"));
/// What the app answers to `GET /`; `tests/guests/conformance-app` has the same.
const GREETING: &str = "urlfetch conformance app 1\n";
/// For what the app does by itself. Hosts compile at the first request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The conformance app, composed with our component: what a host is to serve.
///
/// # Errors
/// Never, unless the app and the component were built from different interfaces.
pub fn app() -> Result<Vec<u8>, ComposeError> {
    let part = Part {
        name: "the conformance app".into(),
        bytes: APP.to_vec(),
    };
    compose(part, Vec::new())
}

/// Where the app is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    authority: String,
    /// Without a slash at its end.
    path: String,
}

/// Why an address is none at which vectors can be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}': {reason}")]
pub struct TargetError {
    given: String,
    reason: String,
}

impl Target {
    /// Reads `http://HOST:PORT`, perhaps with a path, and asks whether the app is there.
    ///
    /// # Errors
    /// When it is no such URL, nobody answers, or somebody else does.
    pub async fn find(given: &str) -> Result<Self, TargetError> {
        let failed = |reason: String| TargetError {
            given: given.to_owned(),
            reason,
        };
        let target = Self::parse(given).map_err(failed)?;
        match target.ask(Method::GET, "", Bytes::new()).await {
            Ok(text) if text == GREETING => Ok(target),
            Ok(_) => Err(failed("answers, but is not the conformance app".into())),
            Err(reason) => Err(failed(reason)),
        }
    }

    fn parse(given: &str) -> Result<Self, String> {
        let uri: Uri = given
            .parse()
            .map_err(|error| format!("is no URL: {error}"))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) => Ok(Target {
                authority: match authority.port() {
                    Some(_) => authority.to_string(),
                    None => format!("{authority}:80"),
                },
                path: uri.path().trim_end_matches('/').to_owned(),
            }),
            _ => Err("is not http://HOST:PORT".into()),
        }
    }

    /// Plays a vector of the surface `rust`.
    pub(super) async fn play(&self, vector: String) -> Result<(), Surprise> {
        match &*self.ask(Method::POST, "vector", vector.into()).await? {
            "" => Ok(()),
            surprise => Err(surprise.to_owned()),
        }
    }

    /// A dialogue with an instance of its own.
    pub(super) async fn open(&self) -> Result<Served, Surprise> {
        let (calls, mut queue) = mpsc::unbounded_channel::<Bytes>();
        let frames = stream::poll_fn(move |cx| {
            let frame = |bytes| Ok::<_, Infallible>(Frame::data(bytes));
            queue.poll_recv(cx).map(|bytes| bytes.map(frame))
        });
        let mut tasks = JoinSet::new();
        let body = StreamBody::new(frames).boxed_unsync();
        let response = self.send(&mut tasks, Method::POST, "calls", body).await?;
        Ok(Served {
            calls,
            answers: response.into_body(),
            ahead: BytesMut::new(),
            _connection: tasks,
        })
    }

    async fn ask(&self, method: Method, place: &str, body: Bytes) -> Result<String, String> {
        let mut tasks = JoinSet::new();
        let body = Full::new(body).boxed_unsync();
        let response = self.send(&mut tasks, method, place, body).await?;
        let whole = response.into_body().collect().await;
        let whole = whole.map_err(|error| ended(&error))?.to_bytes();
        Ok(String::from_utf8_lossy(&whole).into_owned())
    }

    /// Up to the head of an answer that must be 200. The connection is driven by `tasks`.
    async fn send(
        &self,
        tasks: &mut JoinSet<()>,
        method: Method,
        place: &str,
        body: Body,
    ) -> Result<Response<Incoming>, String> {
        let sending = async {
            let stream = TcpStream::connect(&self.authority).await;
            let stream = stream.map_err(|error| format!("cannot be reached: {error}"))?;
            // Calls are small and each waits for the one before.
            let _ = stream.set_nodelay(true);
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| ended(&error))?;
            // What ends it is told where answers are read.
            tasks.spawn(async move { drop(connection.await) });
            poll_fn(|cx| sender.poll_ready(cx))
                .await
                .map_err(|error| ended(&error))?;
            let request = Request::builder()
                .method(method)
                .uri(format!("{}/{place}", self.path))
                .header(header::HOST, &self.authority)
                .body(body)
                .map_err(|error| error.to_string())?;
            let sent = sender.send_request(request).await;
            sent.map_err(|error| ended(&error))
        };
        match timeout(PATIENCE, sending).await {
            Ok(Ok(response)) if response.status() == StatusCode::OK => Ok(response),
            Ok(Ok(response)) => Err(format!("the app's host answers {}", response.status())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(format!("does not answer within {PATIENCE:?}")),
        }
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// An instance, one call at a time.
pub(super) struct Served {
    calls: mpsc::UnboundedSender<Bytes>,
    answers: Incoming,
    /// Read and not yet used.
    ahead: BytesMut,
    /// Ends with this.
    _connection: JoinSet<()>,
}

impl Served {
    /// Does a call and gives its answer as it came.
    pub(super) async fn perform(&mut self, call: &Call) -> Result<Vec<u8>, Surprise> {
        let call = postcard::to_allocvec(call).map_err(|error| error.to_string())?;
        let length = u32::try_from(call.len()).map_err(|error| error.to_string())?;
        let message = [&length.to_le_bytes(), &*call].concat();
        // When nobody takes it, nobody answers it.
        let _ = self.calls.send(message.into());
        let length = self.take(4).await?.get_u32_le();
        Ok(self.take(length as usize).await?.into())
    }

    /// Says that there are no more calls, and sees the instance out.
    pub(super) async fn end(mut self) -> Result<(), Surprise> {
        drop(self.calls);
        match timeout(PATIENCE, self.answers.frame()).await {
            Ok(None) => Ok(()),
            Ok(Some(Ok(_))) => Err("there is an answer without a call".into()),
            Ok(Some(Err(error))) => Err(ended(&error)),
            Err(_) => Err("the instance does not end".into()),
        }
    }

    async fn take(&mut self, count: usize) -> Result<Bytes, Surprise> {
        while self.ahead.len() < count {
            match self.answers.frame().await {
                Some(Ok(frame)) => self.ahead.extend(frame.into_data().ok()),
                Some(Err(error)) => return Err(ended(&error)),
                None => return Err("the instance has ended by itself".into()),
            }
        }
        Ok(self.ahead.split_to(count).freeze())
    }
}

/// What a broken connection means.
fn ended(error: &hyper::Error) -> String {
    format!("the instance has trapped, or its host gave up: {error}")
}
