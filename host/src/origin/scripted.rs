//! The origin in memory: it answers every URL there is, as its script says, and remembers what it was asked.

use super::recorded::{Log, Outcome, Recorded, Ticket};
use super::reply::{Reply, Step, Upload};
use super::scripted_body::ScriptedBody;
use crate::Fault;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody};

/// Replies by target. A target is a whole URL, a path with its query, or `*`, each optionally behind a method and a space
/// (`POST /x`); the most particular one that fits is taken, in the order `METHOD URL`, `URL`, `METHOD /path`, `/path`, `METHOD *`,
/// `*`. Its replies are given one by one, and the last of them again and again. A request without a reply gets a 404 that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(pub BTreeMap<String, Vec<Reply>>);

/// An origin in memory that plays a [`Script`]. Cheap to clone; clones share the script's progress and the record.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    script: Arc<Mutex<(Script, HashMap<String, usize>)>>,
    log: Log,
}

impl Scripted {
    /// An origin that knows nothing yet.
    pub fn new() -> Self {
        Scripted::default()
    }

    /// Adds a reply for `target`, after those it has.
    pub fn on(self, target: &str, reply: Reply) -> Self {
        self.with_script(|script, _| script.0.entry(target.to_owned()).or_default().push(reply));
        self
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.log.all()
    }

    fn with_script<R>(
        &self,
        with: impl FnOnce(&mut Script, &mut HashMap<String, usize>) -> R,
    ) -> R {
        let mut guard = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let (script, given) = &mut *guard;
        with(script, given)
    }

    /// The next reply for a request.
    fn choose(&self, method: &http::Method, uri: &http::Uri) -> Reply {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let url = uri.to_string();
        let targets = [url.as_str(), path, "*"]
            .map(|target| [format!("{method} {target}"), target.to_owned()]);
        self.with_script(|script, given| {
            let Some((target, replies)) = targets
                .iter()
                .flatten()
                .find_map(|target| Some((target, script.0.get(target)?)))
            else {
                return Reply::status(404).then(Step::Text(format!(
                    "nothing is scripted for {method} {url}\n"
                )));
            };
            let given = given.entry(target.clone()).or_default();
            *given += 1;
            replies
                .get(*given - 1)
                .or(replies.last())
                .cloned()
                .unwrap_or_default()
        })
    }

    /// Takes one request, recording it at once; the future gives the head, and what goes on reading the upload after it.
    pub(crate) fn answer(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> impl Future<
        Output = Result<(
            http::Response<WasiBody>,
            impl Future<Output = Result<()>> + Send + use<>,
        )>,
    > + Send
    + use<> {
        let (parts, upload) = request.into_parts();
        let ticket = self.log.open(&parts, options);
        let reply = self.choose(&parts.method, &parts.uri);
        respond(reply, upload, ticket)
    }
}

impl From<Script> for Scripted {
    fn from(script: Script) -> Self {
        Scripted {
            script: Arc::new(Mutex::new((script, HashMap::new()))),
            log: Log::default(),
        }
    }
}

async fn respond(
    reply: Reply,
    upload: WasiBody,
    mut ticket: Ticket,
) -> Result<(
    http::Response<WasiBody>,
    impl Future<Output = Result<()>> + Send + use<>,
)> {
    let pause = tokio::time::sleep(Duration::from_millis(reply.delay_ms));
    let delayed = reply.delay_ms > 0;
    let mut rest: Pin<Box<dyn Future<Output = Result<()>> + Send>> = match reply.upload {
        // Held, so that writing to it does not fail; unread, so that it does not go on either.
        Upload::Never => Box::pin(async move {
            let _held = upload;
            std::future::pending().await
        }),
        Upload::First | Upload::Meanwhile => {
            Box::pin(drain(upload, ticket.log.clone(), ticket.index))
        }
    };
    if reply.upload == Upload::First {
        if let Err(error) = rest.await {
            ticket.close(Outcome::Failed(Fault::of_upload(&error)));
            return Err(error);
        }
        rest = Box::pin(async { Ok(()) });
        if delayed {
            tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
        }
    } else if delayed {
        tokio::pin!(pause);
        tokio::select! {
            biased;
            () = &mut pause => {}
            read = &mut rest => {
                rest = Box::pin(async { read });
                pause.await;
            }
        }
    }
    if reply.silent {
        // The upload is read on; what is silent is the answer.
        let _ = rest.await;
        return std::future::pending().await;
    }
    if let Some(fault) = reply.error {
        ticket.close(Outcome::Failed(fault.clone()));
        return Err(fault.into());
    }
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, latin1(value)?);
    }
    let body = ScriptedBody::new(reply.body, ticket).boxed_unsync();
    let response = response
        .body(body)
        .map_err(|error| Error::InternalError(Some(format!("script: {error}"))))?;
    Ok((response, rest))
}

/// Reads an upload to its end, into the record.
async fn drain(mut upload: WasiBody, log: Log, index: usize) -> Result<()> {
    while let Some(frame) = upload.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            log.append(index, &chunk);
        }
    }
    log.complete_body(index);
    Ok(())
}

fn latin1(text: &str) -> Result<Vec<u8>> {
    let byte = |c: char| {
        u8::try_from(c)
            .map_err(|_| Error::InternalError(Some(format!("script: {c:?} is not latin-1"))))
    };
    text.chars().map(byte).collect()
}
