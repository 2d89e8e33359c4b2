//! Chromium, in which the tests look at the console: whether it is there, and under CI how it comes.

use std::path::PathBuf;

use crate::apt;

/// What it is called; tests/src/browser.rs looks for the same.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The Chromium that tests will use: what the variable CHROMIUM names, or the first that is installed.
pub(crate) fn find() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| {
        std::env::split_paths(&folders)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|path| path.is_file())
    })
}

/// Says what will be skipped where there is none: a machine's packages are its owner's. With CI=true in the environment it installs
/// what Debian has first. That may fail for reasons of the machine's alone (no root, no apt), and stops nothing else.
pub(crate) fn ensure() {
    if find().is_some() {
        return;
    }
    if let Err(why) = apt::install_under_ci("Chromium", "chromium") {
        println!("skipped: what a browser shows of the console; {why}");
    }
}
