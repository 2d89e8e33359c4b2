//! Rpcs as futures, in guest programs that link the crate.

use super::run::{lines, run_file};
use crate::programs;
use std::time::Duration;
use tokio::time::Instant;
use urlfetch_host::{
    Loopback, Reply, Scripted, Sender, SenderOptions, Step, World, run_in_virtual_time,
};
use urlfetch_tests::on_sockets;

fn milliseconds(length: u64) -> Duration {
    Duration::from_millis(length)
}

#[test]
fn a_thousand_rpcs_are_joined_in_the_time_of_the_slowest() {
    run_in_virtual_time(async {
        // The later it was started, the sooner it answers.
        let origin = (0..1_000).fold(Scripted::new(), |origin, n| {
            let reply = Reply::ok(format!("\"n={n}\"")).after(milliseconds(1_000 - n));
            origin.on(&format!("/?n={n}"), reply)
        });
        let start = Instant::now();
        let output = run_file(
            programs::JOIN_ALL,
            World::Scripted(origin),
            &["http://a.test/?n=", "1000", "5"],
        )
        .await;
        assert_eq!(
            lines(&output),
            [
                "join_all: 1000 of 1000 have their own answer, in order",
                "FuturesUnordered: 1000 of 1000 have their own answer, from Some(999) to Some(0)",
            ]
        );
        assert_eq!(start.elapsed().as_millis() / 10, 200, "one second each");
    });
}

#[test]
fn a_thousand_rpcs_are_joined_over_real_sockets() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let sender = Sender::new(SenderOptions::default()).unwrap();
        let url = origin.url("/echo?n=");
        let output = run_file(
            programs::JOIN_ALL,
            World::Pooled(sender),
            &[&url, "1000", "60"],
        )
        .await;
        let lines = lines(&output);
        assert_eq!(
            lines[0],
            "join_all: 1000 of 1000 have their own answer, in order"
        );
        assert!(
            lines[1].starts_with("FuturesUnordered: 1000 of 1000 have their own answer"),
            "{lines:?}"
        );
        assert_eq!(origin.requests(), 2_000);
    });
}

#[test]
fn another_reactor_drives_rpcs_beside_its_own_tasks() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on(
                "/slow",
                Reply::default()
                    .after(milliseconds(300))
                    .then(Step::Zeros(100_000)),
            )
            .on(
                "/hop",
                Reply::redirect(302, "/slower").after(milliseconds(50)),
            )
            .on("/slower", Reply::ok("after a hop").after(milliseconds(50)))
            .on("/quick", Reply::ok("quick").after(milliseconds(20)))
            .on("/silent", Reply::silence());
        let urls = ["slow", "hop", "quick", "silent"].map(|path| format!("http://a.test/{path}"));
        let output = run_file(
            programs::ON_WSTD,
            World::Scripted(origin),
            &urls.each_ref().map(String::as_str),
        )
        .await;
        assert_eq!(
            lines(&output),
            [
                "slow: 200, 100000 bytes",
                "hop: 200, 11 bytes",
                "quick: 200, 5 bytes",
                "synchronous: 200",
                "order: quick hop slow",
                // At 10, then every 10 from 35 to 295 and at 305: a synchronous wait lay over those at 20 and 30.
                "ticks: 29",
                "silent: Some(DeadlineExceeded) in time: true",
                "raced with a timer: given up",
                "one at a time: 5 of 5",
            ]
        );
    });
}

#[test]
fn another_reactor_drives_rpcs_over_real_sockets() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let urls =
            ["/delay/300/100000", "/redirect/2", "/bytes/5", "/stall"].map(|path| origin.url(path));
        let world = World::Pooled(Sender::new(SenderOptions::default()).unwrap());
        let output = run_file(
            programs::ON_WSTD,
            world,
            &urls.each_ref().map(String::as_str),
        )
        .await;
        let mut lines = lines(&output);
        // In which order, and how often it ticked, is up to the machine.
        lines.retain(|line| !line.starts_with("order: ") && !line.starts_with("ticks: "));
        assert_eq!(
            lines,
            [
                "slow: 200, 100000 bytes",
                "hop: 200, 8 bytes",
                "quick: 200, 5 bytes",
                "synchronous: 200",
                "silent: Some(DeadlineExceeded) in time: true",
                "raced with a timer: given up",
                "one at a time: 5 of 5",
            ]
        );
    });
}
