//! `urlfetch compose`: an application, its libraries, and one instance of our component for all of them.

use super::amount::grouped;
use super::{Refusal, Verdict, output};
use urlfetch_host::COMPONENT;
use wac_graph::types::{Package, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId, Processor};

/// Satisfy every import of urlfetch:rpc in an application from one instance of the component.
///
/// Libraries are components too: what they export satisfies what APP and the other libraries import, and they share the one
/// instance, so that an rpc made by one can be handed to another. Imports that nobody satisfies (WASI) stay imports; what APP
/// exports is exported. Bad usage, a version that does not fit included, is one line on stderr and exit code 2.
#[derive(clap::Args)]
pub(crate) struct ComposeArgs {
    /// The application: a component.
    #[arg(value_name = "APP")]
    app: String,
    /// Components whose exports APP, or another of them, imports.
    #[arg(value_name = "LIB")]
    libs: Vec<String>,
    /// The file to write; - is standard output.
    #[arg(short, long, value_name = "OUT")]
    output: String,
}

/// Reads the parts, composes, writes.
pub(crate) fn run(args: &ComposeArgs) -> Result<Verdict, Refusal> {
    let app = Part::read("APP", &args.app)?;
    let libs = args
        .libs
        .iter()
        .map(|path| Part::read("LIB", path))
        .collect::<Result<Vec<_>, _>>()?;
    let composed = compose(COMPONENT, app, libs)?;
    output::write_file(&args.output, &composed)?;
    if args.output != "-" {
        eprintln!("{}: {} bytes", args.output, grouped(composed.len() as u64));
    }
    Ok(Verdict::Succeeded)
}

/// A component, and how the command line calls it: `APP 'app.wasm'`.
struct Part {
    label: String,
    bytes: Vec<u8>,
}

impl Part {
    fn read(role: &str, path: &str) -> Result<Part, Refusal> {
        let label = format!("{role} '{path}'");
        match std::fs::read(path) {
            Ok(bytes) => Ok(Part { label, bytes }),
            Err(error) => Err(Refusal::new(format!("{label}: {error}"))),
        }
    }

    fn refuse(label: &str, reason: impl std::fmt::Display) -> Refusal {
        Refusal::new(format!("{label}: {reason}"))
    }

    /// Says what a file that is no component is instead.
    fn check(&self) -> Result<(), Refusal> {
        match self.bytes.get(..8) {
            Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(()),
            Some([0, b'a', b's', b'm', ..]) => Err(Part::refuse(
                &self.label,
                "is a core module and not a component (build it for wasm32-wasip2, or see `wasm-tools component new`)",
            )),
            _ => Err(Part::refuse(&self.label, "is not a WebAssembly component")),
        }
    }
}

/// A component in the graph.
struct Placed {
    label: String,
    package: PackageId,
    node: NodeId,
    /// Somebody imports what it exports.
    used: bool,
}

/// Composes `app` and `libs` with one instance of `component`.
fn compose(component: &[u8], app: Part, libs: Vec<Part>) -> Result<Vec<u8>, Refusal> {
    let mut graph = CompositionGraph::new();
    let ours = Part {
        label: "the urlfetch component".into(),
        bytes: component.to_vec(),
    };
    let ours = place(&mut graph, "urlfetch:component", ours)?;
    let mut parts = vec![place(&mut graph, "urlfetch:app", app)?];
    for (number, lib) in libs.into_iter().enumerate() {
        parts.push(place(&mut graph, &format!("urlfetch:lib{number}"), lib)?);
    }

    let mut served = false;
    for consumer in 0..parts.len() {
        for import in names(&graph, parts[consumer].package, Side::Imports) {
            let supplier = if import.starts_with("urlfetch:rpc/") {
                served = true;
                let export = find(&graph, ours.package, &import).ok_or_else(|| {
                    mismatch(&graph, &parts[consumer].label, &import, ours.package)
                })?;
                Some((ours.node, export))
            } else {
                let found = (1..parts.len())
                    .filter(|lib| *lib != consumer)
                    .find_map(|lib| Some((lib, find(&graph, parts[lib].package, &import)?)));
                found.map(|(lib, export)| {
                    parts[lib].used = true;
                    (parts[lib].node, export)
                })
            };
            if let Some((instance, export)) = supplier {
                connect(&mut graph, instance, &export, &parts[consumer], &import)?;
            }
        }
    }
    let [app, libs @ ..] = parts.as_slice() else {
        return Err(Refusal::new("there is no APP"));
    };
    if !served {
        let also = if libs.is_empty() {
            ""
        } else {
            ", nor does any LIB"
        };
        return Err(Part::refuse(
            &app.label,
            format!("imports no urlfetch:rpc{also}"),
        ));
    }
    if let Some(idle) = libs.iter().find(|lib| !lib.used) {
        return Err(Part::refuse(
            &idle.label,
            "exports nothing that APP or another LIB imports",
        ));
    }
    for export in names(&graph, app.package, Side::Exports) {
        let alias = graph
            .alias_instance_export(app.node, &export)
            .map_err(|error| Part::refuse(&app.label, chain(&error)))?;
        graph
            .export(alias, &export)
            .map_err(|error| Part::refuse(&app.label, chain(&error)))?;
    }
    let processor = Processor {
        name: "urlfetch",
        version: env!("CARGO_PKG_VERSION"),
    };
    graph
        .encode(EncodeOptions {
            processor: Some(processor),
            ..EncodeOptions::default()
        })
        .map_err(|error| Part::refuse(&app.label, format!("cannot be composed: {}", chain(&error))))
}

/// Registers and instantiates a component.
fn place(graph: &mut CompositionGraph, name: &str, part: Part) -> Result<Placed, Refusal> {
    part.check()?;
    let Part { label, bytes } = part;
    let package = Package::from_bytes(name, None, bytes, graph.types_mut())
        .map_err(|error| Part::refuse(&label, format!("is not a valid component: {error:#}")))?;
    let package = graph
        .register_package(package)
        .map_err(|error| Part::refuse(&label, error))?;
    let node = graph.instantiate(package);
    Ok(Placed {
        label,
        package,
        node,
        used: false,
    })
}

/// Hands one export of `instance` to the import of a part.
fn connect(
    graph: &mut CompositionGraph,
    instance: NodeId,
    export: &str,
    to: &Placed,
    import: &str,
) -> Result<(), Refusal> {
    let failed = |error: &dyn std::error::Error| {
        Part::refuse(
            &to.label,
            format!("its import {import} does not fit: {}", chain(error)),
        )
    };
    let alias = graph
        .alias_instance_export(instance, export)
        .map_err(|error| failed(&error))?;
    graph
        .set_instantiation_argument(to.node, import, alias)
        .map_err(|error| failed(&error))
}

/// Which names of a component are asked for.
#[derive(Clone, Copy)]
enum Side {
    Imports,
    Exports,
}

fn names(graph: &CompositionGraph, package: PackageId, side: Side) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    match side {
        Side::Imports => world.imports.keys().cloned().collect(),
        Side::Exports => world.exports.keys().cloned().collect(),
    }
}

/// The export that satisfies an import: the same name, or one of a compatible version.
fn find(graph: &CompositionGraph, package: PackageId, import: &str) -> Option<String> {
    let exports = names(graph, package, Side::Exports);
    let exact = exports.iter().find(|export| *export == import);
    exact
        .or_else(|| {
            exports
                .iter()
                .find(|export| are_semver_compatible(export, import))
        })
        .cloned()
}

/// What to say when an import of urlfetch:rpc is not among our exports.
fn mismatch(graph: &CompositionGraph, label: &str, import: &str, ours: PackageId) -> Refusal {
    let exports = names(graph, ours, Side::Exports);
    let version = exports
        .iter()
        .find_map(|export| Some(export.split_once('@')?.1))
        .unwrap_or("unknown");
    Part::refuse(
        label,
        format!("imports {import}, but this component is urlfetch:rpc@{version}"),
    )
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests;
