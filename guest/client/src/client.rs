//! A client: a policy, the hooks, and the rpcs made under them.
use alloc::{boxed::Box, rc::Rc, string::String};
use core::{cell::RefCell, future::Future, time::Duration};

use urlfetch_core::{ClientKey, CurrentRequest, ErrorKind, Policy, Response};

use crate::{
    Error, Hooks, IntoRequest, Reactor, Rpc, RpcBuilder, Sleep,
    awaiting::DriverCell,
    driver::Turned,
    reactor, shared,
    transport::{Pollable, Transport},
};

/// The service of clients that no map of stubs made.
pub(crate) const URLFETCH: &str = "urlfetch";

/// A policy and the rpcs made under it. Cloning gives another handle of the same client.
///
/// Libraries make a client of their own, a request handler makes one per request, programs use the [shared](Self::shared) one.
/// Dropping the last handle ends nothing: rpcs keep what they need.
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use urlfetch::{Client, ErrorKind};
///
/// let client = Client::new();
/// client.set_default_deadline(Some(2.0))?;
/// client.set_allowed_origins(&["https://*.example.com".to_owned()])?;
/// client.seal();
///
/// let response = client.fetch("https://api.example.com/songs")?;
/// assert!(response.is_success());
/// let refused = client.fetch("https://example.org/").unwrap_err();
/// assert_eq!(refused.kind(), Some(ErrorKind::Refused));
/// # Ok::<_, urlfetch::Error>(())
/// ```
///
/// Every `set_*` applies to the calls made afterwards. It fails with `InvalidArgument` on a value that has no meaning and with
/// `Misuse` after [`seal`](Self::seal); then the old value stays.
#[derive(Clone)]
pub struct Client(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) driver: Rc<DriverCell>,
    pub(crate) key: ClientKey,
    /// The client's own, or those of the [`StubMap`](crate::StubMap) it was made by.
    pub(crate) hooks: Rc<RefCell<Hooks>>,
    pub(crate) service: Rc<str>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.borrow_mut().service.close_client(self.key);
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client with the documented defaults, over the transport of this instance: wasi:http, unless another was
    /// [installed](crate::install).
    pub fn new() -> Self {
        Self::over(shared::driver())
    }

    /// The client that everyone in this instance shares.
    pub fn shared() -> Self {
        shared::client()
    }

    /// A client over a transport of its own, such as a [`Scripted`](crate::Scripted) one. It shares nothing with other clients, and
    /// its rpcs cannot be waited for together with theirs.
    pub fn with_transport(transport: impl Transport + 'static) -> Self {
        Self::over(Rc::new(DriverCell::new(Box::new(transport))))
    }

    pub(crate) fn over(driver: Rc<DriverCell>) -> Self {
        Self::of_service(driver, URLFETCH, Rc::default())
    }

    pub(crate) fn of_service(
        driver: Rc<DriverCell>,
        service: &str,
        hooks: Rc<RefCell<Hooks>>,
    ) -> Self {
        let key = driver.borrow_mut().service.open_client();
        Self(Rc::new(Inner {
            driver,
            key,
            hooks,
            service: service.into(),
        }))
    }

    /// The name of the service its rpcs call: `urlfetch`, unless a [`StubMap`](crate::StubMap) made it for another.
    pub fn service(&self) -> &str {
        &self.0.service
    }

    /// An idle rpc with the client's default deadline and no callback; nothing is sent.
    pub fn create_rpc(&self) -> Rpc {
        let created = self
            .0
            .driver
            .borrow_mut()
            .service
            .create_rpc(self.0.key, None);
        // Only a deadline that was given can be wrong.
        Rpc::new(self.clone(), created.unwrap_or_else(|_| unreachable!()))
    }

    /// An idle rpc in the making: with a deadline, with a callback.
    pub fn rpc(&self) -> RpcBuilder {
        RpcBuilder::new(self.clone())
    }

    /// Fetches and waits: an rpc, `make_fetch_call` and `into_result` in one (semantics.md 2.12).
    ///
    /// # Errors
    /// As `make_fetch_call` and `get_result`.
    pub fn fetch(&self, request: impl IntoRequest) -> Result<Response, Error> {
        self.create_rpc().start(request)?.into_result()
    }

    fn policy<T>(&self, read: impl FnOnce(&Policy) -> T) -> T {
        read(self.0.driver.borrow().service.policy(self.0.key))
    }

    fn set(
        &self,
        mut change: impl FnMut(&mut Policy) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        let mut driver = self.0.driver.borrow_mut();
        driver.set_policy(self.0.key, &mut change)
    }

    /// The deadline, in seconds, of rpcs that are created without one; none at first, which stands for 5.
    pub fn default_deadline(&self) -> Option<f64> {
        self.policy(Policy::default_deadline)
    }

    /// Sets or clears the [default deadline](Self::default_deadline).
    pub fn set_default_deadline(&self, seconds: Option<f64>) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_default_deadline(seconds))
    }

    /// The longest deadline, in seconds, an rpc may have; longer ones are clamped when the call is made. 60 at first.
    pub fn set_maximum_deadline(&self, seconds: f64) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_maximum_deadline(seconds))
    }

    /// How many calls may be out at once, in total and to one origin: 1 to 10,000, 100 at first. The rest queue inside their
    /// deadline, the oldest first.
    pub fn set_max_in_flight(&self, total: u32, per_origin: u32) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_max_in_flight(total, per_origin))
    }

    /// How many redirects are followed: 5 at first, at most 100.
    pub fn set_max_redirects(&self, hops: u32) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_max_redirects(hops))
    }

    /// Follow 308 (Permanent Redirect) like 307. Off at first, as on App Engine.
    pub fn set_follow_permanent_redirect(&self, follow: bool) -> Result<(), ErrorKind> {
        self.set(|policy| {
            policy.follow_308 = follow;
            Ok(())
        })
    }

    /// The most bytes of decoded content that are kept: 32 MiB at first, 1 to 2^30.
    pub fn set_max_response(&self, bytes: u32) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_max_response(bytes))
    }

    /// How many bytes a URL may have, 10,240 at first, 1 to 20,480, and whether every port is fetched: off at first, when only 80 to
    /// 90, 440 to 450 and those from 1,024 are, as on App Engine.
    pub fn set_url_limits(&self, max_length: u32, any_port: bool) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_url_limits(max_length, any_port))
    }

    /// The product text of `user-agent`; none stands for `urlfetch/VERSION`, empty adds nothing.
    pub fn set_user_agent(&self, mut text: Option<String>) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_user_agent(text.take()))
    }

    /// The only origins that may be fetched, on each hop; empty, as at first, for any. `https://*.example.com` is every name below.
    pub fn set_allowed_origins(&self, origins: &[String]) -> Result<(), ErrorKind> {
        self.set(|policy| policy.set_allowed_origins(origins))
    }

    /// Permit private and loopback addresses. Off at first.
    pub fn set_allow_private(&self, allow: bool) -> Result<(), ErrorKind> {
        self.set(|policy| {
            policy.allow_private = allow;
            Ok(())
        })
    }

    /// Fetch with validation although a request waives it, instead of failing with `Unsupported`. Off at first.
    pub fn set_validate_anyway(&self, validate: bool) -> Result<(), ErrorKind> {
        self.set(|policy| {
            policy.validate_anyway = validate;
            Ok(())
        })
    }

    /// Send `authorization` and `cookie` on to another origin that a redirect leads to, as App Engine does (semantics.md 10.7). Off at
    /// first: an origin could have itself sent what is another's.
    pub fn set_keep_credentials(&self, keep: bool) -> Result<(), ErrorKind> {
        self.set(|policy| {
            policy.keep_credentials = keep;
            Ok(())
        })
    }

    /// Have only `get_result` fail with `ResponseTooLarge` for a content that was cut, and neither `check_success` nor what post-call
    /// hooks see, as with Google's SDK (semantics.md 20.5). Off at first.
    pub fn set_truncation_passes_check(&self, passes: bool) -> Result<(), ErrorKind> {
        self.set(|policy| {
            policy.truncation_passes_check = passes;
            Ok(())
        })
    }

    /// App Engine's development server: a call is sent only when something waits for it, one at a time (semantics.md section 14).
    /// Off at first.
    pub fn set_development_mode(&self, on: bool) -> Result<(), ErrorKind> {
        self.set(|policy| {
            policy.development = on;
            Ok(())
        })
    }

    /// The request being served, by its `host` header and path: a GET of the same fails at once (semantics.md 2.3). None skips the
    /// rule. Allowed on a sealed client.
    pub fn set_current_request(&self, serving: Option<CurrentRequest>) {
        self.0
            .driver
            .borrow_mut()
            .service
            .set_current_request(self.0.key, serving);
    }

    /// From now on every `set_*` on this client fails with `Misuse`, `set_current_request` excepted. There is no way back.
    pub fn seal(&self) {
        self.0.driver.borrow_mut().service.seal(self.0.key);
    }

    /// The client's pre- and post-call hooks, to be changed by `change`, which may not come back here (semantics.md section 7). Those of
    /// a client that a [`StubMap`](crate::StubMap) made are the map's.
    pub fn hooks<T>(&self, change: impl FnOnce(&mut Hooks) -> T) -> T {
        change(&mut self.0.hooks.borrow_mut())
    }

    /// One turn of a caller's event loop, called where it would call `wasi:io/poll.poll`: blocks until one of `others` is ready or an
    /// rpc of this client finishes, and moves every rpc meanwhile. Returns at once when neither could ever happen. Nothing of
    /// `others` is retained.
    ///
    /// ```
    /// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
    /// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
    /// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
    /// # }));
    /// # let client = urlfetch::Client::new();
    /// let rpcs = [client.rpc().fetch("https://example.com/20")?, client.rpc().fetch("https://example.com/10")?];
    /// let first = client.turn(&[]).finished;
    /// assert_eq!(first, [rpcs[1].id()]);
    /// # Ok::<_, urlfetch::Error>(())
    /// ```
    pub fn turn(&self, others: &[&Pollable]) -> Turned {
        self.0.driver.borrow_mut().turn(self.0.key, others)
    }

    /// Moves everything that can move, without blocking.
    pub fn progress(&self) {
        self.0.driver.borrow_mut().progress();
    }

    /// Blocks until no rpc of this client is running: for a handler about to return, since the end of the instance ends what is in
    /// flight (semantics.md 3.6). Callbacks stay due.
    pub fn drain(&self) {
        self.0.driver.borrow_mut().drain(self.0.key);
    }

    /// Runs `future` to its end and moves every rpc of this client's service meanwhile. See [`block_on`](crate::block_on).
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        reactor::run(&self.0.driver, future)
    }

    /// Waits for a length of time inside [`block_on`](Self::block_on).
    pub fn sleep(&self, length: Duration) -> Sleep {
        Sleep::new(Rc::clone(&self.0.driver), length)
    }

    /// Has another reactor drive the awaited rpcs of this client's service, instead of [`block_on`](Self::block_on). Synchronous
    /// waits go on working.
    pub fn use_reactor(&self, reactor: impl Reactor + 'static) {
        self.0.driver.borrow_mut().audience.reactor = Some(Box::new(reactor));
    }
}
