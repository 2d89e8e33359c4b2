//! What the component promises: its WIT, and what it asks of a host.

use std::path::Path;
use urlfetch_host::{COMPONENT, DEFERRED_COMPONENT};
use urlfetch_tests::check_golden;
use wit_component::WitPrinter;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldKey};

/// All that a host has to have (decisions.md D2).
const IMPORTS: [&str; 6] = [
    "wasi:clocks/monotonic-clock@0.2.0",
    "wasi:http/outgoing-handler@0.2.0",
    "wasi:http/types@0.2.0",
    "wasi:io/error@0.2.0",
    "wasi:io/poll@0.2.0",
    "wasi:io/streams@0.2.0",
];

fn component() -> DecodedWasm {
    decode(COMPONENT).expect("the embedded bytes are a component")
}

fn wit() -> (Resolve, wit_parser::PackageId) {
    wit_of("../wit")
}

fn wit_of(folder: &str) -> (Resolve, wit_parser::PackageId) {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (package, _) = resolve.push_dir(folder).expect("wit/ parses");
    (resolve, package)
}

/// A package as WIT text, without its documentation: that may get better.
fn printed(resolve: &Resolve, package: wit_parser::PackageId) -> String {
    let mut printer = WitPrinter::default();
    printer
        .emit_docs(false)
        .print(resolve, package, &[])
        .expect("it prints");
    printer.output.to_string()
}

#[test]
fn the_component_imports_exactly_what_every_0_2_host_has() {
    let decoded = component();
    let DecodedWasm::Component(resolve, world) = &decoded else {
        panic!("a WIT package, and no component");
    };
    let names = resolve.worlds[*world]
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key));
    let mut imports: Vec<String> = names.collect();
    imports.sort();
    assert_eq!(
        imports,
        IMPORTS,
        "the component imports:\n{}\n",
        imports.join("\n")
    );
}

#[test]
fn the_component_exports_what_the_golden_says() {
    let decoded = component();
    let resolve = decoded.resolve();
    let ours = resolve
        .packages
        .iter()
        .find(|(_, package)| package.name.to_string() == "urlfetch:rpc@0.2.0");
    let (ours, _) = ours.expect("it exports urlfetch:rpc@0.2.0");
    let text = [decoded.package(), ours].map(|package| printed(resolve, package));
    check_golden("urlfetch.wit", &text.join("\n"));
}

#[test]
fn the_component_exports_the_interfaces_of_the_wit_package_and_nothing_is_missing() {
    let (wit, package) = wit();
    let decoded = component();
    let exported = decoded.resolve();
    let names: Vec<String> = wit.packages[package].interfaces.keys().cloned().collect();
    assert_eq!(names, ["types", "fetch"]);
    for name in names {
        let functions = |resolve: &Resolve| {
            let interfaces = resolve.interfaces.iter().filter(|(_, interface)| {
                let package = interface
                    .package
                    .map(|package| resolve.packages[package].name.to_string());
                interface.name.as_ref() == Some(&name)
                    && package.as_deref() == Some("urlfetch:rpc@0.2.0")
            });
            let names = interfaces.flat_map(|(_, interface)| interface.functions.keys().cloned());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(functions(&wit), functions(exported), "{name}");
    }
}

/// Wasmtime before 41, its long-term line 36 among them, and cargo-component refuse a component that has such a name anywhere.
#[test]
fn no_word_of_a_name_begins_with_a_digit() {
    let (resolve, package) = wit();
    let text = printed(&resolve, package);
    let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let names: Vec<&str> = names
        .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
        .collect();
    assert!(names.contains(&"set-max-redirects"));
    let refused = names.iter().find(|name| {
        name.split('-')
            .any(|word| !word.starts_with(|c: char| c.is_ascii_alphabetic()))
    });
    assert_eq!(refused, None);
}

#[test]
fn the_wit_package_has_a_world_to_be_and_a_world_to_include() {
    let (resolve, package) = wit();
    let worlds = &resolve.packages[package].worlds;
    assert_eq!(worlds.keys().collect::<Vec<_>>(), ["urlfetch", "imports"]);
    let keys = |items: &wit_parser::IndexMap<WorldKey, wit_parser::WorldItem>| {
        items
            .keys()
            .map(|key| resolve.name_world_key(key))
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (
        &resolve.worlds[worlds["urlfetch"]],
        &resolve.worlds[worlds["imports"]],
    );
    assert_eq!(
        keys(&ours.exports),
        ["urlfetch:rpc/types@0.2.0", "urlfetch:rpc/fetch@0.2.0"]
    );
    assert!(keys(&theirs.imports).contains(&"urlfetch:rpc/fetch@0.2.0".to_owned()));
    assert!(theirs.exports.is_empty());
}

/// It is plugged into applications: whatever else it asked for, they would have to ask of their host.
#[test]
fn the_component_of_deferred_tasks_imports_ours_and_what_a_program_has() {
    let decoded = decode(DEFERRED_COMPONENT).expect("the embedded bytes are a component");
    let DecodedWasm::Component(resolve, world) = &decoded else {
        panic!("a WIT package, and no component");
    };
    let names = |items: &wit_parser::IndexMap<WorldKey, wit_parser::WorldItem>| {
        let names = items.keys().map(|key| resolve.name_world_key(key));
        names.collect::<Vec<_>>()
    };
    let world = &resolve.worlds[*world];
    for import in names(&world.imports) {
        let known = [
            "urlfetch:rpc/",
            "wasi:cli/",
            "wasi:clocks/",
            "wasi:io/",
            "wasi:random/",
        ];
        assert!(
            known.iter().any(|known| import.starts_with(known)),
            "{import}"
        );
    }
    let exports =
        ["types", "tasks", "deliveries"].map(|name| format!("urlfetch:deferred/{name}@0.2.0"));
    assert_eq!(names(&world.exports), exports);
}

#[test]
fn the_component_of_deferred_tasks_exports_what_the_golden_says_and_the_wit_package_has() {
    let (wit, package) = wit_of("../wit/deferred");
    let decoded = decode(DEFERRED_COMPONENT).expect("the embedded bytes are a component");
    let resolve = decoded.resolve();
    let ours = resolve
        .packages
        .iter()
        .find(|(_, package)| package.name.to_string() == "urlfetch:deferred@0.2.0");
    let (ours, _) = ours.expect("it exports urlfetch:deferred@0.2.0");
    check_golden("urlfetch-deferred.wit", &printed(resolve, ours));
    let functions = |resolve: &Resolve, package: wit_parser::PackageId| {
        let interfaces = resolve.packages[package].interfaces.iter();
        let functions = interfaces.flat_map(|(name, interface)| {
            let functions = resolve.interfaces[*interface].functions.keys();
            functions.map(move |function| format!("{name}/{function}"))
        });
        functions.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(functions(&wit, package), functions(resolve, ours));
    let worlds = &wit.packages[package].worlds;
    assert_eq!(worlds.keys().collect::<Vec<_>>(), ["deferred", "imports"]);
}
