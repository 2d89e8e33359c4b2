//! The corpus, played once: what was interesting holds, without libFuzzer and its flags.

use std::{fs, path::Path};

use arbitrary::{Arbitrary, Unstructured};

/// Calls `check` with every file of a target's corpus.
fn play(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut played = 0;
    for entry in fs::read_dir(&folder).expect("there is a corpus") {
        let path = entry.expect("it can be listed").path();
        println!("{}", path.display());
        check(&fs::read(&path).expect("it can be read"));
        played += 1;
    }
    assert!(played >= 10, "{played} inputs of {target}");
}

/// What libFuzzer makes of an input for a target that takes a type.
fn built<'a, T: Arbitrary<'a>>(input: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(input)).ok()
}

#[test]
fn operations() {
    play("operations", |input| {
        built(input)
            .map(urlfetch_core_fuzz::operations::check)
            .unwrap_or_default()
    });
}

#[test]
fn location() {
    play("location", urlfetch_core_fuzz::location::check);
}

#[test]
fn headers() {
    play("headers", |input| {
        built(input)
            .map(urlfetch_core_fuzz::headers::check)
            .unwrap_or_default()
    });
}

#[test]
fn inflate() {
    play("inflate", urlfetch_core_fuzz::inflate::check);
}
