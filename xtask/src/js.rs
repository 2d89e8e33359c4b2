//! `cargo xtask js`: the component in Node, transpiled by jco, and the package for JavaScript (bindings/js).

use std::fs;
use std::time::SystemTime;

use crate::doctor::version_in;
use crate::shell::{Failure, Program, built, program, root, skip};

const FOLDER: &str = "bindings/js";
/// The oldest Node that the tests are run by.
const NODE: (u32, u32) = (20, 0);

/// Fetches the packages that the lock file names, transpiles what `component` writes, and runs the tests. Where Node or npm is missing
/// it is skipped, unless CI=true says that nothing may be.
pub(crate) fn run(component: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let node = program("node").args(["--version"]).probe();
    let can_run = node.is_some_and(|version| version_in(&version) >= Some(NODE));
    if !can_run || npm(["--version"]).probe().is_none() {
        return skip(&format!(
            "Node {}.{} or later, with npm, is not installed: https://nodejs.org",
            NODE.0, NODE.1
        ));
    }
    component()?;
    if !is_installed() {
        // Not `npm ci`: it wants the lock file to name optional packages of other platforms that were never published.
        npm(["install", "--no-save", "--no-audit", "--no-fund"]).run()?;
    }
    npm(["run", "build"]).run()?;
    npm(["test"]).env("URLFETCH", built("urlfetch")).run()
}

fn npm<const N: usize>(args: [&str; N]) -> Program {
    program("npm").args(["--prefix", FOLDER]).args(args)
}

/// npm notes in the folder of packages what it has put there.
fn is_installed() -> bool {
    let changed = |path: &str| -> Option<SystemTime> {
        let metadata = fs::metadata(root().join(FOLDER).join(path));
        metadata.and_then(|metadata| metadata.modified()).ok()
    };
    let installed = changed("node_modules/.package-lock.json");
    installed.is_some() && installed >= changed("package-lock.json")
}
