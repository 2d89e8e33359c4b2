//! Chromium, in which the tests look at the console: whether it is there, and under CI how it comes.

use std::path::PathBuf;

use crate::shell::{Failure, is_ci, program};

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
    let why = match is_ci() {
        false => "Chromium is not installed".to_owned(),
        true => match install() {
            Ok(()) => return,
            // What was run has said why.
            Err(_) => "Chromium is not installed, and apt-get did not do it".to_owned(),
        },
    };
    println!("skipped: what a browser shows of the console; {why}");
}

fn install() -> Result<(), Failure> {
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
