//! reqwest on tokio with all cores and a pool of connections: what one would use outside of WebAssembly.

use ask::{Ask, DEADLINE, Tally, What};
use futures_util::future::join_all;
use reqwest::{Body, Client, Error};

fn main() {
    let ask = Ask::from_args().without(&[What::Callbacks, What::KeepInTurn]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(ask));
}

async fn run(ask: Ask) {
    let client = Client::builder().timeout(DEADLINE).no_proxy().build();
    let client = client.expect("a client without TLS");
    let mut tally = Tally::start();
    // Tasks, so that every core works.
    let fetches = (0..ask.count).map(|_| tokio::spawn(fetch(client.clone(), ask.clone())));
    let mut kept = Vec::new();
    for outcome in join_all(fetches).await {
        let outcome = outcome.expect("no panic");
        tally.count(outcome.as_ref().map(|(status, body)| (*status, body.len())));
        if ask.what == What::Keep {
            kept.extend(outcome);
        }
    }
    tally.print();
}

async fn fetch(client: Client, ask: Ask) -> Result<(u16, Vec<u8>), Error> {
    let request = match ask.what {
        What::Upload => client.post(&ask.url).body(Body::from(vec![0; ask.upload])),
        _ => client.get(&ask.url),
    };
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    // One vector, as the others keep it: `bytes` would be one as well, but copied when the length is not known.
    let length = response.content_length().unwrap_or_default();
    let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
    }
    Ok((status, body))
}
