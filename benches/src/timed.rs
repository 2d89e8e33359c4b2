//! The measures that take time: who is asked for what, how often, and how long.

use crate::contest::{Contender, Contest, Limits};
use crate::figure::{Figure, Unit};
use crate::origin::Origin;
use crate::peer::{FLOOR, PEERS, Peer};
use crate::sample::Host;
use crate::{Measure, Mode, serving, starting, tasks};
use anyhow::Result;
use std::time::{Duration, Instant};
use urlfetch_host::raise_fd_limit;

const MIB: u64 = 1024 * 1024;
/// A request may have 10 MiB with its URL and headers (semantics.md 12.2), so a body has to leave room for them.
const UPLOAD: usize = 10 * MIB as usize - 1024;

/// Measures it.
pub(crate) fn measure(what: Measure, mode: Mode) -> Result<Vec<Figure>> {
    // What we start inherits it.
    raise_fd_limit(crate::origin::SOCKETS)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if what == Measure::Tasks {
            return tasks::measure(mode).await;
        }
        let origin = Origin::start()?;
        match what {
            Measure::Start => starting::measure(mode, &origin).await,
            Measure::Serve => serving::measure(mode, &origin).await,
            _ => hold_all(what, mode, &origin).await,
        }
    })
}

/// Every case of a measure, with an equal share each of its time.
async fn hold_all(what: Measure, mode: Mode, origin: &Origin) -> Result<Vec<Figure>> {
    let (rounds, seconds) = match (mode, what) {
        (Mode::Quick, Measure::Wall) => (3, 60),
        (Mode::Quick, _) => (3, 10),
        (Mode::Full, Measure::Wall) => (9, 600),
        (Mode::Full, Measure::Bodies) => (5, 240),
        (Mode::Full, _) => (9, 60),
    };
    let over = Instant::now() + Duration::from_secs(seconds);
    let mut left = contests(what, mode);
    left.reverse();
    let mut figures = Vec::new();
    while let Some((contest, contenders)) = left.pop() {
        let share = over.saturating_duration_since(Instant::now()) / (left.len() as u32 + 1);
        let limits = Limits {
            rounds,
            time: share,
        };
        figures.extend(contest.hold(&contenders, limits, origin).await?);
    }
    if what == Measure::Callbacks {
        return Ok(figures.into_iter().filter_map(per_callback).collect());
    }
    Ok(figures)
}

fn contests(what: Measure, mode: Mode) -> Vec<(Contest, Vec<Contender>)> {
    let contest = |case: &str, does: &'static str, count, path: &str, bytes| Contest {
        measure: what.name(),
        case: case.to_owned(),
        what: does,
        count,
        path: path.to_owned(),
        upload: 0,
        bytes,
        floor: FLOOR,
    };
    let all = |count: usize, delay: Duration| {
        let asked = PEERS
            .iter()
            .filter(|peer| peer.is_worth_asking(count, delay));
        asked.map(Contender::of).collect::<Vec<_>>()
    };
    match what {
        Measure::Wall => grid(mode)
            .into_iter()
            .map(|(count, millis)| {
                let contest = contest(&case(count, millis), "fetch", count, &path(millis), 1024);
                (contest, all(count, Duration::from_millis(millis)))
            })
            .collect(),
        Measure::Hosts => grid(mode)
            .into_iter()
            .filter(|(count, _)| *count >= 100)
            .map(|(count, millis)| {
                let contest = Contest {
                    floor: "stock",
                    ..contest(&case(count, millis), "fetch", count, &path(millis), 1024)
                };
                (contest, hosts())
            })
            .collect(),
        Measure::Bodies => {
            let kept = |case: &str, count, path: &str| {
                let path = format!("{path}/{}", 32 * MIB);
                (
                    contest(case, "keep", count, &path, 32 * MIB),
                    all(count, Duration::ZERO),
                )
            };
            let mut contests = vec![kept("4", 4, "/bytes"), kept("4 chunked", 4, "/chunked")];
            if mode == Mode::Full {
                contests.push(kept("32", 32, "/bytes"));
            }
            contests
        }
        Measure::Upload => {
            let upload = Contest {
                upload: UPLOAD,
                ..contest("10 MiB", "upload", 1, &format!("/count/{UPLOAD}"), 0)
            };
            vec![(upload, all(1, Duration::ZERO))]
        }
        Measure::Redirects => {
            let chains = contest("100 chains", "follow", 100, "/redirect/5", 8);
            vec![(chains, all(100, Duration::ZERO))]
        }
        Measure::Gzip => {
            let path = format!("/gzip/{MIB}");
            vec![(
                contest("10", "inflate", 10, &path, MIB),
                all(10, Duration::ZERO),
            )]
        }
        Measure::Callbacks => {
            let contest = Contest {
                floor: "linked",
                ..contest("1000", "callbacks", 1_000, "/bytes/1", 0)
            };
            let contenders = ["linked", "pool"].map(|name| Contender::of(Peer::named(name)));
            vec![(contest, contenders.into())]
        }
        _ => Vec::new(),
    }
}

/// How many at once, and milliseconds before each answer.
fn grid(mode: Mode) -> Vec<(usize, u64)> {
    let counts: &[usize] = match mode {
        Mode::Quick => &[1, 100, 1_000],
        Mode::Full => &[1, 10, 100, 1_000, 10_000],
    };
    let delayed = [0, 100].map(|millis| counts.iter().map(move |&count| (count, millis)));
    delayed.into_iter().flatten().collect()
}

/// How a cell of the grid is called.
pub(crate) fn case(count: usize, millis: u64) -> String {
    match millis {
        0 => count.to_string(),
        _ => format!("{count} after {millis} ms"),
    }
}

fn path(millis: u64) -> String {
    match millis {
        0 => "/bytes/1024".to_owned(),
        _ => format!("/delay/{millis}/1024"),
    }
}

/// Ours, on wasmtime's sender and on our own.
fn hosts() -> Vec<Contender> {
    let peer = Peer::named("linked");
    let on = |name, host| Contender { name, peer, host };
    vec![on("stock", Host::Stock), on("pooled", Host::Pooled)]
}

/// Only the time, and for one of them.
fn per_callback(mut figure: Figure) -> Option<Figure> {
    if figure.unit != Unit::Milliseconds {
        return None;
    }
    figure.unit = Unit::Nanoseconds;
    figure.ratio = None;
    for value in [
        &mut figure.value.low,
        &mut figure.value.median,
        &mut figure.value.high,
    ] {
        *value = *value * 1e6 / 1_000.0;
    }
    Some(figure)
}
