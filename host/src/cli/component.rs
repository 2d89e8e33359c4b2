//! `urlfetch component`: writes a component that this program carries.

use super::amount::grouped;
use super::{Refusal, Verdict, output};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use urlfetch_host::{COMPONENT, DEFERRED_COMPONENT};

/// Write the urlfetch component to a file.
///
/// It exports urlfetch:rpc/{types,fetch} and imports only what every WASI 0.2 host with wasi:http offers. `urlfetch compose` and `urlfetch
/// serve` put it in by themselves; other tools need the file.
#[derive(clap::Args)]
pub(crate) struct ComponentArgs {
    /// The file to write; - is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: String,
    /// Write the component of urlfetch:deferred instead, which imports urlfetch:rpc and wasi:cli.
    #[arg(long)]
    deferred: bool,
}

/// Writes it, and says on stderr how large it is.
pub(crate) fn run(args: &ComponentArgs) -> Result<Verdict, Refusal> {
    let component = if args.deferred {
        DEFERRED_COMPONENT
    } else {
        COMPONENT
    };
    output::write_file(&args.output, component)?;
    if args.output != "-" {
        eprintln!("{}", sizes(&args.output, component)?);
    }
    Ok(Verdict::Succeeded)
}

/// `urlfetch.wasm: 98,304 bytes, 36,118 gzipped`.
fn sizes(name: &str, wasm: &[u8]) -> Result<String, Refusal> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zipped = encoder.write_all(wasm).and_then(|()| encoder.finish());
    let zipped = zipped.map_err(|error| Refusal::new(format!("cannot be compressed: {error}")))?;
    Ok(format!(
        "{name}: {} bytes, {} gzipped",
        grouped(wasm.len() as u64),
        grouped(zipped.len() as u64)
    ))
}

#[cfg(test)]
mod tests {
    use super::sizes;

    #[test]
    fn both_sizes_are_said() {
        let line = sizes("u.wasm", &[0; 100_000]).unwrap();
        assert!(
            line.starts_with("u.wasm: 100,000 bytes, ") && line.ends_with(" gzipped"),
            "{line}"
        );
    }
}
