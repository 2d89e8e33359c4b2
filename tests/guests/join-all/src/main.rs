//! Awaits rpcs by the combinators of futures: `join_all` (which wakes every future by a waker of its own), then
//! `FuturesUnordered`. Arguments: a URL that ends where a number goes, how many, and the deadline in seconds.

use std::process::ExitCode;

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use urlfetch::{Client, Error, Response, Rpc, block_on};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, count, deadline] = args.as_slice() else {
        eprintln!("usage: join-all URL-WITHOUT-ITS-NUMBER COUNT DEADLINE");
        return ExitCode::from(2);
    };
    let (Ok(count), Ok(deadline)) = (count.parse(), deadline.parse()) else {
        eprintln!("COUNT and DEADLINE are numbers");
        return ExitCode::from(2);
    };
    match join(url, count, deadline).and_then(|()| unordered(url, count, deadline)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A started rpc for each number.
fn start(url: &str, count: usize, deadline: f64) -> Result<Vec<Rpc>, Error> {
    let client = Client::shared();
    client.set_allow_private(true)?;
    client.set_max_in_flight(10_000, 10_000)?;
    let start = |n| client.rpc().deadline(deadline).fetch(format!("{url}{n}"));
    (0..count).map(start).collect()
}

/// Whether an answer is the one to number `n`: it ends with the number in quotes, or holds it so.
fn answers(response: &Response, n: usize) -> bool {
    let quoted = format!("={n}\"");
    response.status == 200
        && response
            .content
            .windows(quoted.len())
            .any(|window| window == quoted.as_bytes())
}

fn join(url: &str, count: usize, deadline: f64) -> Result<(), Error> {
    let rpcs = start(url, count, deadline)?;
    let results = block_on(join_all(rpcs))?;
    let mut own = 0;
    for (n, result) in results.into_iter().enumerate() {
        own += usize::from(answers(&result?, n));
    }
    println!("join_all: {own} of {count} have their own answer, in order");
    Ok(())
}

fn unordered(url: &str, count: usize, deadline: f64) -> Result<(), Error> {
    let rpcs = start(url, count, deadline)?;
    let numbered = rpcs
        .into_iter()
        .enumerate()
        .map(|(n, rpc)| async move { (n, rpc.await) });
    let mut left: FuturesUnordered<_> = numbered.collect();
    let order = block_on(async {
        let mut order = Vec::new();
        while let Some((n, result)) = left.next().await {
            if answers(&result?, n) {
                order.push(n);
            }
        }
        Ok::<_, Error>(order)
    })??;
    println!(
        "FuturesUnordered: {} of {count} have their own answer, from {:?} to {:?}",
        order.len(),
        order.first(),
        order.last()
    );
    Ok(())
}
