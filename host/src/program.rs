//! Programs of others: components with `wasi:cli/run`, their arguments, and what they wrote.

use crate::engine::Compiled;
use crate::{HostError, State};
use bytes::Bytes;
use wasmtime::Store;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

/// The most a program may write to one stream; more traps it.
const OUTPUT_LIMIT: usize = 64 * 1024 * 1024;

/// A compiled program, to be run any number of times by the harness that compiled it. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pre: CommandPre<State>,
}

/// How to call a program. Its stdin is empty, and it sees no files.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The arguments after the program's name, which is `program`.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
}

impl Invocation {
    /// A call with these arguments and an empty environment.
    pub fn new<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        Invocation {
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
        }
    }

    /// Adds a variable to the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// 0 when `run` returned ok, 1 when it returned an error, else what it passed to `wasi:cli/exit`.
    pub status: i32,
    /// Everything written to stdout.
    pub stdout: Bytes,
    /// Everything written to stderr.
    pub stderr: Bytes,
    /// Units of fuel spent; none in an unmetered harness.
    pub fuel_used: Option<u64>,
    /// How many resources the host still kept for it at the end. Programs may end without dropping theirs.
    pub resources: usize,
}

impl Output {
    /// Stdout as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Program {
    pub(crate) fn compile(compiled: &Compiled, wasm: &[u8]) -> Result<Self, HostError> {
        let pre = compiled.link(wasm)?;
        Ok(Program {
            pre: CommandPre::new(pre).map_err(HostError::Link)?,
        })
    }

    pub(crate) async fn run(
        &self,
        fuel: Option<u64>,
        invocation: Invocation,
        store: impl FnOnce(&mut WasiCtxBuilder) -> Store<State>,
    ) -> Result<Output, HostError> {
        let (stdout, stderr) = (
            MemoryOutputPipe::new(OUTPUT_LIMIT),
            MemoryOutputPipe::new(OUTPUT_LIMIT),
        );
        let mut wasi = WasiCtxBuilder::new();
        wasi.arg("program")
            .args(&invocation.args)
            .envs(&invocation.env)
            .stdout(stdout.clone())
            .stderr(stderr.clone());
        let mut store = store(&mut wasi);
        let ran = async {
            let command = self.pre.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        };
        let status = match ran.await {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => exit.0,
                None => {
                    let said = String::from_utf8_lossy(&stderr.contents()).into_owned();
                    return Err(HostError::from_call(
                        if said.is_empty() {
                            error
                        } else {
                            error.context(said)
                        },
                        fuel,
                    ));
                }
            },
        };
        Ok(Output {
            status,
            stdout: stdout.contents(),
            stderr: stderr.contents(),
            fuel_used: fuel.and_then(|limit| Some(limit.saturating_sub(store.get_fuel().ok()?))),
            resources: store.data_mut().resources(),
        })
    }
}
