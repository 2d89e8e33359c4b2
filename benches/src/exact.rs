//! Exact counts: sizes of files, and what guests do under virtual time against an origin in memory. They repeat to the unit.

use crate::Measure;
use crate::figure::{Figure, Unit};
use crate::guest::{Guest, Ran, World};
use crate::peer::{Kind, Peer};
use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use std::io::Write;
use std::time::Duration;
use urlfetch_host::{COMPONENT, run_in_virtual_time};

/// Fetches in flight.
pub(crate) const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// A body that is kept.
const LARGE: usize = 32 * 1024 * 1024;

/// Counts it, of the component and these; nothing of a measure that takes time.
pub(crate) fn measure(what: Measure, peers: &[Peer]) -> Result<Vec<Figure>> {
    match what {
        Measure::Size => sizes(peers),
        Measure::Fuel => each_guest(peers, fuel),
        Measure::InFlight => each_guest(peers, in_flight),
        Measure::Kept => each_guest(peers, kept),
        _ => Ok(Vec::new()),
    }
}

/// Over 0.2 only: a guest over 0.3 is scheduled by its host, and its counts do not say what they say of the others.
fn each_guest(
    peers: &[Peer],
    count: impl Fn(&Peer, &Guest) -> Result<Vec<Figure>>,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for peer in peers {
        if let Kind::Guest(_) = peer.kind {
            let guest = Guest::load(&peer.file(), World::Memory)?;
            figures.extend(count(peer, &guest).with_context(|| peer.name)?);
        }
    }
    Ok(figures)
}

fn sizes(peers: &[Peer]) -> Result<Vec<Figure>> {
    let mut figures = vec![
        Figure::exact(
            "size",
            "raw",
            "component",
            Unit::Bytes,
            COMPONENT.len() as f64,
        ),
        Figure::exact(
            "size",
            "gzipped",
            "component",
            Unit::Bytes,
            gzipped(COMPONENT)?,
        ),
    ];
    for peer in peers {
        if let Kind::Guest(_) | Kind::Guest3(_) = peer.kind {
            let file = peer.file();
            let wasm = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let size = wasm.len() as f64;
            figures.push(Figure::exact("size", "raw", peer.name, Unit::Bytes, size));
            let size = gzipped(&wasm)?;
            figures.push(Figure::exact(
                "size",
                "gzipped",
                peer.name,
                Unit::Bytes,
                size,
            ));
        }
    }
    Ok(figures)
}

fn gzipped(bytes: &[u8]) -> Result<f64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as f64)
}

/// For each fetch, beyond what a run with none costs: all answered at once, and answered over a hundred milliseconds, a hundredth of
/// them at each.
fn fuel(peer: &Peer, guest: &Guest) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (path, suffix) in [("/bytes/1024", ""), ("/spread/100/1024", " spread")] {
        let none = run(guest, "fetch", 0, path, 0)?.fuel;
        for count in COUNTS {
            let ran = run(guest, "fetch", count, path, count * 1024)?;
            let each = (ran.fuel - none) as f64 / count as f64;
            let case = format!("{count}{suffix}");
            figures.push(Figure::exact(
                "fuel",
                &case,
                peer.name,
                Unit::Fuel,
                each.round(),
            ));
        }
    }
    Ok(figures)
}

/// While none is answered: beyond what a run with none has, after its end.
fn in_flight(peer: &Peer, guest: &Guest) -> Result<Vec<Figure>> {
    if peer.at_once == 1 {
        return Ok(Vec::new());
    }
    let count = 10_000;
    let none = run(guest, "fetch", 0, "/bytes/1024", 0)?;
    let args = args("fetch", count, "/delay/60000/1024");
    let waiting = run_in_virtual_time(guest.run(&args, Some(Duration::from_secs(1))))?;
    ensure!(waiting.stdout.is_empty(), "it did not wait for its answers");
    let each = |with: usize, without: usize| (with - without) as f64 / count as f64;
    let memory = each(waiting.memory, none.memory).round();
    let handles = each(waiting.resources, none.resources);
    Ok(vec![
        Figure::exact("in-flight", "memory", peer.name, Unit::Bytes, memory),
        Figure::exact("in-flight", "handles", peer.name, Unit::Handles, handles),
    ])
}

/// The most memory of four bodies, which are kept until the last has come: all of them fetched at once, or one by one.
fn kept(peer: &Peer, guest: &Guest) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (case, path) in [("length known", "bytes"), ("chunked", "chunked")] {
        let path = format!("/{path}/{LARGE}");
        let ran = run(guest, "keep", 4, &path, 4 * LARGE)?;
        let memory = ran.memory as f64;
        figures.push(Figure::exact("kept", case, peer.name, Unit::Bytes, memory));
    }
    if peer.name == "composed" {
        // What is handed over leaves room for the next, and nothing of it stays behind.
        let path = format!("/bytes/{LARGE}");
        let ran = run(guest, "keep-in-turn", 4, &path, 4 * LARGE)?;
        let memory = ran.memory as f64;
        figures.push(Figure::exact(
            "kept",
            "one by one",
            peer.name,
            Unit::Bytes,
            memory,
        ));
    }
    Ok(figures)
}

fn args(what: &str, count: usize, path: &str) -> Vec<String> {
    let url = format!("http://127.0.0.1:8080{path}");
    [what.to_owned(), count.to_string(), url].into()
}

/// The parts of the line that a peer prints which are counts.
#[derive(Deserialize)]
struct Counts {
    arrived: usize,
    bytes: usize,
    lost: usize,
    why: String,
}

/// Runs a guest, and sees that every byte has come.
fn run(guest: &Guest, what: &str, count: usize, path: &str, bytes: usize) -> Result<Ran> {
    let ran = run_in_virtual_time(guest.run(&args(what, count, path), None))?;
    let counts: Counts = serde_json::from_str(&ran.stdout).context("what it printed")?;
    ensure!(
        (counts.arrived, counts.bytes, counts.lost) == (count, bytes, 0),
        "of {count} fetches {} came with {} bytes, and {} were lost: {}",
        counts.arrived,
        counts.bytes,
        counts.lost,
        counts.why
    );
    Ok(ran)
}
