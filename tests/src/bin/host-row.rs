//! What an application shows of the host that serves it, as one JSON object: the example fan-out a row of the README's matrix but for
//! its score, any other that fetches every `url=` of its query how long ten take it.

use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::Instant;
use urlfetch_host::Loopback;
use urlfetch_tests::Instance;

/// Seconds that a host may take for one answer: ten fetches in sequence and the example's own deadline take less.
const PATIENCE: Option<f64> = Some(60.0);
/// What the origin lets a fetch wait, and how much it answers with.
const SLOW: &str = "/delay/200/13";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let shown = runtime.map(|runtime| match &args[..] {
        [url] => Some(runtime.block_on(row(url))),
        [option, url] if option == "--ten" => Some(runtime.block_on(ten(url))),
        _ => None,
    });
    match shown.transpose() {
        None => {
            eprintln!(
                "usage: host-row URL, or host-row --ten URL: an application that may fetch private addresses"
            );
            ExitCode::from(2)
        }
        Some(Ok(Ok(row))) => {
            println!("{row}");
            ExitCode::SUCCESS
        }
        Some(Ok(Err(reason))) => {
            eprintln!("host-row: {reason}");
            ExitCode::FAILURE
        }
        Some(Err(error)) => {
            eprintln!("host-row: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An application, as it is served.
struct App {
    url: String,
    instance: Instance,
}

impl App {
    async fn new(url: &str) -> Self {
        App {
            url: url.to_owned(),
            instance: Instance::pooled().await,
        }
    }

    /// What it answers for these URLs, which must be a 200.
    async fn ask(&mut self, urls: &[String]) -> Result<String, String> {
        let query: Vec<String> = urls.iter().map(|url| format!("url={url}")).collect();
        let url = format!("{}?{}", self.url, query.join("&"));
        let client = self.instance.client().await;
        let rpc = self.instance.get(client, &url, PATIENCE).await;
        let response = self
            .instance
            .into_result(rpc)
            .await
            .map_err(|error| error.detail)?;
        let text = String::from_utf8_lossy(&response.content).into_owned();
        match response.status {
            200 => Ok(text),
            status => Err(format!("{status}: {text}")),
        }
    }

    /// What the example fan-out tells of these URLs, in their order, and how long they took it.
    async fn fetch(&mut self, urls: &[String]) -> Result<(Vec<Value>, f64), String> {
        let text = self.ask(urls).await?;
        let mut answer: Value =
            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        let took = answer["took_ms"].as_f64();
        match (answer["answers"].take(), took) {
            (Value::Array(answers), Some(took)) if answers.len() == urls.len() => {
                Ok((answers, took))
            }
            _ => Err(text),
        }
    }

    async fn fetch_one(&mut self, url: String) -> Result<(Value, f64), String> {
        let (mut answers, took) = self.fetch(&[url]).await?;
        Ok((answers.remove(0), took))
    }
}

/// How long an application takes to answer for ten slow fetches, seen from outside; or that it has answered once and no more.
async fn ten(url: &str) -> Result<Value, String> {
    let origin = Loopback::start().await.map_err(|error| error.to_string())?;
    let mut app = App::new(url).await;
    // Some hosts compile at the first request.
    app.ask(&[origin.url("/bytes/1")]).await?;
    let before = origin.requests();
    let began = Instant::now();
    let answer = app.ask(&vec![origin.url(SLOW); 10]).await;
    let took = began.elapsed();
    let text = match answer {
        Ok(text) => text,
        Err(reason) => {
            eprintln!("host-row: the second request: {reason}");
            return Ok(json!({ "once": true }));
        }
    };
    // As JSON, or a line for each.
    let told = text.matches("\"bytes\": 13,").count() + text.matches("200 13\n").count();
    match (told, origin.requests() - before) {
        (10, 10) => Ok(json!({ "ten_ms": took.as_secs_f64() * 1e3 })),
        (_, requests) => Err(format!(
            "{requests} requests of ten have come, and it says: {text}"
        )),
    }
}

async fn row(url: &str) -> Result<Value, String> {
    let origin = Loopback::start().await.map_err(|error| error.to_string())?;
    let mut app = App::new(&format!("{url}/")).await;

    let (whole, _) = app.fetch_one(origin.url("/bytes/100000")).await?;
    let fetch = (&whole["status"], &whole["bytes"]) == (&json!(200), &json!(100_000));

    let slow = vec![origin.url(SLOW); 10];
    let (ten, parallel_ms) = app.fetch(&slow).await?;
    let mut sequence_ms = 0.0;
    for url in slow {
        sequence_ms += app.fetch_one(url).await?.1;
    }
    let mut callbacks: Vec<_> = ten
        .iter()
        .map(|answer| answer["callback"].as_u64())
        .collect();
    callbacks.sort_unstable();
    let callback = callbacks.into_iter().eq((1..=10).map(Some));

    let (racers, _) = app
        .fetch(&[origin.url("/delay/700"), origin.url("/delay/100")])
        .await?;
    let wait_any = racers[1]["callback"] == 1;

    let (late, _) = app
        .fetch(&[origin.url("/stall"), origin.url("/drip")])
        .await?;
    let deadline = late
        .iter()
        .all(|answer| answer["error"] == "deadline-exceeded");

    let kinds = kinds(&origin).map_err(|error| error.to_string())?;
    let (failed, _) = app
        .fetch(&kinds.iter().map(|(url, _)| url.clone()).collect::<Vec<_>>())
        .await?;
    let (mut told, mut other) = (0, Vec::new());
    for ((url, kind), answer) in kinds.iter().zip(&failed) {
        if answer["error"] == *kind {
            told += 1;
        } else {
            other.push(json!({ "url": url, "expected": kind, "answer": answer }));
        }
    }
    Ok(json!({
        "fetch": fetch,
        "callback": callback,
        "wait_any": wait_any,
        "deadline": deadline,
        "kinds": { "told": told, "of": kinds.len(), "other": other },
        "parallel_ms": parallel_ms,
        "sequence_ms": sequence_ms,
    }))
}

/// What cannot be fetched, and the kind of error that must say so.
fn kinds(origin: &Loopback) -> std::io::Result<Vec<(String, &'static str)>> {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    Ok(vec![
        (format!("http://{closed}/"), "download"),
        (origin.url("/close"), "connection-closed"),
        (origin.url("/cut/4096"), "connection-closed"),
        (origin.url("/redirect/20"), "too-many-redirects"),
        (origin.url("/status/302"), "malformed-reply"),
        (
            origin.url("/").replacen("http", "https", 1),
            "ssl-certificate",
        ),
        ("ftp://127.0.0.1/".into(), "invalid-url"),
    ])
}
