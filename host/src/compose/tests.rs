//! Compositions of components that do nothing: what fits what is decided by their types alone.

use super::{Part, compose, compose_with};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageId, Resolve};

const FETCH: &str = include_str!("../../../wit/fetch.wit");
const TYPES: &str = include_str!("../../../wit/types.wit");
const WORLDS: &str = include_str!("../../../wit/worlds.wit");
const POLL: &str = include_str!("../../../wit/deps/io/poll.wit");

const DEFERRED_TYPES: &str = include_str!("../../../wit/deferred/types.wit");
const TASKS: &str = include_str!("../../../wit/deferred/tasks.wit");
const DELIVERIES: &str = include_str!("../../../wit/deferred/deliveries.wit");
const DEFERRED_WORLDS: &str = include_str!("../../../wit/deferred/worlds.wit");

/// An application and a library that hand an rpc to each other.
const GUESTS: &str = "
package test:guests@1.0.0;

interface maker {
  use urlfetch:rpc/fetch@0.2.0.{rpc};
  start: func(url: string) -> rpc;
}
world library { import urlfetch:rpc/fetch@0.2.0; export maker; }
world app { import urlfetch:rpc/fetch@0.2.0; import maker; export run: func(); }
world plain { import urlfetch:rpc/fetch@0.2.0; export run: func(); }
world through-library { import maker; export run: func(); }
world alone { export run: func(); }
";

/// A dummy of a world, `edit` being applied to every WIT text first.
fn dummy(package: &str, world: &str, edit: fn(&str) -> String) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_str("poll.wit", &edit(POLL)).unwrap();
    let texts = [TYPES, FETCH, WORLDS]
        .map(|text| edit(text).replacen("package urlfetch:rpc", "// package urlfetch:rpc", 1));
    let version = if edit(TYPES).contains("rpc@0.3.0") {
        "0.3.0"
    } else {
        "0.2.0"
    };
    let rpc = resolve
        .push_str(
            "rpc.wit",
            &format!("package urlfetch:rpc@{version};\n{}", texts.concat()),
        )
        .unwrap();
    let guests = resolve.push_str("guests.wit", &edit(GUESTS)).unwrap();
    let package = if package == "rpc" { rpc } else { guests };
    of_world(&resolve, package, world)
}

/// A dummy of a world that imports `urlfetch:deferred` of a version.
fn deferring(version: &str) -> Part {
    let mut resolve = Resolve::default();
    let texts = [DEFERRED_TYPES, TASKS, DELIVERIES, DEFERRED_WORLDS]
        .map(|text| text.replacen("package urlfetch:deferred", "// package", 1));
    let text = format!("package urlfetch:deferred@{version};\n{}", texts.concat());
    let package = resolve.push_str("deferred.wit", &text).unwrap();
    part("app.wasm", of_world(&resolve, package, "imports"))
}

fn of_world(resolve: &Resolve, package: PackageId, world: &str) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

fn same(text: &str) -> String {
    text.to_owned()
}

fn ours() -> Vec<u8> {
    dummy("rpc", "urlfetch", same)
}

fn part(name: &str, bytes: Vec<u8>) -> Part {
    Part {
        name: format!("'{name}'"),
        bytes,
    }
}

fn guest(world: &str) -> Part {
    part(world, dummy("guests", world, same))
}

fn refused(app: Part, libs: Vec<Part>) -> String {
    compose_with(&ours(), app, libs)
        .expect_err("must not compose")
        .to_string()
}

/// The imports of a component, and how many components are nested in it.
fn shape(wasm: &[u8]) -> (Vec<String>, usize) {
    let (mut imports, mut depth, mut nested) = (Vec::new(), 0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            Payload::ComponentSection { .. } => {
                nested += usize::from(depth == 0);
                depth += 1;
            }
            Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth -= i32::from(depth > 0),
            _ => {}
        }
    }
    (imports, nested)
}

#[test]
fn an_application_and_a_library_share_one_instance() {
    let composed = compose_with(&ours(), guest("app"), vec![guest("library")]).unwrap();
    let (imports, nested) = shape(&composed);
    assert_eq!(imports, ["wasi:io/poll@0.2.0"]);
    assert_eq!(nested, 3, "ours once, the application, the library");
}

#[test]
fn an_application_alone_is_served() {
    let composed = compose_with(&ours(), guest("plain"), vec![]).unwrap();
    assert_eq!(shape(&composed), (vec!["wasi:io/poll@0.2.0".to_owned()], 2));
}

#[test]
fn a_newer_patch_of_wasi_in_the_application_is_merged() {
    let newer = dummy("guests", "plain", |text| {
        text.replace("wasi:io@0.2.0", "wasi:io@0.2.6")
            .replace("wasi:io/poll@0.2.0", "wasi:io/poll@0.2.6")
    });
    let composed = compose_with(&ours(), part("plain", newer), vec![]).unwrap();
    assert_eq!(shape(&composed).0, ["wasi:io/poll@0.2.6"]);
}

#[test]
fn another_generation_is_one_readable_line() {
    let other = dummy("guests", "plain", |text| {
        text.replace("@0.2.0.{rpc}", "@0.3.0.{rpc}")
            .replace("rpc@0.2.0", "rpc@0.3.0")
            .replace("rpc/fetch@0.2.0", "rpc/fetch@0.3.0")
    });
    let line = refused(part("app.wasm", other), vec![]);
    assert!(
        line.starts_with("'app.wasm': imports urlfetch:rpc/")
            && line.ends_with("@0.3.0, but this component is urlfetch:rpc@0.2.0"),
        "{line}"
    );
}

#[test]
fn an_import_with_other_types_is_named() {
    let other = dummy("guests", "plain", |text| {
        text.replace("id: func() -> u32", "id: func() -> u64")
    });
    let line = refused(part("app.wasm", other), vec![]);
    assert!(
        line.starts_with("'app.wasm': its import urlfetch:rpc/fetch@0.2.0 does not fit: "),
        "{line}"
    );
    assert!(!line.contains('\n'));
}

#[test]
fn an_application_without_our_import_is_refused() {
    assert_eq!(
        refused(guest("alone"), vec![]),
        "'alone': imports no urlfetch:rpc"
    );
}

#[test]
fn a_library_that_nobody_imports_is_refused() {
    let line = refused(guest("plain"), vec![guest("library")]);
    assert_eq!(
        line,
        "'library': exports nothing that APP or another LIB imports"
    );
}

#[test]
fn an_application_may_reach_us_through_a_library_only() {
    compose_with(&ours(), guest("through-library"), vec![guest("library")]).unwrap();
}

#[test]
fn what_is_no_component_is_called_what_it_is() {
    assert_eq!(
        refused(part("x", b"hello".to_vec()), vec![]),
        "'x': is not a WebAssembly component"
    );
    assert_eq!(
        refused(part("x", vec![]), vec![]),
        "'x': is not a WebAssembly component"
    );
    let module = b"\0asm\x01\0\0\0".to_vec();
    assert!(
        refused(guest("plain"), vec![part("m", module)])
            .starts_with("'m': is a core module and not a component")
    );
    let cut = ours()[..200].to_vec();
    assert!(refused(part("cut", cut), vec![]).starts_with("'cut': is not a valid component: "));
}

#[test]
fn the_embedded_component_composes_and_adds_only_its_own_imports() {
    let composed = compose(guest("app"), vec![guest("library")]).unwrap();
    let (mut imports, nested) = shape(&composed);
    imports.sort();
    let wanted = [
        "wasi:clocks/monotonic-clock@0.2.0",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:http/types@0.2.0",
        "wasi:io/error@0.2.0",
        "wasi:io/poll@0.2.0",
        "wasi:io/streams@0.2.0",
    ];
    assert_eq!(
        (imports.as_slice(), nested),
        (wanted.map(str::to_owned).as_slice(), 3)
    );
}

#[test]
fn where_urlfetch_deferred_is_imported_its_component_is_put_in() {
    let (imports, nested) = shape(&compose(deferring("0.2.0"), vec![]).unwrap());
    let of_wasi = imports.iter().all(|import| import.starts_with("wasi:"));
    assert!(of_wasi, "{imports:?}");
    assert_eq!(nested, 3, "ours, that of deferred tasks, the application");
    let line = compose(deferring("0.3.0"), vec![])
        .expect_err("must not compose")
        .to_string();
    assert_eq!(
        line,
        "'app.wasm': imports urlfetch:deferred/types@0.3.0, but this component is urlfetch:deferred@0.2.0"
    );
}
