//! Plays the vector in its first argument. The first surprise is printed, and the exit code is then 1.

use std::process::ExitCode;

fn main() -> ExitCode {
    let text = std::env::args().nth(1).unwrap_or_default();
    match vector_player::play(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            println!("{surprise}");
            ExitCode::FAILURE
        }
    }
}
