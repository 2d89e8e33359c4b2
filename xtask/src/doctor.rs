//! `cargo xtask doctor`: names what a machine lacks, and how to get it.

use crate::chromium;
use crate::shell::{Failure, program, root};
use crate::toolchain::{WASM, has_wasm_target};

/// What was found of one thing.
struct Finding {
    name: &'static str,
    found: Option<String>,
    /// Without it the demo and the tests do not run.
    required: bool,
    remedy: String,
}

/// Prints one line per thing and fails when a required one is missing.
pub(crate) fn run() -> Result<(), Failure> {
    let findings = findings();
    for finding in &findings {
        match &finding.found {
            Some(what) => println!("ok       {:<12} {what}", finding.name),
            None if finding.required => {
                println!("MISSING  {:<12} {}", finding.name, finding.remedy)
            }
            None => println!("absent   {:<12} {}", finding.name, finding.remedy),
        }
    }
    let missing: Vec<_> = findings
        .iter()
        .filter(|f| f.required && f.found.is_none())
        .map(|f| f.name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::because(format!("missing: {}", missing.join(", "))))
    }
}

fn findings() -> Vec<Finding> {
    let channel = channel();
    let rustc = program("rustc").args(["--version"]).probe();
    let compiler = std::env::var("CC")
        .ok()
        .into_iter()
        .chain(["cc", "gcc", "clang"].map(str::to_owned));
    vec![
        Finding {
            name: "rustup",
            found: program("rustup").args(["--version"]).probe(),
            required: false,
            remedy: "https://rustup.rs; not needed when toolchain and target are there already"
                .into(),
        },
        Finding {
            name: "cargo",
            found: program("cargo").args(["--version"]).probe(),
            required: true,
            remedy: "comes with rustup: https://rustup.rs".into(),
        },
        Finding {
            name: "toolchain",
            found: rustc.filter(|version| version.split(' ').nth(1) == Some(channel.as_str())),
            required: true,
            remedy: format!(
                "rustup toolchain install {channel} --component clippy --component rustfmt"
            ),
        },
        Finding {
            name: "wasm target",
            found: has_wasm_target().then(|| WASM.to_owned()),
            required: true,
            remedy: format!("`cargo xtask demo` and `test` add it, or: rustup target add {WASM}"),
        },
        Finding {
            name: "C compiler",
            found: compiler
                .into_iter()
                .find_map(|name| program(name).args(["--version"]).probe()),
            required: true,
            remedy: "the host's TLS is compiled from C: install gcc or clang".into(),
        },
        Finding {
            name: "git",
            found: program("git").args(["--version"]).probe(),
            required: true,
            remedy: "https://git-scm.com".into(),
        },
        optional("Python", &["python3", "python"], 3, 11),
        optional("Node", &["node"], 20, 0),
        Finding {
            name: "Chromium",
            found: chromium::find().map(|path| path.display().to_string()),
            required: false,
            remedy: "runs the tests of the console; skipped without".into(),
        },
    ]
}

/// An interpreter of at least `major.minor`, for the language tests.
fn optional(name: &'static str, programs: &[&str], major: u32, minor: u32) -> Finding {
    let versions = programs
        .iter()
        .filter_map(|it| program(it).args(["--version"]).probe());
    let found = versions
        .into_iter()
        .find(|text| version_in(text).is_some_and(|have| have >= (major, minor)));
    Finding {
        name,
        found,
        required: false,
        remedy: format!("{major}.{minor} or later runs the language tests; skipped without"),
    }
}

/// The `(major, minor)` in what `--version` printed: `Python 3.11.4`, `v20.1.0`.
pub(crate) fn version_in(text: &str) -> Option<(u32, u32)> {
    let digits = &text[text.find(|c: char| c.is_ascii_digit())?..];
    let mut parts = digits.split('.').map(|part| {
        part.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    });
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The toolchain that rust-toolchain.toml names.
fn channel() -> String {
    let text = std::fs::read_to_string(root().join("rust-toolchain.toml")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("channel = "));
    line.unwrap_or("stable").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_are_read_from_what_interpreters_print() {
        assert_eq!(version_in("Python 3.11.4"), Some((3, 11)));
        assert_eq!(version_in("v20.1.0"), Some((20, 1)));
        assert_eq!(version_in("no digits"), None);
    }
}
