//! PostgreSQL, on which the tests of deferred tasks are played as well as on a file: whether it is there, and under CI how it comes.

use std::path::PathBuf;

use crate::apt;
use crate::shell::{Failure, cargo};

/// The folder of its programs; tests/src/database.rs looks for the same.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("POSTGRES").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    named
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain(debian)
        .find(|folder| folder.join("initdb").is_file())
}

/// Says what will be skipped where there is none; with CI=true in the environment it is installed first.
pub(crate) fn ensure() {
    if find().is_some() {
        return;
    }
    if let Err(why) = apt::install_under_ci("PostgreSQL", "postgresql") {
        println!("skipped: deferred tasks in a database; {why}");
    }
}

/// Plays the tests of deferred tasks, which `cargo test` has played on files, on a database each.
pub(crate) fn test() -> Result<(), Failure> {
    if find().is_none() {
        return Ok(());
    }
    println!("\n-- deferred tasks in PostgreSQL");
    cargo(["test", "--lib", "--", "tasks::"])
        .env("URLFETCH_STORE", "postgres")
        .run()
}
