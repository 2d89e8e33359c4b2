//! A fetch in flight does not stop the guest (examples/ticker).

use super::run::{ALLOW_PRIVATE, lines, run, run_file};
use crate::programs;
use std::time::Duration;
use urlfetch_host::{
    Invocation, Loopback, Output, Reply, Scripted, Sender, SenderOptions, Step, World,
    run_in_virtual_time,
};
use urlfetch_tests::on_sockets;

/// How often it ticked before the answer came; everything else it printed is checked.
fn ticks(output: &Output, length: usize) -> usize {
    let lines = lines(output);
    let ticks = lines
        .iter()
        .take_while(|line| *line == "Running in the background...")
        .count();
    let rest = [
        "Status Code: 200".to_owned(),
        format!("Content Length: {length}"),
        format!("Ticks: {ticks}"),
    ];
    assert_eq!(lines[ticks..], rest);
    ticks
}

#[test]
fn a_fetch_of_one_second_lets_it_tick_a_hundred_times() {
    run_in_virtual_time(async {
        let slow = Reply::default()
            .after(Duration::from_secs(1))
            .then(Step::Zeros(51_225));
        let world = World::Scripted(Scripted::new().on("*", slow));
        let output = run_file(programs::TICKER, world, &["http://a.test/"]).await;
        // At 0, at 10, and so on to 1000, when the head is there and the body is yet to be read.
        assert_eq!(ticks(&output, 51_225), 101);
    });
}

#[test]
fn it_ticks_while_a_real_origin_is_slow() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let world = World::Pooled(Sender::new(SenderOptions::default()).unwrap());
        let wasm = std::fs::read(programs::TICKER).unwrap();
        let invocation = Invocation::new([origin.url("/delay/1000/1024")]);
        let (name, value) = ALLOW_PRIVATE;
        let output = run(&wasm, world, invocation.env(name, value)).await;
        let ticks = ticks(&output, 1_024);
        assert!((5..=102).contains(&ticks), "{ticks}");
    });
}

#[test]
fn it_fetches_no_private_address_unless_its_environment_says_so() {
    run_in_virtual_time(async {
        let world = World::Scripted(Scripted::new().on("*", Reply::ok("secret")));
        let output = run_file(programs::TICKER, world, &["http://127.0.0.1/"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status, &*output.stdout), (1, &b""[..]), "{said}");
        assert!(said.starts_with("refused: "), "{said}");
    });
}
