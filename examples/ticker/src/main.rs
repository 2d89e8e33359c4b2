//! A fetch in flight does not stop the program: it ticks every 10 ms until the answer is there.

use std::{cell::Cell, future::Future, pin::pin, process::ExitCode, task::Poll, time::Duration};

use urlfetch::{Client, Error, Response, block_on, sleep};

fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: ticker URL");
        return ExitCode::from(2);
    };
    match fetch_and_tick(&url) {
        Ok((response, ticks)) => {
            println!("Status Code: {}", response.status);
            println!("Content Length: {}", response.content.len());
            println!("Ticks: {ticks}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The answer, and how often the ticker ran before it came.
fn fetch_and_tick(url: &str) -> Result<(Response, u32), Error> {
    let client = Client::shared();
    // What it may reach is policy, here the operator's.
    client.set_allow_private(
        std::env::var("URLFETCH_ALLOW_PRIVATE").is_ok_and(|value| value == "1"),
    )?;
    let rpc = client.rpc().deadline(10.0).fetch(url)?;
    let ticks = Cell::new(0);
    let ticker = async {
        loop {
            println!("Running in the background...");
            ticks.set(ticks.get() + 1);
            sleep(Duration::from_millis(10)).await;
        }
    };
    let response = block_on(beside(rpc, ticker))??;
    Ok((response, ticks.get()))
}

/// Awaits `main`, and polls `background` whenever it can go on.
async fn beside<T>(main: impl Future<Output = T>, background: impl Future<Output = ()>) -> T {
    let (mut main, mut background) = (pin!(main), pin!(background));
    std::future::poll_fn(|cx| {
        let output = main.as_mut().poll(cx);
        if output.is_pending() {
            // The ticker has no end: what counts is that it was polled.
            let _: Poll<()> = background.as_mut().poll(cx);
        }
        output
    })
    .await
}
