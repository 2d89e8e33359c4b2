//! `urlfetch demo`: an origin of our own on loopback, everything that can happen to a fetch at once, and whether it happened.

use super::drive::{self, Call, Policy};
use super::fetched::Fetched;
use super::progress::Progress;
use super::{Refusal, Verdict, fetch, output};
use std::net::{Ipv4Addr, TcpListener};
use urlfetch_host::bindings::types::Request;
use urlfetch_host::{Harness, HarnessOptions, Loopback, Sender, SenderOptions, World};

/// Watch the component fetch many URLs at once from an origin on a free loopback port.
///
/// The origin answers slowly, by redirects, compressed, with a 404, with a large body, not in time, and one address refuses the
/// connection. The last line is `demo: N fetched, M failed as expected`; exit code 1 when anything else happened.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {}

/// What a scene must end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// An answer: status, bytes after decoding, exchanges.
    Answer {
        status: u16,
        bytes: u64,
        hops: usize,
    },
    /// A failure of one of these kinds.
    Failure(&'static [&'static str]),
}

/// One fetch of the demo.
struct Scene {
    url: String,
    deadline: f64,
    expected: Expected,
}

/// Fetches every scene at once, shows what came of them, and judges it.
pub(crate) fn run(_: DemoArgs) -> Result<Verdict, Refusal> {
    let (scenes, run) = super::runtime()?.block_on(async {
        let origin = Loopback::start()
            .await
            .map_err(|error| Refusal::new(format!("no loopback origin: {error}")))?;
        let scenes = scenes(&origin)?;
        let sender = Sender::new(SenderOptions::default()).map_err(Refusal::new)?;
        let harness = Harness::new(HarnessOptions::default()).map_err(Refusal::new)?;
        let mut session = harness
            .session(World::Pooled(sender))
            .await
            .map_err(Refusal::new)?;
        let urls: Vec<_> = scenes.iter().map(|scene| scene.url.clone()).collect();
        let policy = Policy {
            allow_private: true,
            max_in_flight: None,
        };
        let calls = scenes.iter().map(call).collect();
        let run = drive::drive(&mut session, policy, calls, &mut Progress::new(&urls)).await?;
        Ok::<_, Refusal>((scenes, run))
    })?;
    let mut text = fetch::picture(&run.fetched, run.wall_ms, usize::MAX, output::coloured());
    let surprises: Vec<_> = scenes
        .iter()
        .zip(&run.fetched)
        .filter_map(|(scene, rpc)| surprise(scene, rpc))
        .collect();
    for surprise in &surprises {
        text.push_str(surprise);
        text.push('\n');
    }
    let (fetched, failed) = counts(&scenes, &run.fetched);
    text.push_str(&format!(
        "demo: {fetched} fetched, {failed} failed as expected\n"
    ));
    output::print(text.as_bytes())?;
    Ok(if surprises.is_empty() {
        Verdict::Succeeded
    } else {
        Verdict::SomeFailed
    })
}

/// What is fetched, and what must come of it.
fn scenes(origin: &Loopback) -> Result<Vec<Scene>, Refusal> {
    let answer = |bytes, hops| Expected::Answer {
        status: 200,
        bytes,
        hops,
    };
    let on_origin = |path: &str, deadline, expected| Scene {
        url: origin.url(path),
        deadline,
        expected,
    };
    let late = Expected::Failure(&["deadline-exceeded"]);
    let gone = Expected::Failure(&["download", "connection-closed"]);
    Ok(vec![
        on_origin("/bytes/1024", 5.0, answer(1024, 1)),
        on_origin("/delay/100/1024", 5.0, answer(1024, 1)),
        on_origin("/delay/300/1024", 5.0, answer(1024, 1)),
        on_origin("/delay/600/1024", 5.0, answer(1024, 1)),
        on_origin("/redirect/3", 5.0, answer("arrived\n".len() as u64, 4)),
        on_origin("/gzip/1048576", 5.0, answer(1 << 20, 1)),
        on_origin("/bytes/16777216", 5.0, answer(16 << 20, 1)),
        on_origin(
            "/status/404",
            5.0,
            Expected::Answer {
                status: 404,
                bytes: 0,
                hops: 1,
            },
        ),
        on_origin(
            "/redirect/20",
            5.0,
            Expected::Failure(&["too-many-redirects"]),
        ),
        on_origin(
            "/cut/4096",
            5.0,
            Expected::Failure(&["connection-closed", "malformed-reply"]),
        ),
        on_origin("/stall", 0.4, late),
        on_origin("/drip", 0.8, late),
        Scene {
            url: refusing_url()?,
            deadline: 5.0,
            expected: gone,
        },
    ])
}

/// A URL where nobody listens: of a port that was free a moment ago.
fn refusing_url() -> Result<String, Refusal> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address =
        listener.map_err(|error| Refusal::new(format!("no free loopback port: {error}")))?;
    Ok(format!("http://{address}/refused"))
}

fn call(scene: &Scene) -> Call {
    Call {
        request: Request {
            url: scene.url.clone(),
            method: "GET".into(),
            headers: Vec::new(),
            payload: None,
            follow_redirects: true,
            allow_truncated: false,
            validate_certificate: None,
        },
        deadline: Some(scene.deadline),
    }
}

/// A line about a scene that did not end as it must.
fn surprise(scene: &Scene, rpc: &Fetched) -> Option<String> {
    let as_expected = match (&scene.expected, &rpc.outcome) {
        (
            Expected::Answer {
                status,
                bytes,
                hops,
            },
            Ok(answer),
        ) => answer.status == *status && rpc.bytes == *bytes && rpc.hops.len() == *hops,
        (Expected::Failure(kinds), Err(failure)) => kinds.contains(&failure.kind),
        _ => false,
    };
    let ended = match &rpc.outcome {
        Ok(answer) => format!(
            "{}, {} bytes, {} hops",
            answer.status,
            rpc.bytes,
            rpc.hops.len()
        ),
        Err(failure) => format!("{}: {}", failure.kind, failure.detail),
    };
    (!as_expected).then(|| {
        format!(
            "unexpected: {} was to end in {:?}, and ended in {ended}",
            scene.url, scene.expected
        )
    })
}

/// How many were fetched, and how many failed that were to fail.
fn counts(scenes: &[Scene], fetched: &[Fetched]) -> (usize, usize) {
    let answers = fetched.iter().filter(|rpc| rpc.outcome.is_ok()).count();
    let failures = scenes
        .iter()
        .zip(fetched)
        .filter(|(scene, rpc)| {
            matches!(scene.expected, Expected::Failure(_)) && rpc.outcome.is_err()
        })
        .filter(|(scene, rpc)| surprise(scene, rpc).is_none())
        .count();
    (answers, failures)
}

#[cfg(test)]
mod tests {
    use super::super::fetched::samples::{late, success};
    use super::{Expected, Scene, counts, surprise};

    fn scene(expected: Expected) -> Scene {
        Scene {
            url: "http://a/".into(),
            deadline: 1.0,
            expected,
        }
    }

    #[test]
    fn what_ends_as_it_must_is_no_surprise() {
        let answer = scene(Expected::Answer {
            status: 200,
            bytes: 1024,
            hops: 1,
        });
        let failure = scene(Expected::Failure(&["download", "deadline-exceeded"]));
        assert_eq!(surprise(&answer, &success("http://a/", 1.0)), None);
        assert_eq!(surprise(&failure, &late("http://a/", 1.0)), None);
        assert_eq!(
            counts(
                &[answer, failure],
                &[success("http://a/", 1.0), late("http://a/", 1.0)]
            ),
            (1, 1)
        );
    }

    #[test]
    fn another_size_another_kind_and_another_outcome_are_surprises() {
        let wrong = [
            (
                scene(Expected::Answer {
                    status: 200,
                    bytes: 1,
                    hops: 1,
                }),
                success("http://a/", 1.0),
            ),
            (
                scene(Expected::Answer {
                    status: 200,
                    bytes: 1024,
                    hops: 1,
                }),
                late("http://a/", 1.0),
            ),
            (
                scene(Expected::Failure(&["download"])),
                late("http://a/", 1.0),
            ),
            (
                scene(Expected::Failure(&["download"])),
                success("http://a/", 1.0),
            ),
        ];
        for (scene, rpc) in &wrong {
            assert!(
                surprise(scene, rpc).is_some_and(|line| line.starts_with("unexpected: http://a/ "))
            );
        }
        let (scenes, fetched): (Vec<_>, Vec<_>) = wrong.into_iter().unzip();
        assert_eq!(counts(&scenes, &fetched), (2, 0));
    }
}
