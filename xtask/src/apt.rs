//! Programs of Debian that tests use where they are there, and that come by themselves under CI only: a machine's packages are its
//! owner's.

use crate::shell::{Failure, is_ci, program};

/// Installs a package when the environment says CI=true. Otherwise, and when that fails for reasons of the machine's alone (no root, no
/// apt), the error is why `what` is not there; it stops nothing else.
pub(crate) fn install_under_ci(what: &str, package: &str) -> Result<(), String> {
    match is_ci() {
        false => Err(format!("{what} is not installed")),
        // What was run has said why.
        true => install(package)
            .map_err(|_| format!("{what} is not installed, and apt-get did not do it")),
    }
}

/// Says that it will not be seen what becomes of tasks when a sync fails, where that cannot be made to happen.
pub(crate) fn ensure_strace() {
    if program("strace").args(["--version"]).probe().is_none()
        && let Err(why) = install_under_ci("strace", "strace")
    {
        println!("skipped: deferred tasks on a disk whose syncs fail; {why}");
    }
}

fn install(package: &str) -> Result<(), Failure> {
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
    let options = ["install", "--quiet", "--yes", "--no-install-recommends"];
    apt(&[&options[..], &[package]].concat())
}
