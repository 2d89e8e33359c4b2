//! One instance of the component, each export a method. A trap is a panic: nothing that is passed may cause one.

use std::time::Duration;
use urlfetch_host::bindings::fetch::{State, Turned, Waited};
use urlfetch_host::bindings::types::{ErrorKind, FetchError, Hop, Request, Response};
use urlfetch_host::{Harness, HarnessOptions, Scripted, Sender, SenderOptions, Session, World};
use wasmtime::component::{Resource, ResourceAny};

/// The limit of every guest under virtual time, where fuel is the only watchdog: more than a claim spends, seconds for a guest that
/// spins.
pub const FUEL: u64 = 30_000_000_000;

/// The component in a world.
pub struct Instance {
    session: Session,
}

/// A handle of a client. To be dropped by [`Instance::drop_client`], or with the instance.
#[derive(Clone, Copy, Debug)]
pub struct Client(ResourceAny);

/// A handle of an rpc. To be dropped by [`Instance::drop_rpc`], or with the instance.
#[derive(Clone, Copy, Debug)]
pub struct Rpc(ResourceAny);

/// A request without headers or payload that follows redirects.
pub fn request(method: &str, url: &str) -> Request {
    Request {
        url: url.to_owned(),
        method: method.to_owned(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    }
}

/// Calls a function of the resource `client` or `rpc`.
macro_rules! call {
    ($self:ident.$resource:ident().$function:ident($($argument:expr),*)) => {
        $self.session.urlfetch.urlfetch_rpc_fetch().$resource()
            .$function(&mut $self.session.store, $($argument),*).await
            .expect(concat!(stringify!($function), " does not trap"))
    };
}

impl Instance {
    /// An instance in this world: metered under virtual time.
    pub async fn new(world: World) -> Self {
        let fuel = matches!(world, World::Scripted(_)).then_some(FUEL);
        let harness = Harness::new(HarnessOptions { fuel }).expect("the component compiles");
        let session = harness
            .session(world)
            .await
            .expect("the component instantiates");
        Instance { session }
    }

    /// An instance that fetches from `origin`.
    pub async fn scripted(origin: &Scripted) -> Self {
        Self::new(World::Scripted(origin.clone())).await
    }

    /// An instance on real sockets, with a pool of its own.
    pub async fn pooled() -> Self {
        Self::pooled_with(SenderOptions::default()).await
    }

    /// The same, of a host that was told more.
    pub async fn pooled_with(options: SenderOptions) -> Self {
        let sender = Sender::new(options).expect("the roots are good");
        Self::new(World::Pooled(sender)).await
    }

    /// How many resources the host keeps for the instance.
    pub fn resources(&mut self) -> usize {
        self.session.resources()
    }

    /// Bytes of linear memory that the instance has taken.
    pub fn memory(&self) -> usize {
        self.session.memory()
    }

    /// A pollable to lend, ready `after` from now.
    pub fn timer(&mut self, after: Duration) -> u32 {
        self.session.timer(after).expect("the table has room").rep()
    }

    /// Takes a lent pollable back.
    pub fn drop_timer(&mut self, timer: u32) {
        self.session
            .drop_pollable(Resource::new_own(timer))
            .expect("nobody retains what was lent");
    }

    /// A new client that may fetch from loopback.
    pub async fn client(&mut self) -> Client {
        let client = self.bare_client().await;
        call!(self.client().call_set_allow_private(client.0, true)).expect("it is not sealed");
        client
    }

    /// A new client as the component makes it.
    pub async fn bare_client(&mut self) -> Client {
        Client(call!(self.client().call_constructor()))
    }

    /// Drops a handle.
    pub async fn drop_client(&mut self, client: Client) {
        client
            .0
            .resource_drop_async(&mut self.session.store)
            .await
            .expect("dropping does not trap");
    }

    /// `client.set-default-deadline`.
    pub async fn set_default_deadline(
        &mut self,
        client: Client,
        seconds: Option<f64>,
    ) -> Result<(), ErrorKind> {
        call!(self.client().call_set_default_deadline(client.0, seconds))
    }

    /// `client.set-maximum-deadline`.
    pub async fn set_maximum_deadline(
        &mut self,
        client: Client,
        seconds: f64,
    ) -> Result<(), ErrorKind> {
        call!(self.client().call_set_maximum_deadline(client.0, seconds))
    }

    /// `client.set-max-in-flight`, one number for both.
    pub async fn set_max_in_flight(&mut self, client: Client, calls: u32) -> Result<(), ErrorKind> {
        call!(self.client().call_set_max_in_flight(client.0, calls, calls))
    }

    /// `client.set-max-response`.
    pub async fn set_max_response(&mut self, client: Client, bytes: u32) -> Result<(), ErrorKind> {
        call!(self.client().call_set_max_response(client.0, bytes))
    }

    /// `client.set-max-redirects`.
    pub async fn set_max_redirects(&mut self, client: Client, most: u32) -> Result<(), ErrorKind> {
        call!(self.client().call_set_max_redirects(client.0, most))
    }

    /// `client.turn`.
    pub async fn turn(&mut self, client: Client, timers: &[u32]) -> Turned {
        let lent: Vec<_> = timers
            .iter()
            .map(|timer| Resource::new_borrow(*timer))
            .collect();
        call!(self.client().call_turn(client.0, &lent))
    }

    /// `client.drain`.
    pub async fn drain(&mut self, client: Client) {
        call!(self.client().call_drain(client.0));
    }

    /// `client.fetch`.
    pub async fn fetch(
        &mut self,
        client: Client,
        request: &Request,
        deadline: Option<f64>,
    ) -> Result<Response, FetchError> {
        call!(self.client().call_fetch(client.0, request, deadline))
    }

    /// `client.create-rpc` with a deadline that has a meaning.
    pub async fn rpc(&mut self, client: Client, deadline: Option<f64>) -> Rpc {
        Rpc(call!(self.client().call_create_rpc(client.0, deadline))
            .expect("the deadline has a meaning"))
    }

    /// A GET that is under way.
    pub async fn get(&mut self, client: Client, url: &str, deadline: Option<f64>) -> Rpc {
        let rpc = self.rpc(client, deadline).await;
        self.start(rpc, &request("GET", url))
            .await
            .expect("a plain GET starts");
        rpc
    }

    /// `rpc.make-fetch-call`.
    pub async fn start(&mut self, rpc: Rpc, request: &Request) -> Result<(), FetchError> {
        call!(self.rpc().call_make_fetch_call(rpc.0, request))
    }

    /// `rpc.id`.
    pub async fn id(&mut self, rpc: Rpc) -> u32 {
        call!(self.rpc().call_id(rpc.0))
    }

    /// `rpc.state`.
    pub async fn state(&mut self, rpc: Rpc) -> State {
        call!(self.rpc().call_state(rpc.0))
    }

    /// `rpc.wait`.
    pub async fn wait(&mut self, rpc: Rpc) -> Result<bool, FetchError> {
        call!(self.rpc().call_wait(rpc.0))
    }

    /// `rpc.check-success`.
    pub async fn check_success(&mut self, rpc: Rpc) -> Result<(), FetchError> {
        call!(self.rpc().call_check_success(rpc.0))
    }

    /// `rpc.get-result`.
    pub async fn result(&mut self, rpc: Rpc) -> Result<Response, FetchError> {
        call!(self.rpc().call_get_result(rpc.0))
    }

    /// `rpc.into-result`: the handle is gone.
    pub async fn into_result(&mut self, rpc: Rpc) -> Result<Response, FetchError> {
        call!(self.rpc().call_into_result(rpc.0))
    }

    /// `rpc.cancel`.
    pub async fn cancel(&mut self, rpc: Rpc) -> bool {
        call!(self.rpc().call_cancel(rpc.0))
    }

    /// `rpc.hops`.
    pub async fn hops(&mut self, rpc: Rpc) -> Vec<Hop> {
        call!(self.rpc().call_hops(rpc.0))
    }

    /// `rpc.received`.
    pub async fn received(&mut self, rpc: Rpc) -> u64 {
        call!(self.rpc().call_received(rpc.0))
    }

    /// Drops a handle.
    pub async fn drop_rpc(&mut self, rpc: Rpc) {
        rpc.0
            .resource_drop_async(&mut self.session.store)
            .await
            .expect("dropping does not trap");
    }

    /// `wait-any`.
    pub async fn wait_any(
        &mut self,
        rpcs: &[Rpc],
        until: Option<u32>,
    ) -> Result<Waited, FetchError> {
        let rpcs: Vec<_> = rpcs.iter().map(|rpc| rpc.0).collect();
        let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
        let waited = fetch.call_wait_any(
            &mut self.session.store,
            &rpcs,
            until.map(Resource::new_borrow),
        );
        waited.await.expect("wait-any does not trap")
    }

    /// `progress`.
    pub async fn progress(&mut self) {
        let fetch = self.session.urlfetch.urlfetch_rpc_fetch();
        fetch
            .call_progress(&mut self.session.store)
            .await
            .expect("progress does not trap");
    }
}
