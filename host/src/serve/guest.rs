//! What the store of one request holds: WASI with the application's environment, its output into our log, and the way out.

use super::output::{Output, Stream};
use super::record::Record;
use crate::{Call, Sender};
use std::future::Future;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
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
    Through(Sender, Arc<Record>),
}

type Io = Box<dyn Future<Output = Result<()>> + Send>;
type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io)>> + Send>;

impl Guest {
    /// For an instance that answers no request.
    pub(super) fn nobody() -> Self {
        Guest::with(WasiCtxBuilder::new().build(), WayOut::Closed)
    }

    /// For the instance that answers this one.
    pub(super) fn for_request(
        sender: &Sender,
        env: &[(String, String)],
        record: &Arc<Record>,
    ) -> Self {
        let wasi = WasiCtxBuilder::new()
            .envs(env)
            .stdout(Output::new(record.id, Stream::Stdout))
            .stderr(Output::new(record.id, Stream::Stderr))
            .build();
        Guest::with(wasi, WayOut::Through(sender.clone(), record.clone()))
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
            WayOut::Through(sender, record) => {
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
