//! `cargo xtask matrix`: what the component does on each host that runs here, measured, as tables in the README.

mod abilities;
mod languages;

use std::fs;

use crate::examples;
use crate::hosts;
use crate::shell::{Failure, built, cargo, program, root};

const README: &str = "README.md";
/// The tables stand between these.
const BEGIN: &str = "<!-- written by cargo xtask matrix -->\n";
const END: &str = "<!-- end of the matrix -->\n";

/// Serves the examples and the conformance app on each host, and writes what they show.
pub(crate) fn run(urlfetch: impl Fn(&[&str]) -> Result<(), Failure>) -> Result<(), Failure> {
    examples::run(urlfetch)?;
    hosts::conformance().args(["--app", hosts::APP]).run()?;
    cargo(["build", "--quiet", "--bin", "urlfetch", "--bin", "host-row"]).run()?;
    let mut hosts = vec![hosts::ours()];
    hosts.extend(hosts::others()?);
    let tables = format!(
        "{}\n{}",
        abilities::table(&hosts)?,
        languages::table(&hosts)?
    );
    let path = root().join(README);
    let at = |error: std::io::Error| Failure::because(format!("{README}: {error}"));
    let readme = fs::read_to_string(&path).map_err(at)?;
    let readme = with_tables(&readme, &tables)
        .ok_or_else(|| Failure::because(format!("{README} has no place for the matrix")))?;
    fs::write(&path, readme).map_err(at)
}

/// What `host-row` says of an application that is served.
fn measured(args: &[&str]) -> Result<serde_json::Value, Failure> {
    let said = program(built("host-row")).args(args).read()?;
    serde_json::from_str(&said).map_err(|error| Failure::because(format!("host-row: {error}")))
}

/// The README with these tables in their place.
fn with_tables(readme: &str, tables: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, with_tables};

    #[test]
    fn the_tables_replace_those_before() {
        let readme = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(
            with_tables(&readme, "new\n"),
            Some(format!("a\n{BEGIN}new\n{END}b\n"))
        );
        assert_eq!(with_tables("a\n", "new\n"), None);
    }
}
