//! The application: composed when it wants us, compiled once and cached, and ready to be instantiated for every request.

use super::guest::Guest;
use super::limits::Needs;
use super::shape::{HandlerKind, Shape};
use crate::{ComposeError, Part, compose};
use std::path::PathBuf;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine, Store};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// How an application is made ready.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// How many of its instances may live at once, 1 or more. What they need is reserved: address space, not memory.
    pub instances: u32,
    /// Where machine code is kept between runs; none compiles every time. Whoever can write there decides what is run.
    pub cache: Option<PathBuf>,
}

/// A compiled application. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(super) engine: Engine,
    pub(super) handler: Handler,
    instances: u32,
    needs: Needs,
    composed: bool,
}

/// What is called for a request.
#[derive(Clone)]
pub(super) enum Handler {
    P2(ProxyPre<Guest>),
    P3(ServicePre<Guest>),
}

/// Why an application cannot be served: one line that names it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// It is no component, or not one that can be called with requests.
    #[error("{name}: {reason}")]
    Unfit {
        /// What the application was called.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It imports us, and does not fit.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The machine does not give what the pool needs.
    #[error("no room for {instances} instances at once: {reason}")]
    Room {
        /// How many were asked for.
        instances: u32,
        /// What the machine said.
        reason: String,
    },
}

impl App {
    /// Makes a component ready, `part.name` being what errors call it. Takes as long as compiling does, when it is not cached; runs
    /// the start functions of one instance, to see that it starts and to count what it needs.
    pub async fn load(part: Part, options: &AppOptions) -> Result<Self, AppError> {
        let name = part.name.clone();
        let unfit = |reason: String| AppError::Unfit {
            name: name.clone(),
            reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let shape = Shape::read(&part.bytes).map_err(unfit)?;
        let kind = shape.handler().ok_or_else(|| {
            unfit("exports neither wasi:http/incoming-handler@0.2 nor wasi:http/handler@0.3: there is nothing to serve".into())
        })?;
        let composed = shape.imports_urlfetch();
        let wasm = match composed {
            true => compose(part, Vec::new())?,
            false => part.bytes,
        };

        let failed = |error: wasmtime::Error| unfit(format!("{error:#}"));
        let mut config = config(&shape, options.cache.clone());
        Needs::of_anything().reserve(1, &mut config);
        let counting = Engine::new(&config).map_err(failed)?;
        let component = Component::from_binary(&counting, &wasm).map_err(failed)?;
        let pre = linked(&component, &shape).map_err(|error| {
            let kind = component.component_type();
            let mut imports = kind.imports(&counting).map(|(import, _)| import);
            // What is of WASI and yet not here, wasmtime names as well as we could.
            match imports.find(|import| !import.starts_with("wasi:")) {
                Some(import) => unfit(format!(
                    "imports {import}, which is neither WASI nor urlfetch:rpc: compose it first with a component that exports it"
                )),
                None => failed(error),
            }
        })?;
        let mut store = Store::new(&counting, Guest::nobody());
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = pre.instantiate_async(&mut store).await;
        instance.map_err(|error| unfit(format!("does not start: {error:#}")))?;
        let needs = Needs::counted(&component, shape.is_concurrent())
            .ok_or_else(|| unfit("its needs cannot be counted".into()))?;
        drop(store);

        let room = |error: wasmtime::Error| AppError::Room {
            instances: options.instances,
            reason: format!("{error:#}"),
        };
        needs.reserve(options.instances, &mut config);
        let engine = Engine::new(&config).map_err(room)?;
        let component = Component::from_binary(&engine, &wasm).map_err(failed)?;
        let pre = linked(&component, &shape).map_err(failed)?;
        let handler = match kind {
            HandlerKind::P2 => ProxyPre::new(pre).map(Handler::P2),
            HandlerKind::P3 => ServicePre::new(pre).map(Handler::P3),
        };
        Ok(App {
            engine,
            handler: handler.map_err(failed)?,
            instances: options.instances,
            needs,
            composed,
        })
    }

    /// What each of its instances takes.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// How many instances may live at once.
    pub fn instances(&self) -> u32 {
        self.instances
    }

    /// Whether it imported `urlfetch:rpc` and was given the component.
    pub fn is_composed(&self) -> bool {
        self.composed
    }

    /// The interface that is called.
    pub fn interface(&self) -> &'static str {
        match self.handler {
            Handler::P2(_) => "wasi:http/incoming-handler@0.2",
            Handler::P3(_) => "wasi:http/handler@0.3",
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("interface", &self.interface())
            .field("instances", &self.instances)
            .field("needs", &self.needs)
            .field("composed", &self.composed)
            .finish()
    }
}

/// The settings that both engines share: machine code compiled for one is taken from the cache by the other.
fn config(shape: &Shape, cache: Option<PathBuf>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // A guest that computes gives its thread back at every tick of the epoch.
        .epoch_interruption(true)
        .memory_init_cow(true)
        // Without WASI 0.3 there are no tasks to keep track of.
        .concurrency_support(shape.is_concurrent());
    if let Some(folder) = cache {
        let mut cache = CacheConfig::new();
        cache.with_directory(folder);
        match Cache::new(cache) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            Err(error) => tracing::warn!(target: "serve", "machine code is not kept: {error:#}"),
        }
    }
    config
}

/// Everything that WASI is, with nothing behind it but clocks, randomness, HTTP, what the guest's environment says, and the folders that
/// it is lent: no sockets.
fn linked(component: &Component, shape: &Shape) -> wasmtime::Result<InstancePre<Guest>> {
    let mut linker = Linker::new(component.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    if shape.is_concurrent() {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    }
    linker.instantiate_pre(component)
}
