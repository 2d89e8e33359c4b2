//! The applications for Spin among the examples: what their manifests say.

use super::compose::names;
use crate::programs;
use std::path::{Path, PathBuf};
use urlfetch_host::{AllowedHost, COMPONENT};

/// What a manifest says of one component, and the folder it lies in.
pub(super) struct Manifest {
    folder: PathBuf,
    component: toml::Table,
}

impl Manifest {
    pub(super) fn read(example: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples")
            .join(example);
        let text = std::fs::read_to_string(folder.join("spin.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let triggered = manifest["trigger"]["http"][0]["component"]
            .as_str()
            .unwrap();
        let component = manifest["component"][triggered].as_table().unwrap().clone();
        Manifest { folder, component }
    }

    /// Where it lets its component go, in the words of our policy.
    pub(super) fn allowed_outbound_hosts(&self) -> Vec<AllowedHost> {
        let hosts = self.component["allowed_outbound_hosts"].as_array();
        let hosts = hosts.unwrap().iter().map(|host| host.as_str().unwrap());
        hosts.map(|host| host.parse().unwrap()).collect()
    }

    /// A path in it, relative to the root of the repository.
    fn path(&self, value: &toml::Value) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = value.as_str().unwrap().strip_prefix("../../").unwrap();
        assert!(self.folder.join("../..").canonicalize().unwrap() == root.canonicalize().unwrap());
        PathBuf::from(path)
    }
}

/// What Spin demands of a dependency: a package and the very version that is imported, an export for each import, and what it may
/// inherit.
#[test]
fn spin_finds_what_a_manifest_names() {
    for (example, program) in [
        ("spin", programs::FAN_OUT),
        ("spin-service", programs::SPIN_SERVICE),
    ] {
        let manifest = Manifest::read(example);
        let built = Path::new(program)
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .replace('-', "_");
        assert_eq!(
            manifest.path(&manifest.component["source"]),
            Path::new("target/wasm32-wasip2/release").join(format!("{built}.wasm"))
        );
        let dependencies = manifest.component["dependencies"].as_table().unwrap();
        let [(name, dependency)] = dependencies.iter().collect::<Vec<_>>()[..] else {
            panic!("{example}: one dependency");
        };
        assert_eq!(
            manifest.path(&dependency["path"]),
            Path::new("target/urlfetch.wasm")
        );
        assert_eq!(
            dependency["inherit_configuration"].as_array().unwrap()[..],
            ["allowed_outbound_hosts".into()]
        );
        let (package, version) = name.split_once('@').unwrap();
        let wanted = |name: &String| {
            name.strip_prefix(package)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let imports: Vec<String> = names(&std::fs::read(program).unwrap())
            .0
            .into_iter()
            .filter(wanted)
            .collect();
        let exports = names(COMPONENT).1;
        assert!(!imports.is_empty(), "{example}");
        for import in imports {
            assert!(import.ends_with(&format!("@{version}")), "{import}");
            assert!(exports.contains(&import), "{import}");
        }
    }
}
