//! `urlfetch compose`: an application, its libraries, and one instance of our component for all of them.

use super::amount::grouped;
use super::{Refusal, Verdict, output};
use urlfetch_host::{Part, compose};

/// Satisfy every import of urlfetch:rpc, and of urlfetch:deferred, in an application from one instance of each component.
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
    let app = read("APP", &args.app)?;
    let libs = args.libs.iter().map(|path| read("LIB", path));
    let libs = libs.collect::<Result<Vec<_>, _>>()?;
    let composed = compose(app, libs).map_err(Refusal::new)?;
    output::write_file(&args.output, &composed)?;
    if args.output != "-" {
        eprintln!("{}: {} bytes", args.output, grouped(composed.len() as u64));
    }
    Ok(Verdict::Succeeded)
}

/// A part as the command line calls it: `APP 'app.wasm'`.
fn read(role: &str, path: &str) -> Result<Part, Refusal> {
    let name = format!("{role} '{path}'");
    match std::fs::read(path) {
        Ok(bytes) => Ok(Part { name, bytes }),
        Err(error) => Err(Refusal::new(format!("{name}: {error}"))),
    }
}
