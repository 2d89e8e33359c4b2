//! Composing: an application, its libraries, and one instance of our component for all of them.

use crate::{COMPONENT, DEFERRED_COMPONENT};
use wac_graph::types::{Package, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId, Processor};

/// A component to compose.
#[derive(Clone, Debug)]
pub struct Part {
    /// What errors call it: a path, say.
    pub name: String,
    /// The component.
    pub bytes: Vec<u8>,
}

/// Why parts do not compose: one line that names the part.
#[derive(Debug, thiserror::Error)]
#[error("{part}: {reason}")]
pub struct ComposeError {
    part: String,
    reason: String,
}

impl ComposeError {
    fn new(part: &str, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        ComposeError {
            part: part.to_owned(),
            reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

/// The packages that are put in.
const RPC: &str = "urlfetch:rpc";
const DEFERRED: &str = "urlfetch:deferred";

/// Satisfies every import of `urlfetch:rpc` in `app` and `libs` from one instance of [`COMPONENT`], which they share. Where somebody imports
/// `urlfetch:deferred` that no library exports, [`DEFERRED_COMPONENT`] is one more library.
///
/// What a library exports satisfies what `app` and the other libraries import. Imports that nobody satisfies (WASI) stay imports;
/// what `app` exports is exported.
///
/// # Errors
/// When a part is no component, nobody imports `urlfetch:rpc` or `urlfetch:deferred`, an import is of another version or type, or a library is of no use.
pub fn compose(app: Part, libs: Vec<Part>) -> Result<Vec<u8>, ComposeError> {
    compose_with(COMPONENT, app, libs)
}

impl Part {
    /// Says what a file that is no component is instead.
    fn check(&self) -> Result<(), ComposeError> {
        match self.bytes.get(..8) {
            Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(()),
            Some([0, b'a', b's', b'm', ..]) => Err(ComposeError::new(
                &self.name,
                "is a core module and not a component (build it for wasm32-wasip2, or see `wasm-tools component new`)",
            )),
            _ => Err(ComposeError::new(
                &self.name,
                "is not a WebAssembly component",
            )),
        }
    }
}

/// A component in the graph.
struct Placed {
    name: String,
    package: PackageId,
    node: NodeId,
    /// Somebody imports what it exports.
    used: bool,
}

/// Composes `app` and `libs` with one instance of `component`.
fn compose_with(component: &[u8], app: Part, libs: Vec<Part>) -> Result<Vec<u8>, ComposeError> {
    let mut graph = CompositionGraph::new();
    let ours = Part {
        name: "the urlfetch component".into(),
        bytes: component.to_vec(),
    };
    let ours = place(&mut graph, "urlfetch:component", ours)?;
    let mut parts = vec![place(&mut graph, "urlfetch:app", app)?];
    for (number, lib) in libs.into_iter().enumerate() {
        parts.push(place(&mut graph, &format!("urlfetch:lib{number}"), lib)?);
    }

    let wants = |part: &Placed, side| {
        let names = names(&graph, part.package, side);
        names.iter().any(|name| is_of(DEFERRED, name))
    };
    if parts.iter().any(|part| wants(part, Side::Imports))
        && !parts[1..].iter().any(|lib| wants(lib, Side::Exports))
    {
        let deferred = Part {
            name: format!("the {DEFERRED} component"),
            bytes: DEFERRED_COMPONENT.to_vec(),
        };
        parts.push(place(&mut graph, "urlfetch:deferred-component", deferred)?);
    }

    let mut served = false;
    for consumer in 0..parts.len() {
        for import in names(&graph, parts[consumer].package, Side::Imports) {
            let supplier = if is_of(RPC, &import) {
                served = true;
                let export = find(&graph, ours.package, &import)
                    .ok_or_else(|| mismatch(&graph, &parts[consumer].name, &import, &ours))?;
                Some((ours.node, export))
            } else {
                let found = (1..parts.len())
                    .filter(|lib| *lib != consumer)
                    .find_map(|lib| Some((lib, find(&graph, parts[lib].package, &import)?)));
                if let (None, true, Some(last)) = (&found, is_of(DEFERRED, &import), parts.last()) {
                    return Err(mismatch(&graph, &parts[consumer].name, &import, last));
                }
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
    let (app, libs) = (&parts[0], &parts[1..]);
    if !served {
        let also = if libs.is_empty() {
            ""
        } else {
            ", nor does any LIB"
        };
        return Err(ComposeError::new(
            &app.name,
            format!("imports no {RPC}{also}"),
        ));
    }
    if let Some(idle) = libs.iter().find(|lib| !lib.used) {
        return Err(ComposeError::new(
            &idle.name,
            "exports nothing that APP or another LIB imports",
        ));
    }
    for export in names(&graph, app.package, Side::Exports) {
        let alias = graph
            .alias_instance_export(app.node, &export)
            .map_err(|error| ComposeError::new(&app.name, chain(&error)))?;
        graph
            .export(alias, &export)
            .map_err(|error| ComposeError::new(&app.name, chain(&error)))?;
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
        .map_err(|error| {
            ComposeError::new(&app.name, format!("cannot be composed: {}", chain(&error)))
        })
}

/// Registers and instantiates a component.
fn place(graph: &mut CompositionGraph, package: &str, part: Part) -> Result<Placed, ComposeError> {
    part.check()?;
    let Part { name, bytes } = part;
    let package =
        Package::from_bytes(package, None, bytes, graph.types_mut()).map_err(|error| {
            ComposeError::new(&name, format!("is not a valid component: {error:#}"))
        })?;
    let package = graph
        .register_package(package)
        .map_err(|error| ComposeError::new(&name, error))?;
    let node = graph.instantiate(package);
    Ok(Placed {
        name,
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
) -> Result<(), ComposeError> {
    let failed = |error: &dyn std::error::Error| {
        ComposeError::new(
            &to.name,
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

/// Whether a name is one of a package's.
fn is_of(package: &str, name: &str) -> bool {
    name.strip_prefix(package)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// What to say when an import of one of our packages is not among the exports of what is put in.
fn mismatch(graph: &CompositionGraph, name: &str, import: &str, ours: &Placed) -> ComposeError {
    let package = import.split('/').next().unwrap_or(import);
    let exports = names(graph, ours.package, Side::Exports);
    let version = exports
        .iter()
        .find_map(|export| Some(export.split_once('@')?.1))
        .unwrap_or("unknown");
    ComposeError::new(
        name,
        format!("imports {import}, but this component is {package}@{version}"),
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
