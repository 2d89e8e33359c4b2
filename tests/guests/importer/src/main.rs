//! An application that imports the component: it fetches its arguments, each with a callback of its own, first by `wait-any`, then
//! from an event loop by `turn`.

use std::{collections::BTreeMap, process::ExitCode};

use bindings::urlfetch::rpc::{
    fetch::{Client, Rpc, Waited, wait_any},
    types::{FetchError, Request},
};

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "urlfetch:rpc/imports",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
    });
}

/// What runs when an rpc has finished. It belongs to the application: across components a callback is a fact.
type Callback = Box<dyn FnOnce(&Rpc)>;

fn main() -> ExitCode {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    match by_wait_any(&urls).and_then(|()| by_turn(&urls)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {}", error.kind.name(), error.detail);
            ExitCode::FAILURE
        }
    }
}

/// An rpc for each URL, with a callback that prints one line.
fn start(
    client: &Client,
    verb: &'static str,
    urls: &[String],
) -> Result<Vec<(Rpc, Callback)>, FetchError> {
    let start = |url: &String| {
        let rpc = client.create_rpc(Some(10.0))?;
        rpc.make_fetch_call(&get(url))?;
        let url = url.clone();
        let callback: Callback = Box::new(move |rpc| match rpc.get_result() {
            Ok(response) => println!(
                "{verb} {url}: {}, {} bytes",
                response.status,
                response.content.len()
            ),
            Err(error) => println!("{verb} {url}: {}", error.kind.name()),
        });
        Ok((rpc, callback))
    };
    urls.iter().map(start).collect()
}

fn get(url: &str) -> Request {
    Request {
        url: url.into(),
        method: "GET".into(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    }
}

fn new_client() -> Client {
    let client = Client::new();
    client
        .set_allow_private(true)
        .expect("a new client is not sealed");
    client
}

/// Waits for whichever comes first, until none is left.
fn by_wait_any(urls: &[String]) -> Result<(), FetchError> {
    let client = new_client();
    let mut left = start(&client, "wait-any", urls)?;
    loop {
        let rpcs: Vec<&Rpc> = left.iter().map(|(rpc, _)| rpc).collect();
        match wait_any(&rpcs, None)? {
            Waited::Finished(finished) => {
                let (rpc, callback) = left.remove(finished.index as usize);
                if finished.callback_due {
                    callback(&rpc);
                }
            }
            Waited::Interrupted | Waited::Nothing => return Ok(()),
        }
    }
}

/// An event loop: a timer of its own beside the rpcs, and `turn` in place of `poll`.
fn by_turn(urls: &[String]) -> Result<(), FetchError> {
    let client = new_client();
    let started = start(&client, "turn", urls)?;
    let mut left: BTreeMap<u32, (Rpc, Callback)> = started
        .into_iter()
        .map(|entry| (entry.0.id(), entry))
        .collect();
    let mut ticks = 0;
    let mut timer = tick();
    while !left.is_empty() {
        let turned = client.turn(&[&timer]);
        if !turned.ready.is_empty() {
            ticks += 1;
            timer = tick();
        }
        for id in turned.finished {
            if let Some((rpc, callback)) = left.remove(&id)
                && rpc.wait()?
            {
                callback(&rpc);
            }
        }
    }
    println!("ticks: {ticks}");
    Ok(())
}

fn tick() -> wasi::io::poll::Pollable {
    wasi::clocks::monotonic_clock::subscribe_duration(10_000_000)
}
