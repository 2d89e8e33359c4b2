//! Awaits rpcs on the reactor of wstd: a second implementation of `urlfetch::Reactor`, beside `block_on`. Its arguments are four
//! URLs: a slow one, one that redirects, a quick one, and one that never answers.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    process::ExitCode,
    rc::Rc,
    time::Instant,
};

use futures_util::future::{Either, join_all, select};
use urlfetch::{Client, Error, Pollable};
use wstd::{
    runtime::{AsyncPollable, block_on, spawn},
    time::{Duration, Timer},
};

/// wstd's reactor, as the crate urlfetch sees it.
struct Wstd;

impl urlfetch::Reactor for Wstd {
    fn ready(&self, pollable: Pollable) -> Pin<Box<dyn Future<Output = ()>>> {
        // Two crates with bindings of one WIT: the handle is the same, and `take_handle` leaves it to the other.
        // SAFETY: the handle is that of a pollable, and nobody else has it any more.
        #[allow(unsafe_code, reason = "no other way between two crates of bindings")]
        let pollable = unsafe { wasip2::io::poll::Pollable::from_handle(pollable.take_handle()) };
        let pollable = AsyncPollable::new(pollable);
        Box::pin(async move { pollable.wait_for().await })
    }
}

async fn sleep_ms(length: u64) {
    Timer::after(Duration::from_millis(length)).wait().await;
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Ok(urls) = <[String; 4]>::try_from(args) else {
        eprintln!("usage: on-wstd SLOW HOP QUICK SILENT");
        return ExitCode::from(2);
    };
    match block_on(run(urls)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run([slow, hop, quick, silent]: [String; 4]) -> Result<(), Error> {
    let client = Client::shared();
    client.set_allow_private(true)?;
    client.use_reactor(Wstd);
    together(&client, [("slow", &slow), ("hop", &hop), ("quick", &quick)]).await?;
    deadline(&client, &silent).await?;
    dropped(&client, &silent).await?;
    queued(&client, &quick).await
}

/// Tasks of wstd, each with an rpc; a ticker beside them; a synchronous wait in the middle.
async fn together(client: &Client, urls: [(&'static str, &str); 3]) -> Result<(), Error> {
    let (ticks, is_over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let ticker = spawn({
        let (ticks, is_over) = (Rc::clone(&ticks), Rc::clone(&is_over));
        async move {
            while !is_over.get() {
                sleep_ms(10).await;
                ticks.set(ticks.get() + 1);
            }
        }
    });
    let order = Rc::new(RefCell::new(Vec::new()));
    let tasks = urls.map(|(name, url)| {
        let (order, rpc) = (Rc::clone(&order), client.rpc().fetch(url));
        spawn(async move {
            let response = rpc?.await?;
            order.borrow_mut().push(name);
            Ok::<_, Error>((response.status, response.content.len()))
        })
    });
    let waiting = spawn({
        let (client, url) = (client.clone(), urls[2].1.to_owned());
        async move {
            sleep_ms(15).await;
            // Blocks this thread, and so the ticker; the rpcs of the other tasks move all the same.
            client.fetch(url).map(|response| response.status)
        }
    });
    for ((name, _), result) in urls.into_iter().zip(join_all(tasks).await) {
        let (status, bytes) = result?;
        println!("{name}: {status}, {bytes} bytes");
    }
    println!("synchronous: {}", waiting.await?);
    println!("order: {}", order.borrow().join(" "));
    is_over.set(true);
    ticker.await;
    println!("ticks: {}", ticks.get());
    Ok(())
}

/// A deadline wakes its awaiter although nothing else does.
async fn deadline(client: &Client, silent: &str) -> Result<(), Error> {
    let start = Instant::now();
    let failed = client.rpc().deadline(0.2).fetch(silent)?.await;
    let kind = failed.err().and_then(|error| error.kind());
    println!(
        "silent: {kind:?} in time: {}",
        start.elapsed().as_millis() >= 200
    );
    Ok(())
}

/// An rpc that is dropped while it is awaited takes its pollables along; the reactor goes on.
async fn dropped(client: &Client, silent: &str) -> Result<(), Error> {
    let rpc = client.rpc().fetch(silent)?;
    let outcome = match select(Box::pin(sleep_ms(30)), rpc).await {
        Either::Left(((), rpc)) => {
            drop(rpc);
            "given up"
        }
        Either::Right(_) => "answered",
    };
    println!("raced with a timer: {outcome}");
    Ok(())
}

/// One call at a time: those that queue are awaited before they are out.
async fn queued(client: &Client, quick: &str) -> Result<(), Error> {
    client.set_max_in_flight(1, 1)?;
    let rpcs: Result<Vec<_>, _> = (0..5).map(|_| client.rpc().fetch(quick)).collect();
    let answered = join_all(rpcs?)
        .await
        .into_iter()
        .filter(Result::is_ok)
        .count();
    println!("one at a time: {answered} of 5");
    Ok(())
}
