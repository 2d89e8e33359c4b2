//! `cargo xtask wit`: vendors the standard WASI 0.2.0 WIT from the registry package that ships it, or checks that it is unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Failure, cargo, root};

/// The package and its version; cargo verifies its checksum.
const PACKAGE: (&str, &str) = ("wasi", "0.12.1");
/// The license file of the package that goes along, and its name here.
const LICENSE: (&str, &str) = ("LICENSE-Apache-2.0_WITH_LLVM-exception", "LICENSE");

/// A folder's files: path relative to it, content.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Brings wit/deps in line with the package, or with `check` only says what differs.
pub(crate) fn run(check: bool) -> Result<(), Failure> {
    let target = root().join("wit/deps");
    let wanted = standard()?;
    let present = files(&target)?;
    let different = differences(&present, &wanted);
    if check {
        for line in &different {
            eprintln!("wit/deps/{line}");
        }
        return match different.len() {
            0 => {
                println!(
                    "wit/deps is the WIT of {} {}: {} files",
                    PACKAGE.0,
                    PACKAGE.1,
                    wanted.len()
                );
                Ok(())
            }
            n => Err(Failure::because(format!(
                "wit/deps differs in {n} files; `cargo xtask wit` restores it"
            ))),
        };
    }
    for path in present.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(target.join(path)).map_err(|error| at(&target.join(path), &error))?;
    }
    for (path, content) in wanted
        .iter()
        .filter(|(path, content)| present.get(*path) != Some(content))
    {
        let path = target.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        }
        fs::write(&path, content).map_err(|error| at(&path, &error))?;
    }
    println!(
        "wit/deps: {} files, {} changed",
        wanted.len(),
        different.len()
    );
    Ok(())
}

/// What wit/deps must hold: the package's own `wit/deps` and its license.
fn standard() -> Result<Files, Failure> {
    let package = package()?;
    let mut wanted = files(&package.join("wit/deps"))?;
    let license = package.join(LICENSE.0);
    wanted.insert(
        LICENSE.1.into(),
        fs::read(&license).map_err(|error| at(&license, &error))?,
    );
    Ok(wanted)
}

/// The folder of the package, fetched by cargo for a manifest of ours that does nothing but depend on it.
fn package() -> Result<PathBuf, Failure> {
    let folder = root().join("target/xtask/wit");
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"wit-source\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[lib]\npath = \"lib.rs\"\n[dependencies]\n{} = {{ version = \"={}\", default-features = false }}\n",
        PACKAGE.0, PACKAGE.1
    );
    fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    fs::write(&manifest, text).map_err(|error| at(&manifest, &error))?;
    fs::write(folder.join("lib.rs"), "//! Empty.\n").map_err(|error| at(&folder, &error))?;
    let metadata = cargo([
        "metadata",
        "--quiet",
        "--format-version",
        "1",
        "--manifest-path",
    ])
    .args([&manifest])
    .read()?;
    found_in(&metadata)
        .ok_or_else(|| Failure::because(format!("cargo did not find {} {}", PACKAGE.0, PACKAGE.1)))
}

/// The package's folder, from the output of `cargo metadata`.
fn found_in(metadata: &str) -> Option<PathBuf> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).ok()?;
    let package = metadata["packages"]
        .as_array()?
        .iter()
        .find(|package| package["name"] == PACKAGE.0)?;
    Some(
        Path::new(package["manifest_path"].as_str()?)
            .parent()?
            .to_owned(),
    )
}

/// Every file below a folder. A folder that does not exist has none.
fn files(folder: &Path) -> Result<Files, Failure> {
    let mut found = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        if !next.exists() {
            continue;
        }
        for entry in fs::read_dir(&next).map_err(|error| at(&next, &error))? {
            let path = entry.map_err(|error| at(&next, &error))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = fs::read(&path).map_err(|error| at(&path, &error))?;
                found.insert(
                    path.strip_prefix(folder).unwrap_or(&path).to_owned(),
                    content,
                );
            }
        }
    }
    Ok(found)
}

/// One line per file that is missing, changed or too many.
fn differences(present: &Files, wanted: &Files) -> Vec<String> {
    let missing = wanted
        .iter()
        .filter_map(|(path, content)| match present.get(path) {
            None => Some(format!("{}: missing", path.display())),
            Some(have) if have != content => Some(format!("{}: changed", path.display())),
            Some(_) => None,
        });
    let extra = present.keys().filter(|path| !wanted.contains_key(*path));
    missing
        .chain(extra.map(|path| format!("{}: not part of the standard", path.display())))
        .collect()
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::because(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Files, differences};

    fn folder(files: &[(&str, &str)]) -> Files {
        files
            .iter()
            .map(|(path, content)| (path.into(), content.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn every_difference_is_named_once() {
        let wanted = folder(&[
            ("io/poll.wit", "a"),
            ("io/error.wit", "b"),
            ("LICENSE", "c"),
        ]);
        let present = folder(&[
            ("io/poll.wit", "a"),
            ("io/error.wit", "edited"),
            ("own.wit", "d"),
        ]);
        assert_eq!(differences(&wanted, &wanted), Vec::<String>::new());
        assert_eq!(
            differences(&present, &wanted),
            [
                "LICENSE: missing",
                "io/error.wit: changed",
                "own.wit: not part of the standard"
            ]
        );
    }
}
