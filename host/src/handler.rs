//! Handlers of others: components with `wasi:http/incoming-handler`, an instance for each request.

use crate::engine::Compiled;
use crate::{HostError, State};
use bytes::Bytes;
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

/// A compiled handler, to answer any number of requests in the harness that compiled it. Cheap to clone.
#[derive(Clone)]
pub struct Handler {
    pre: ProxyPre<State>,
}

impl Handler {
    pub(crate) fn compile(compiled: &Compiled, wasm: &[u8]) -> Result<Self, HostError> {
        let pre = compiled.link(wasm)?;
        Ok(Handler {
            pre: ProxyPre::new(pre).map_err(HostError::Link)?,
        })
    }

    pub(crate) async fn answer<B>(
        &self,
        fuel: Option<u64>,
        mut store: Store<State>,
        request: http::Request<B>,
    ) -> Result<http::Response<WasiBody>, HostError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Error>,
    {
        let failed = |error| HostError::from_call(error, fuel);
        let (head, answered) = oneshot::channel();
        let mut http = store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request);
        let request = request.map_err(failed)?;
        let outparam = http.new_response_outparam(head).map_err(failed)?;
        let pre = self.pre.clone();
        // It goes on after the head: the body is still to come.
        let ended = tokio::spawn(async move {
            let proxy = pre.instantiate_async(&mut store).await?;
            let handler = proxy.wasi_http_incoming_handler();
            handler.call_handle(&mut store, request, outparam).await
        });
        match answered.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(code)) => Err(HostError::Unanswered(format!("{code:?}"))),
            // The store is gone, and the way to answer with it.
            Err(_) => Err(match ended.await {
                Ok(Ok(())) => HostError::Unanswered("it returned".into()),
                Ok(Err(error)) => failed(error),
                Err(error) => HostError::Unanswered(error.to_string()),
            }),
        }
    }
}
