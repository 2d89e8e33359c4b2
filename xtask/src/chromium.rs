//! Chromium, in which the tests look at the console: whether it is there, and under CI how it comes.

use std::path::PathBuf;

use crate::shell::{Failure, program};

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

/// With CI=true in the environment, where nothing is skipped, installs what Debian has. Elsewhere says what will be skipped: a
/// machine's packages are its owner's.
pub(crate) fn ensure() -> Result<(), Failure> {
    if find().is_some() {
        return Ok(());
    }
    if std::env::var_os("CI").is_none_or(|ci| ci != "true") {
        println!("skipped: what a browser shows of the console; Chromium is not installed");
        return Ok(());
    }
    let is_root = program("id").args(["-u"]).probe().as_deref() == Some("0");
    let apt = |args: &[&str]| {
        let apt = match is_root {
            true => program("apt-get"),
            false => program("sudo").args(["apt-get"]),
        };
        apt.args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .run()
    };
    apt(&["update", "--quiet"])?;
    apt(&[
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "chromium",
    ])
}
