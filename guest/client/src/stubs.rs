//! Which stub answers for which service: App Engine's stub map, by which a program is given other origins than the real ones.
//! Semantics.md section 8.
use alloc::{boxed::Box, collections::BTreeMap, rc::Rc, string::String};
use core::{cell::RefCell, fmt};

use urlfetch_core::{ErrorKind, FetchError, Response};

use crate::{
    Answer, Client, Error, Hooks, IntoRequest, Scripted, awaiting::DriverCell, scripted::Seen,
    shared, transport::Transport,
};

/// What answers the calls of a service. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Stub {
    driver: Rc<DriverCell>,
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Asynchronous,
    Synchronous,
    WithoutRpcs,
}

impl Stub {
    /// One that carries rpcs over a transport of its own: over origins of a [`Scripted`](crate::Scripted) one, in a program's tests.
    pub fn over(transport: impl Transport + 'static) -> Self {
        Self {
            driver: Rc::new(DriverCell::new(Box::new(transport))),
            mode: Mode::Asynchronous,
        }
    }

    /// One that carries rpcs over the transport of this instance: wasi:http, unless another was [installed](crate::install).
    pub fn installed() -> Self {
        Self {
            driver: shared::driver(),
            mode: Mode::Asynchronous,
        }
    }

    /// The same, executing one call at a time and each when something waits for it: clients made for it begin in
    /// [development mode](Client::set_development_mode). App Engine has stubs that are not safe for threads do so (semantics.md 8.4).
    #[must_use]
    pub fn synchronous(self) -> Self {
        Self {
            mode: Mode::Synchronous,
            ..self
        }
    }

    /// A function that returns the answer, for [`StubMap::make_sync_call`] only: no rpc can be created for it.
    pub fn function(answer: impl Fn(&Seen) -> Answer + 'static) -> Self {
        Self {
            mode: Mode::WithoutRpcs,
            ..Self::over(Scripted::new().rule(|_| true, answer))
        }
    }
}

/// Names of services with the stubs that answer them, and the hooks around their calls.
///
/// What is made by a map keeps its stub, whatever becomes of the map, and runs the hooks of the map and no others. Cloning gives a map
/// of its own, with the same stubs and, at first, the same hooks.
///
/// ```
/// use urlfetch::{Answer, Scripted, Stub, StubMap, hooks::Place};
///
/// /// A program asks its map, so that a test can give it another.
/// fn greeting(services: &StubMap) -> Result<String, urlfetch::Error> {
///     let rpc = services.client("urlfetch")?.rpc().deadline(2.5).fetch("https://example.com/")?;
///     Ok(rpc.into_result()?.text().into_owned())
/// }
///
/// let mut services = StubMap::new();
/// services.register("urlfetch", Stub::installed())?;
///
/// let mut tested = services.clone();
/// tested.replace("urlfetch", Stub::over(Scripted::new().rule(|_| true, |_| Answer::new(200, "hello"))));
/// tested.hooks(|hooks| hooks.add_pre(Place::Last, "log", |rpc, request| println!("{} {}", rpc.service(), request.url)));
/// assert_eq!(greeting(&tested)?, "hello");
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[derive(Default)]
pub struct StubMap {
    stubs: BTreeMap<String, Stub>,
    default: Option<Stub>,
    hooks: Rc<RefCell<Hooks>>,
}

impl StubMap {
    /// Without stubs and hooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has `stub` answer for `service`.
    ///
    /// # Errors
    /// `Misuse` when another does already; it goes on doing so.
    pub fn register(&mut self, service: &str, stub: Stub) -> Result<(), FetchError> {
        if self.stubs.contains_key(service) {
            return Err(misuse(&["a stub is registered for ", service]));
        }
        self.replace(service, stub);
        Ok(())
    }

    /// Has `stub` answer for `service`, whether another did or not. That one goes on with the clients and rpcs it has.
    pub fn replace(&mut self, service: &str, stub: Stub) {
        self.stubs.insert(service.into(), stub);
    }

    /// Sets or clears the stub that answers for all services without one of their own.
    pub fn set_default(&mut self, stub: Option<Stub>) {
        self.default = stub;
    }

    /// The stub of a service: its own, else the default, else none.
    pub fn stub(&self, service: &str) -> Option<&Stub> {
        self.stubs.get(service).or(self.default.as_ref())
    }

    /// A client with the documented defaults, whose rpcs are answered by the stub that the service has now.
    ///
    /// Only rpcs of the service `urlfetch` have a [`make_fetch_call`](crate::Rpc::make_fetch_call); those of others are started by
    /// [`make_call`](crate::Rpc::make_call).
    ///
    /// # Errors
    /// `Misuse` when the service has no stub, or one without rpcs.
    pub fn client(&self, service: &str) -> Result<Client, FetchError> {
        let stub = self.required(service)?;
        match stub.mode {
            Mode::WithoutRpcs => Err(misuse(&[
                "the stub has no rpcs that is registered for ",
                service,
            ])),
            _ => Ok(self.client_of(stub, service)),
        }
    }

    /// Calls a service and waits: pre-call hooks, the stub, post-call hooks. What the stub returned is what those see and what is
    /// returned (semantics.md 7.7).
    ///
    /// # Errors
    /// `Misuse` when the service has no stub; as [`Rpc::make_fetch_call`](crate::Rpc::make_fetch_call) and
    /// [`Rpc::get_result`](crate::Rpc::get_result).
    pub fn make_sync_call(
        &self,
        service: &str,
        request: impl IntoRequest,
    ) -> Result<Response, Error> {
        let stub = self.required(service)?;
        let rpc = self.client_of(stub, service).create_rpc();
        rpc.make_call(request)?;
        rpc.into_result()
    }

    /// The map's hooks, to be changed by `change`, which may not come back here. They run for the calls of every service, unless they
    /// are [only for](crate::hooks::Place::only_for) one.
    pub fn hooks<T>(&self, change: impl FnOnce(&mut Hooks) -> T) -> T {
        change(&mut self.hooks.borrow_mut())
    }

    fn required(&self, service: &str) -> Result<&Stub, FetchError> {
        let stub = self.stub(service);
        stub.ok_or_else(|| misuse(&["no stub is registered for ", service]))
    }

    fn client_of(&self, stub: &Stub, service: &str) -> Client {
        let client = Client::of_service(Rc::clone(&stub.driver), service, Rc::clone(&self.hooks));
        if stub.mode == Mode::Synchronous {
            // A new client is not sealed.
            client.set_development_mode(true).unwrap_or_default();
        }
        client
    }
}

impl Clone for StubMap {
    fn clone(&self) -> Self {
        let hooks = self.hooks.borrow().clone();
        Self {
            stubs: self.stubs.clone(),
            default: self.default.clone(),
            hooks: Rc::new(RefCell::new(hooks)),
        }
    }
}

impl fmt::Debug for StubMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StubMap")
            .field("services", &self.stubs.keys())
            .field("has_default", &self.default.is_some())
            .field("hooks", &self.hooks.borrow())
            .finish()
    }
}

fn misuse(detail: &[&str]) -> FetchError {
    FetchError::local(ErrorKind::Misuse, detail.concat())
}
