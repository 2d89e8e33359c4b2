//! What the store of one request holds: WASI with the application's environment and folders, its output into our log, and the way out.

use super::output::{Output, Stream};
use super::record::Record;
use super::server::{LentFolder, Shared};
use crate::google::CloudTasks;
use crate::tasks::{self, Tasks};
use crate::{Call, Sender};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use std::future::Future;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    RequestOptions, Result, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// The data of a store.
pub(super) struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    way_out: WayOut,
}

/// Sends what the guest asks for, and keeps each call in the request's record.
enum WayOut {
    /// Before there is a request, nothing is sent.
    Closed,
    /// By the sender, but for calls of the API of tasks.
    Through(Sender, Option<Calls>, Arc<Record>),
}

/// Who answers calls of the API of tasks.
#[derive(Clone)]
pub(super) enum Calls {
    Here(Tasks),
    /// Google, with the host's token and by the host's own sender.
    AtGoogle(CloudTasks, Sender),
}

type Io = Box<dyn Future<Output = Result<()>> + Send>;
type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io)>> + Send>;

impl Guest {
    /// For an instance that answers no request.
    pub(super) fn nobody() -> Self {
        Guest::with(WasiCtxBuilder::new().build(), WayOut::Closed)
    }

    /// For the instance that answers this one. The error says which folder is not there any more.
    pub(super) fn for_request(
        shared: &Shared,
        record: &Arc<Record>,
    ) -> std::result::Result<Self, String> {
        let options = &shared.options;
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&options.env)
            .stdout(Output::new(record.id, Stream::Stdout))
            .stderr(Output::new(record.id, Stream::Stderr));
        for LentFolder { host, guest } in &options.folders {
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite)
                .map_err(|error| format!("the folder '{}': {error}", host.display()))?;
        }
        let wasi = wasi.build();
        let way_out = WayOut::Through(shared.sender.clone(), shared.calls.clone(), record.clone());
        Ok(Guest::with(wasi, way_out))
    }

    fn with(wasi: WasiCtx, way_out: WayOut) -> Self {
        Guest {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            way_out,
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.way_out,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl WasiHttpHooks for WayOut {
    fn set_host_header(&mut self) -> bool {
        // The pool writes `host` itself, on HTTP/1.1 only: h2 has `:authority`.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Sending {
        match self {
            WayOut::Closed => Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) }),
            WayOut::Through(sender, calls, record) => {
                if let Some(calls) = calls.as_ref().filter(|calls| calls.answer(request.uri())) {
                    let (calls, record) = (calls.clone(), record.clone());
                    return Box::new(async move {
                        let response = calls.call(request, options, &record).await?;
                        Ok((response, Box::new(async { Ok(()) }) as Io))
                    });
                }
                let call = Call::begin(request.method().clone(), request.uri());
                record.keep(&call);
                let sender = sender.clone();
                Box::new(async move {
                    let response = sender.send_recorded(request, options, call).await?;
                    // The pool's own tasks drive the connection.
                    Ok((response, Box::new(async { Ok(()) }) as Io))
                })
            }
        }
    }
}

impl Calls {
    /// Whether a request is theirs to answer: a call of the API, or the keys of the issuer here, which may have no socket.
    fn answer(&self, uri: &http::Uri) -> bool {
        let host = uri.host();
        if host.is_some_and(|host| host.eq_ignore_ascii_case(tasks::AUTHORITY)) {
            return true;
        }
        match self {
            Calls::Here(tasks) => tasks.issuer().is_some_and(|issuer| issuer.is_at(uri)),
            Calls::AtGoogle(..) => false,
        }
    }

    /// Answers a call. The guest is the application: it may do what it likes with its tasks.
    async fn call(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        record: &Record,
    ) -> Result<http::Response<WasiBody>> {
        let kept = |method: &http::Method, uri: &http::Uri| {
            let call = Call::begin(method.clone(), uri);
            record.keep(&call);
            call
        };
        let (head, body) = request.into_parts();
        let here = match self {
            Calls::Here(_) => Some(kept(&head.method, &head.uri)),
            Calls::AtGoogle(..) => None,
        };
        let body = match Limited::new(body, tasks::MAX_CALL).collect().await {
            Ok(body) => Some(body.to_bytes()),
            Err(error) => match error.downcast::<wasmtime_wasi_http::Error>() {
                Ok(error) => return Err(*error),
                Err(_) => None,
            },
        };
        let answered = match (self, body) {
            (_, None) => tasks::too_large(),
            (Calls::Here(tasks), Some(body)) => {
                let issuer = tasks.issuer().filter(|issuer| issuer.is_at(&head.uri));
                let document = match issuer {
                    Some(issuer) => issuer.document(head.uri.path()).await,
                    None => None,
                };
                match document {
                    Some(document) => document,
                    None => tasks.call(&head.method, &head.uri, &body).await,
                }
            }
            (Calls::AtGoogle(google, sender), Some(body)) => {
                let request = http::Request::from_parts(head.clone(), body);
                let send = |request: http::Request<Bytes>| {
                    let call = kept(request.method(), request.uri());
                    sender.send_recorded(request.map(super::delivery::whole), options, call)
                };
                match google.call(request, send).await? {
                    Ok(response) => return Ok(response),
                    Err(ours) => ours,
                }
            }
        };
        let call = here.unwrap_or_else(|| kept(&head.method, &head.uri));
        call.answered_here(answered.status());
        Ok(answered.map(super::delivery::whole))
    }
}
