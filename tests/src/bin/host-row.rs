//! What the example fan-out shows of the host that serves it, as one JSON object: a row of the README's matrix but for its score.

use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use urlfetch_host::Loopback;
use urlfetch_tests::Instance;

/// Seconds that a host may take for one answer: ten fetches in sequence and the example's own deadline take less.
const PATIENCE: Option<f64> = Some(60.0);
/// What the origin lets a fetch wait.
const SLOW: &str = "/delay/200/10";

fn main() -> ExitCode {
    let Some(app) = std::env::args().nth(1) else {
        eprintln!(
            "usage: host-row URL, where the example fan-out is served and may fetch private addresses"
        );
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.map(|runtime| runtime.block_on(row(app))) {
        Ok(Ok(row)) => {
            println!("{row}");
            ExitCode::SUCCESS
        }
        Ok(Err(reason)) => {
            eprintln!("host-row: {reason}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("host-row: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The example, as it is served.
struct App {
    url: String,
    instance: Instance,
}

impl App {
    /// What it answers for these URLs, in their order, and how long it took.
    async fn fetch(&mut self, urls: &[String]) -> Result<(Vec<Value>, f64), String> {
        let query: Vec<String> = urls.iter().map(|url| format!("url={url}")).collect();
        let url = format!("{}/?{}", self.url.trim_end_matches('/'), query.join("&"));
        let client = self.instance.client().await;
        let rpc = self.instance.get(client, &url, PATIENCE).await;
        let response = self
            .instance
            .into_result(rpc)
            .await
            .map_err(|error| error.detail)?;
        let text = String::from_utf8_lossy(&response.content).into_owned();
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

async fn row(url: String) -> Result<Value, String> {
    let origin = Loopback::start().await.map_err(|error| error.to_string())?;
    let instance = Instance::pooled().await;
    let mut app = App { url, instance };

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
