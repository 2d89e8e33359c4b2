//! urlfetch as a component beside this one: its WIT, by generated bindings, driven by `turn` as an event loop would.

use ask::{Ask, DEADLINE, Tally, What};
use bindings::urlfetch::rpc::{
    fetch::{Client, Rpc},
    types::{FetchError, Request},
};
use std::collections::HashMap;

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "urlfetch:rpc/imports",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
    });
}

fn main() {
    let ask = Ask::from_args().without(&[What::Callbacks]);
    let client = Client::new();
    let allowed = client.set_allow_private(true);
    allowed
        .and_then(|()| client.set_max_in_flight(10_000, 10_000))
        .expect("a new client is not sealed");
    let mut tally = Tally::start();
    let mut kept = Vec::new();
    if ask.what == What::KeepInTurn {
        for _ in 0..ask.count {
            let outcome = start(&client, &ask).and_then(Rpc::into_result);
            match outcome {
                Ok(response) => {
                    tally.answer(response.status, response.content.len());
                    kept.push(response.content);
                }
                Err(error) => tally.lost(&error.detail),
            }
        }
        return tally.print();
    }
    let mut left = HashMap::with_capacity(ask.count);
    for _ in 0..ask.count {
        match start(&client, &ask) {
            Ok(rpc) => drop(left.insert(rpc.id(), rpc)),
            Err(error) => tally.lost(&error.detail),
        }
    }
    while !left.is_empty() {
        for id in client.turn(&[]).finished {
            let Some(rpc) = left.remove(&id) else {
                continue;
            };
            match Rpc::into_result(rpc) {
                Ok(response) => {
                    tally.answer(response.status, response.content.len());
                    if ask.what == What::Keep {
                        kept.push(response.content);
                    }
                }
                Err(error) => tally.lost(&error.detail),
            }
        }
    }
    tally.print();
}

fn start(client: &Client, ask: &Ask) -> Result<Rpc, FetchError> {
    let rpc = client.create_rpc(Some(DEADLINE.as_secs_f64()))?;
    let uploads = ask.what == What::Upload;
    rpc.make_fetch_call(&Request {
        url: ask.url.clone(),
        method: if uploads { "POST" } else { "GET" }.into(),
        headers: Vec::new(),
        payload: uploads.then(|| vec![0; ask.upload]),
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    })?;
    Ok(rpc)
}
