//! What the store of one request holds: WASI with the application's environment and folders, its output into our log, and the way out.

use super::output::{Output, Stream};
use super::record::Record;
use super::server::{LentFolder, ServeOptions};
use crate::tasks::{self, Tasks};
use crate::{Call, Sender};
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
    /// By the sender, but for calls of the API of tasks: those are answered here, when there are tasks.
    Through(Sender, Option<Tasks>, Arc<Record>),
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
        sender: &Sender,
        options: &ServeOptions,
        record: &Arc<Record>,
    ) -> std::result::Result<Self, String> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&options.env)
            .stdout(Output::new(record.id, Stream::Stdout))
            .stderr(Output::new(record.id, Stream::Stderr));
        for LentFolder { host, guest } in &options.folders {
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite)
                .map_err(|error| format!("the folder '{}': {error}", host.display()))?;
        }
        let wasi = wasi.build();
        let way_out = WayOut::Through(sender.clone(), options.tasks.clone(), record.clone());
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
            WayOut::Through(sender, tasks, record) => {
                let call = Call::begin(request.method().clone(), request.uri());
                record.keep(&call);
                if let Some(tasks) = tasks.clone().filter(|_| is_of_tasks(request.uri())) {
                    return Box::new(async move {
                        let response = call_tasks(&tasks, request).await?;
                        call.answered_here(response.status());
                        Ok((response, Box::new(async { Ok(()) }) as Io))
                    });
                }
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

/// Whether a request is a call of the API of tasks.
fn is_of_tasks(uri: &http::Uri) -> bool {
    uri.host()
        .is_some_and(|host| host.eq_ignore_ascii_case(tasks::AUTHORITY))
}

/// Answers a call of the API. The guest is the application: it may do what it likes with its tasks.
async fn call_tasks(
    tasks: &Tasks,
    request: http::Request<WasiBody>,
) -> Result<http::Response<WasiBody>> {
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, tasks::MAX_CALL).collect().await {
        Ok(body) => tasks.call(&head.method, &head.uri, &body.to_bytes()).await,
        Err(error) => match error.downcast::<wasmtime_wasi_http::Error>() {
            Ok(error) => return Err(*error),
            Err(_) => tasks::too_large(),
        },
    };
    Ok(response.map(super::delivery::whole))
}
