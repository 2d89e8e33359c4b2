//! urlfetch as a library: rpcs, and one wait for all.

use ask::{Ask, DEADLINE, Tally, What};
use std::{cell::Cell, rc::Rc};
use urlfetch::{Client, Error, Method, Request, Response, Rpc, wait_all};

fn main() -> Result<(), Error> {
    let ask = Ask::from_args().without(&[What::KeepInTurn]);
    let client = Client::new();
    client.set_allow_private(true)?;
    client.set_max_in_flight(10_000, 10_000)?;
    let payload = vec![0; ask.upload];
    let mut tally = Tally::start();
    let called = Rc::new(Cell::new(0));
    let mut rpcs = Vec::with_capacity(ask.count);
    for _ in 0..ask.count {
        let mut rpc = client.rpc().deadline(DEADLINE.as_secs_f64());
        if ask.what == What::Callbacks {
            let called = Rc::clone(&called);
            rpc = rpc.callback(move |_: &Rpc| called.set(called.get() + 1));
        }
        let mut request = Request::new(&ask.url);
        if ask.what == What::Upload {
            request.method = Method::Post;
            request.payload = payload.clone();
        }
        rpcs.push(rpc.fetch(request)?);
    }
    if ask.what == What::Callbacks {
        client.drain();
        tally.restart();
    }
    wait_all(&rpcs)?;
    if ask.what == What::Callbacks {
        assert_eq!(called.get(), ask.count);
        for _ in 0..ask.count {
            tally.answer(200, 0);
        }
        tally.print();
        return Ok(());
    }
    let mut kept: Vec<Response> = Vec::new();
    for rpc in rpcs {
        let outcome = rpc.into_result();
        tally.count(
            outcome
                .as_ref()
                .map(|response| (response.status, response.content.len())),
        );
        if ask.what == What::Keep {
            kept.extend(outcome);
        }
    }
    tally.print();
    drop(kept);
    Ok(())
}
