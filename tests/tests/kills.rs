//! The kill loop, as short as a test: `cargo xtask tasks-kill` is the long one.

use std::path::PathBuf;
use urlfetch_tests::database::Database;
use urlfetch_tests::kills::{Settings, kill_loop, kill_two_hosts};

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

#[test]
fn what_two_hosts_acknowledged_before_they_and_their_database_were_killed_runs_after_it() {
    if Database::programs().is_none() {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("two-hosts");
    let settings = Settings {
        program: env!("CARGO_BIN_EXE_tasks-kill").into(),
        folder,
        kills: 8,
    };
    let report = kill_two_hosts(&settings, |_| {}).expect("the hosts end their work");
    assert_eq!(report.fault(), None, "{report:?}");
    assert!(report.kills >= 8 && report.lost.is_empty(), "{report:?}");
}
