//! `wasi:http/outgoing-handler` as wasmtime has it, and the request options deleted that it leaves behind.
//!
//! wasmtime 48.0.8 reads the options that a guest hands over with a request and keeps them in the store's table for ever: about a
//! hundred bytes for each exchange, and after a million of them the table is full and the next request traps the guest.

use crate::State;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, Host as _};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{RequestOptions, WasiHttpCtxView, WasiHttpView};

/// The version that wasmtime gives the interface; older ones of 0.2 are linked to it.
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

type Request = Resource<HostOutgoingRequest>;
type Options = Resource<RequestOptions>;
type Answer = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Adds `wasi:http` of WASI 0.2, for requests that go out.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Http>(linker, &LinkOptions::default().into(), State::http)?;
    linker
        .instance(OUTGOING_HANDLER)?
        .func_wrap("handle", handle)
}

struct Http;

impl HasData for Http {
    type Data<'a> = WasiHttpCtxView<'a>;
}

fn handle(
    mut store: StoreContextMut<'_, State>,
    (request, options): (Request, Option<Options>),
) -> wasmtime::Result<(Answer,)> {
    let mut http = store.data_mut().http();
    let handed_over = options.as_ref().map(Resource::rep);
    let answer = http.handle(request, options);
    if let Some(rep) = handed_over {
        let options = Options::new_own(rep);
        // Should a later wasmtime delete them itself, something else may stand in their place by now.
        if http.table.get(&options).is_ok() {
            http.table.delete(options)?;
        }
    }
    let answer = match answer {
        Ok(future) => Ok(future),
        Err(error) => Err(http.convert_error_code(error)?),
    };
    Ok((answer,))
}
