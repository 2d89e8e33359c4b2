//! The kill loop, as short as a test: `cargo xtask tasks-kill` is the long one.

use std::path::PathBuf;
use urlfetch_tests::kills::{Settings, kill_loop};

#[test]
fn what_a_server_acknowledged_before_it_was_killed_runs_after_it() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kills");
    let settings = Settings {
        program: env!("CARGO_BIN_EXE_tasks-kill").into(),
        folder,
        kills: 5,
    };
    let report = kill_loop(&settings, |_| {}).expect("the last server ends its work");
    assert_eq!(report.fault(), None, "{report:?}");
    assert_eq!((report.kills, report.lost.len()), (5, 0));
}
