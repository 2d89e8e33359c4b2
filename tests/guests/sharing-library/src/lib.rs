//! A library that starts a fetch for others and finishes one for them: rpcs cross its boundary in both directions.

use bindings::{
    exports::test::sharing::fetcher::Guest,
    urlfetch::rpc::{
        fetch::{Client, Rpc},
        types::Request,
    },
};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit", "wit"],
        world: "test:sharing/library",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
        generate_all,
    });
}

struct Library;

impl Guest for Library {
    fn begin(url: String) -> Rpc {
        // A library makes a client of its own; the rpc keeps what it needs of it.
        let client = Client::new();
        client
            .set_allow_private(true)
            .expect("a new client is not sealed");
        let rpc = client
            .create_rpc(Some(5.0))
            .expect("five seconds have a meaning");
        let request = Request {
            url,
            method: "GET".into(),
            headers: Vec::new(),
            payload: None,
            follow_redirects: true,
            allow_truncated: false,
            validate_certificate: None,
        };
        rpc.make_fetch_call(&request)
            .expect("an idle rpc starts a plain GET");
        rpc
    }

    fn finish(rpc: Rpc) -> (u32, String) {
        let id = rpc.id();
        let outcome = match Rpc::into_result(rpc) {
            Ok(response) => response.status.to_string(),
            Err(error) => error.kind.name().to_owned(),
        };
        (id, outcome)
    }
}

bindings::export!(Library with_types_in bindings);
