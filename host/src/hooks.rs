//! Where wasmtime hands a guest's request over to a world.

use crate::{Scripted, Sender};
use std::future::Future;
use wasmtime_wasi_http::{RequestOptions, Result, WasiBody, WasiHttpHooks, default_send_request};

/// The task that goes on moving bytes after the head.
type Io = Box<dyn Future<Output = Result<()>> + Send>;
type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io)>> + Send>;

/// One world's way to send.
pub(crate) enum Hooks {
    Scripted(Scripted),
    Pooled(Sender),
    Stock,
}

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        // The pool writes `host` itself, on HTTP/1.1 only: h2 has `:authority`.
        !matches!(self, Hooks::Pooled(_))
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Sending {
        match self {
            Hooks::Scripted(origin) => {
                let exchange = origin.answer(request, options);
                Box::new(async move {
                    let (response, upload) = exchange.await?;
                    Ok((response, Box::new(upload) as Io))
                })
            }
            Hooks::Pooled(sender) => {
                let sender = sender.clone();
                Box::new(async move {
                    let response = sender.send(request, options).await?;
                    // The pool's own tasks drive the connection.
                    Ok((response, Box::new(async { Ok(()) }) as Io))
                })
            }
            Hooks::Stock => Box::new(async move {
                use http_body_util::BodyExt;
                let (response, io) = default_send_request(request, options).await?;
                Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as Io))
            }),
        }
    }
}
