//! `cargo xtask tidy`: the rules of this repository that no compiler knows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Failure, root};

/// Names that say nothing about what lives there.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "manager", "misc"];
/// A longer file says in line 1 why: "long because".
const LONG: usize = 500;

/// Names every breach, one line each, and fails when there is one.
pub(crate) fn run() -> Result<(), Failure> {
    let mut files = Vec::new();
    collect(&root(), &mut files)?;
    files.sort();
    let mut breaches = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::because(format!("{}: {error}", path.display())))?;
        let shown = path.strip_prefix(root()).unwrap_or(path);
        breaches.extend(
            breaches_of(shown, &text)
                .into_iter()
                .map(|breach| format!("{}: {breach}", shown.display())),
        );
    }
    for breach in &breaches {
        eprintln!("{breach}");
    }
    match breaches.len() {
        0 => {
            println!("tidy: {} Rust files", files.len());
            Ok(())
        }
        n => Err(Failure::because(format!(
            "{n} breaches of the rules in CONTRIBUTING.md"
        ))),
    }
}

/// What is wrong with one file.
fn breaches_of(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let first = text.lines().next().unwrap_or_default();
    if first
        .strip_prefix("//!")
        .is_none_or(|says| says.trim().is_empty())
    {
        found.push("line 1 must be a `//!` that says what lives here".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONG && !first.contains("long because") {
        found.push(format!(
            "{lines} lines; over {LONG}, line 1 says \"long because ...\""
        ));
    }
    let names = path
        .iter()
        .filter_map(|part| Path::new(part).file_stem()?.to_str());
    if let Some(name) = names.into_iter().find(|name| EMPTY_NAMES.contains(name)) {
        found.push(format!("`{name}` does not say what lives here"));
    }
    found
}

/// Every .rs file below a folder, build products and hidden folders left out.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::because(format!("{}: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                collect(&path, into)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LONG, breaches_of};
    use std::path::Path;

    #[test]
    fn a_file_that_says_what_it_holds_is_tidy() {
        assert!(breaches_of(Path::new("guest/core/src/url.rs"), "//! URLs.\n").is_empty());
    }

    #[test]
    fn silence_in_line_one_is_a_breach() {
        assert_eq!(breaches_of(Path::new("a.rs"), "use std::fmt;\n").len(), 1);
        assert_eq!(breaches_of(Path::new("a.rs"), "//!\n").len(), 1);
        assert_eq!(breaches_of(Path::new("a.rs"), "").len(), 1);
    }

    #[test]
    fn a_long_file_needs_its_reason() {
        let body = "\n".repeat(LONG);
        assert_eq!(
            breaches_of(Path::new("a.rs"), &format!("//! A table.\n{body}")).len(),
            1
        );
        assert!(
            breaches_of(
                Path::new("a.rs"),
                &format!("//! A table, long because it is one.\n{body}")
            )
            .is_empty()
        );
    }

    #[test]
    fn names_that_say_nothing_are_a_breach() {
        assert_eq!(
            breaches_of(Path::new("host/src/utils.rs"), "//! Bits.\n").len(),
            1
        );
        assert_eq!(
            breaches_of(Path::new("host/src/common/mod.rs"), "//! Bits.\n").len(),
            1
        );
    }
}
