//! The hosts that run here, and `cargo xtask conformance --hosts`: the vectors on those of others, `wasmtime serve` and jco.

use std::fs;
use std::io::{self, Write};
use std::process::Command;

use crate::server::{Says, Server};
use crate::shell::{Failure, Program, built, cargo, program, root};
use crate::{component, js, wasmtime};

/// What lets an example fetch private addresses: in the environment it is served with.
pub(crate) const ALLOW_PRIVATE: (&str, &str) = ("URLFETCH_ALLOW_PRIVATE", "1");
/// Where the conformance app goes, from the root.
pub(crate) const APP: &str = "target/conformance-app.wasm";

/// A host that is started here.
pub(crate) struct Host {
    /// What a table calls it.
    pub(crate) name: String,
    /// The file in tests/expectations that has its known failures.
    pub(crate) expectations: &'static str,
    /// It answers one request at a time: a vector that takes long there keeps the others waiting.
    one_at_a_time: bool,
    start: Box<Start>,
}

/// Serves the application in a file.
type Start = dyn Fn(&str) -> Result<Server, Failure>;

impl Host {
    /// Serves the application in a file.
    pub(crate) fn start(&self, app: &str) -> Result<Server, Failure> {
        (self.start)(app)
    }
}

/// `urlfetch serve`, which must be built.
pub(crate) fn ours() -> Host {
    Host {
        name: "`urlfetch serve`".into(),
        expectations: "pooled",
        one_at_a_time: false,
        start: Box::new(serve),
    }
}

/// Those of others; `wasmtime serve` is built where it is missing, and jco left out where there is no Node.
pub(crate) fn others() -> Result<Vec<Host>, Failure> {
    let wasmtime = wasmtime::ensure()?;
    let said = program(&wasmtime).args(["--version"]).probe();
    let version = said.unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut hosts = vec![Host {
        name: format!("`wasmtime serve` {version}"),
        expectations: "wasmtime-serve",
        one_at_a_time: false,
        start: Box::new(move |app| wasmtime::serve(&wasmtime, app, &[ALLOW_PRIVATE])),
    }];
    if let Some(node) = js::install(component)? {
        hosts.push(Host {
            name: format!("jco, Node {}", node.trim_start_matches('v')),
            expectations: "jco",
            one_at_a_time: true,
            start: Box::new(|app| js::serve(app, &[ALLOW_PRIVATE])),
        });
    }
    Ok(hosts)
}

/// Builds what is missing, serves the conformance app, and plays the vectors there.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    conformance().args(["--app", APP]).run()?;
    let has_filter = args.iter().any(|arg| !arg.starts_with('-'));
    let mut ended = Ok(());
    for host in others()? {
        let parts = match host.one_at_a_time && !has_filter {
            true => families()?.into_iter().map(Some).collect(),
            false => vec![None],
        };
        for family in parts {
            if let Some(family) = &family {
                print!("{family} ");
                // What comes behind it on the line is another program's.
                let _ = io::stdout().flush();
            }
            let server = host.start(APP)?;
            let played = conformance()
                .args(["--host", host.expectations, "--target", &server.url])
                .args(args)
                .args(family)
                .run();
            // What one host shows is no reason not to ask the next.
            ended = ended.and(played);
        }
    }
    ended
}

/// The judge, to be given its arguments.
pub(crate) fn conformance() -> Program {
    cargo(["run", "--quiet", "--bin", "urlfetch-conformance", "--"])
}

/// The folders of vectors, each as the judge's filter. Where each is played on a fresh host, what one vector does to a host that answers
/// one request at a time is not held against all others.
pub(crate) fn families() -> Result<Vec<String>, Failure> {
    let folder = root().join("tests/vectors");
    let entries = fs::read_dir(&folder)
        .map_err(|error| Failure::because(format!("{}: {error}", folder.display())))?;
    let mut families: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("{}/", entry.file_name().to_string_lossy()))
        .collect();
    families.sort();
    Ok(families)
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
