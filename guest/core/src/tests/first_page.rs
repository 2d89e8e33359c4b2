//! The crate's first page names a test for every invariant: each of them exists.
use std::{fs, path::Path};

#[test]
fn every_test_named_on_the_first_page_exists() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let tests: String = fs::read_dir(source.join("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let page = fs::read_to_string(source.join("lib.rs")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("//! | "));
    let named: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(named.len(), 14);
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "{name}");
    }
}
