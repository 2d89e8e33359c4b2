//! Expected output that lives in files.

use std::path::Path;
use std::{env, fs};

/// Compares `actual` with the file `golden/NAME` of this package; with `BLESS=1` in the environment it writes the file instead.
///
/// # Panics
/// At the first line that differs, and when the file cannot be read or written.
pub fn check_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if env::var_os("BLESS").is_some_and(|bless| bless == "1") {
        fs::write(&path, actual).expect("the golden can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differs = |(number, (expected, actual)): (usize, (&str, &str))| {
        (expected != actual).then(|| {
            format!(
                "line {}:\n  golden: {expected}\n  actual: {actual}",
                number + 1
            )
        })
    };
    // An end that is missing on one side is a line that differs.
    let ends = |text: &'static str| std::iter::once(text);
    let lines = expected
        .lines()
        .chain(ends("(end)"))
        .zip(actual.lines().chain(ends("(end)")));
    if let Some(line) = lines.enumerate().find_map(differs) {
        panic!("{} differs in {line}\nBLESS=1 rewrites it", path.display());
    }
}
