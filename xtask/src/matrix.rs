//! `cargo xtask matrix`: what the component does on each host that runs here, measured, as tables in the README.

mod abilities;
mod languages;

use std::fs;
use std::process::Command;

use crate::hosts::ALLOW_PRIVATE;
use crate::server::{Says, Server};
use crate::shell::{Failure, built, cargo, program, root};
use crate::{component, examples, hosts, js};

const README: &str = "README.md";
/// The tables stand between these.
const BEGIN: &str = "<!-- written by cargo xtask matrix -->\n";
const END: &str = "<!-- end of the matrix -->\n";

/// A host that is started here.
struct Host {
    name: String,
    /// Its known failures, in tests/expectations.
    expectations: Option<&'static str>,
    start: Box<Start>,
}

/// Serves the application in a file.
type Start = dyn Fn(&str) -> Result<Server, Failure>;

/// Serves the examples and the conformance app on each host, and writes what they show.
pub(crate) fn run(urlfetch: impl Fn(&[&str]) -> Result<(), Failure>) -> Result<(), Failure> {
    examples::run(urlfetch)?;
    hosts::conformance().args(["--app", hosts::APP]).run()?;
    let hosts = hosts_here()?;
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

/// The hosts, each ready to be started.
fn hosts_here() -> Result<Vec<Host>, Failure> {
    cargo(["build", "--quiet", "--bin", "urlfetch", "--bin", "host-row"]).run()?;
    let wasmtime = hosts::wasmtime()?;
    let version = program(&wasmtime)
        .args(["--version"])
        .probe()
        .unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut hosts = vec![
        Host {
            name: "`urlfetch serve`".into(),
            expectations: Some("pooled"),
            start: Box::new(serve),
        },
        Host {
            name: format!("`wasmtime serve` {version}"),
            expectations: Some(hosts::NAME),
            start: Box::new(move |app| hosts::serve(&wasmtime, app, &[ALLOW_PRIVATE])),
        },
    ];
    if let Some(node) = js::install(component)? {
        hosts.push(Host {
            name: format!("jco, Node {}", node.trim_start_matches('v')),
            expectations: None,
            start: Box::new(|app| js::serve(app, &[ALLOW_PRIVATE])),
        });
    }
    Ok(hosts)
}

/// Serves by our own host.
fn serve(app: &str) -> Result<Server, Failure> {
    let (name, value) = ALLOW_PRIVATE;
    let mut command = Command::new(built("urlfetch"));
    command
        .args(["serve", app, "--addr", "127.0.0.1:0"])
        .args(["--env", &format!("{name}={value}")])
        .env("RUST_LOG", "warn");
    Server::start(command, Says::OnStdout("listening on "))
        .map_err(|said| Failure::because(format!("`urlfetch serve`: {said}")))
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
