//! An application of each language on each host: how long ten fetches at once take it.

use super::measured;
use crate::hosts::Host;
use crate::server::Server;
use crate::shell::{Failure, root};
use crate::{js, python};

/// An application that fetches every `url=` of its query at once.
struct App {
    /// Its language, and the example that it is.
    name: &'static str,
    /// The component; a language whose example was not built here has no row.
    component: &'static str,
    /// Where it is asked.
    path: &'static str,
}

const APPS: [App; 4] = [
    App {
        name: "Rust, [composed](examples/fan-out)",
        component: "target/examples/fan-out.wasm",
        path: "/",
    },
    App {
        name: "Rust, [linked](examples/fan-out-linked)",
        component: "target/examples/fan-out-linked.wasm",
        path: "/",
    },
    App {
        name: "[Python](examples/appengine-python)",
        component: PYTHON,
        path: "/callbacks",
    },
    App {
        name: "[JavaScript](examples/javascript)",
        component: JAVASCRIPT,
        path: "/",
    },
];
const JAVASCRIPT: &str = "target/examples/javascript.wasm";
const PYTHON: &str = "target/examples/appengine-python.wasm";

/// A row for each application, a column for each host and one for ordinary Python.
pub(super) fn table(hosts: &[Host]) -> Result<String, Failure> {
    let python = python::install()?;
    if let Some(tools) = &python {
        tools.example(PYTHON)?;
    }
    if js::is_there() {
        js::bundle("examples/javascript/app.js", JAVASCRIPT)?;
    }
    let mut head = "| ten at once |".to_owned();
    for host in hosts {
        head += &format!(" {} |", host.name);
    }
    let mut columns = 1 + hosts.len();
    if let Some(tools) = &python {
        head += &format!(" CPython {} |", tools.version());
        columns += 1;
    }
    let mut table = format!("{head}\n|{}\n", "---|".repeat(columns));
    for app in APPS
        .iter()
        .filter(|app| root().join(app.component).exists())
    {
        println!("== {}", app.name);
        let mut row = format!("| {} |", app.name);
        for host in hosts {
            row += &cell(host.start(app.component), app);
        }
        if let Some(tools) = &python {
            row += &match app.component {
                PYTHON => cell(tools.serve_example(), app),
                _ => " |".to_owned(),
            };
        }
        println!("{row}");
        table += &row;
        table += "\n";
    }
    Ok(table)
}

/// The time; or `once` when the application answers one request only, and `no` when it answers none or the host does not serve it. The
/// reason is printed.
fn cell(server: Result<Server, Failure>, app: &App) -> String {
    let asked = server.and_then(|server| {
        let url = format!("{}{}", server.url, app.path);
        measured(&["--ten", &url])
    });
    match asked {
        Ok(shown) if shown["once"] == true => " once |".to_owned(),
        Ok(shown) => {
            let ms = shown["ten_ms"].as_f64().unwrap_or_default().round();
            format!(" {ms} ms |")
        }
        Err(failure) => {
            println!("{}", failure.line.unwrap_or_default());
            " no |".to_owned()
        }
    }
}
