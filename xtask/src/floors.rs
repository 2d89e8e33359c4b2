//! The floors of the house as failing checks: who must never depend on whom, asked of `cargo tree`.

use crate::shell::{Failure, cargo};

/// A floor, the kinds of dependency that count, what it must stay clear of, and why.
struct Floor {
    package: &'static str,
    edges: &'static str,
    never: &'static [&'static str],
    because: &'static str,
}

const FLOORS: [Floor; 6] = [
    Floor {
        package: "urlfetch-core",
        edges: "normal,build",
        never: &[
            "wasi",
            "wasip2",
            "wasip3",
            "wit-bindgen",
            "wit-bindgen-rt",
            "tokio",
            "urlfetch",
        ],
        because: "core decides and carries nothing: no host, no clock, no socket",
    },
    Floor {
        package: "urlfetch",
        edges: "normal,build",
        never: &["urlfetch-deferred", "tokio", "wasmtime"],
        because: "the client carries for whoever asks, and knows none of them",
    },
    Floor {
        package: "urlfetch-deferred",
        edges: "normal,build",
        never: &["urlfetch-host", "tokio", "wasmtime"],
        because: "what guests link knows no host",
    },
    Floor {
        package: "urlfetch-host",
        edges: "normal,build,dev",
        never: &["urlfetch-core", "urlfetch", "urlfetch-deferred"],
        because: "the judge shares no code with what it judges",
    },
    Floor {
        package: "urlfetch-bench",
        edges: "normal,build,dev",
        never: &["urlfetch-core", "urlfetch"],
        because: "the judge shares no code with what it judges",
    },
    Floor {
        package: "urlfetch-tests",
        edges: "normal,build,dev",
        never: &["urlfetch-core", "urlfetch", "urlfetch-deferred"],
        because: "the judge shares no code with what it judges",
    },
];

/// Fails on the first dependency that points up.
pub(crate) fn run() -> Result<(), Failure> {
    for floor in FLOORS {
        let tree = cargo([
            "tree",
            "--quiet",
            "--target",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--no-dedupe",
        ])
        .args(["--edges", floor.edges, "--package", floor.package])
        .read()?;
        if let Some(found) = forbidden(&tree, floor.package, floor.never) {
            return Err(Failure::because(format!(
                "{} depends on {found}: {}",
                floor.package, floor.because
            )));
        }
        println!(
            "{} keeps clear of {}",
            floor.package,
            floor.never.join(", ")
        );
    }
    Ok(())
}

/// The first forbidden package in a list of `name vX.Y.Z ...` lines.
fn forbidden<'a>(tree: &'a str, package: &str, never: &[&str]) -> Option<&'a str> {
    let mut names = tree.lines().filter_map(|line| line.split(' ').next());
    names.find(|name| *name != package && never.contains(name))
}

#[cfg(test)]
mod tests {
    use super::forbidden;

    #[test]
    fn a_forbidden_package_is_found_by_its_whole_name() {
        let tree = "urlfetch-host v0.2.0\nwasi-common v1.0.0\nurlfetch-core v0.2.0 (/x)\n";
        assert_eq!(
            forbidden(tree, "urlfetch-host", &["wasi", "urlfetch"]),
            None
        );
        assert_eq!(
            forbidden(tree, "urlfetch-host", &["urlfetch-core"]),
            Some("urlfetch-core")
        );
    }
}
