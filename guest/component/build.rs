//! How the component is linked. Here and not in a global config, so that no other build is touched.
fn main() {
    // Without libc the first comparison of slices imports `memcmp` from a module named `env`.
    println!("cargo::rustc-link-arg-cdylib=-lc");
    // Else wasi:io comes out as 0.2.6, the version of the linker's embedded adapter, and older hosts cannot link it.
    println!("cargo::rustc-link-arg-cdylib=--merge-imports-based-on-semver=false");
    // Indices and addresses in as many bytes as they need, not in five each: 9 KB. The linker does not adapt debug information to it.
    if std::env::var("DEBUG").is_ok_and(|debug| debug == "false") {
        println!("cargo::rustc-link-arg-cdylib=--compress-relocations");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
