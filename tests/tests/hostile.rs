//! A caller who passes everything that is wrong and calls in every odd order (`guests/hostile`): no trap, and each gets its answer.

use super::run::{composed, lines, run_wasm};
use crate::programs;
use std::time::Duration;
use urlfetch_host::{Reply, Scripted, World, run_in_virtual_time};
use urlfetch_tests::check_golden;

fn origin() -> Scripted {
    Scripted::new()
        .on("/ok", Reply::ok("hello"))
        .on("/slow", Reply::ok("late").after(Duration::from_secs(1)))
        .on("/silent", Reply::silence())
        .on("/bad-location", Reply::redirect(302, "http://[::1"))
        .on("/to-ftp", Reply::redirect(302, "ftp://a.test/"))
        .on("/to-private", Reply::redirect(302, "http://127.0.0.1/"))
        .on("/no-location", Reply::status(302))
}

#[test]
fn nothing_that_is_passed_traps_and_every_outcome_is_the_golden_one() {
    let wasm = composed(programs::HOSTILE, &[]);
    run_in_virtual_time(async {
        let output = run_wasm(&wasm, World::Scripted(origin()), &["http://a.test"]).await;
        let mut text = lines(&output).join("\n");
        text.push('\n');
        check_golden("hostile.txt", &text);
    });
}
