//! Vectors of the surface `rust`: played by a guest program, through the Rust library, with real closures.

use super::expect::Surprise;
use super::fill::to_line;
use std::sync::OnceLock;
use toml::Value;
use urlfetch_host::{Harness, HarnessOptions, Invocation, Program, World};

/// The program of `tests/guests/vector-player`.
const PLAYER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vector-player.wasm"));

/// The program, compiled once with fuel and once without.
fn program(harness: &Harness, metered: bool) -> Result<&'static Program, Surprise> {
    static COMPILED: [OnceLock<Program>; 2] = [OnceLock::new(), OnceLock::new()];
    let slot = &COMPILED[usize::from(metered)];
    if let Some(program) = slot.get() {
        return Ok(program);
    }
    let program = harness.program(PLAYER).map_err(|error| error.to_string())?;
    Ok(slot.get_or_init(|| program))
}

/// Plays the steps; the program says in one line what surprised it.
pub(super) async fn act(tree: &Value, world: World, fuel: Option<u64>) -> Result<(), Surprise> {
    let harness = Harness::new(HarnessOptions { fuel }).map_err(|error| error.to_string())?;
    let program = program(&harness, fuel.is_some())?;
    let invocation = Invocation::new([to_line(tree)]);
    let output = harness.run(program, world, invocation).await;
    let output = output.map_err(|error| error.to_string())?;
    match output.status {
        0 => Ok(()),
        _ => Err(output.text().trim_end().to_owned()),
    }
}
