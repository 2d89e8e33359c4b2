//! One fetch, as a program holds it.
use alloc::{boxed::Box, rc::Rc};
use core::{
    cell::RefCell,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use urlfetch_core::{ErrorKind, FetchError, Hop, Response, RpcKey, State};

use crate::{
    Client, Error, IntoRequest, awaiting::DriverCell, client::URLFETCH, driver::taken,
    error::Raised,
};

/// What runs when an rpc has finished: once, on the stack that waits for it. It is lent the rpc, so that it need not own it.
type Callback = Box<dyn FnOnce(&Rpc) -> Result<(), Raised>>;

/// What a callback or a hook may return: nothing, or an error that then leaves the verb that ran it.
pub trait Outcome {
    /// As a result.
    ///
    /// # Errors
    /// The error that was returned, if any.
    fn into_result(self) -> Result<(), Raised>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), Raised> {
        Ok(())
    }
}

impl<E: Into<Raised>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), Raised> {
        self.map_err(Into::into)
    }
}

/// One fetch: created idle, started once, finished once (semantics.md section 3). Dropping it at any time cancels it silently.
///
/// It is also a future: awaiting it waits like [`wait`](Self::wait) and resolves to what [`into_result`](Self::into_result)
/// would return. One that is awaited by reference stays, finished, and tells its [`hops`](Self::hops); its result is gone.
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use urlfetch::{Client, State};
///
/// let rpc = Client::shared().create_rpc();
/// rpc.set_callback(|rpc| println!("{} bytes", rpc.received()));
/// rpc.make_fetch_call("https://example.com/1500")?;
/// assert_eq!(rpc.state(), State::Running);
/// // ... do other things ...
/// rpc.check_success()?; // waits, prints, and fails if the fetch did
/// assert_eq!(rpc.get_result()?.text(), "/1500");
/// assert_eq!(rpc.into_result()?.content, b"/1500"); // moved, where get_result copies
/// # Ok::<_, urlfetch::Error>(())
/// ```
pub struct Rpc {
    pub(crate) client: Client,
    pub(crate) key: RpcKey,
    callback: RefCell<Option<Callback>>,
}

impl Rpc {
    pub(crate) fn new(client: Client, key: RpcKey) -> Self {
        Self {
            client,
            key,
            callback: RefCell::default(),
        }
    }

    pub(crate) fn driver(&self) -> &Rc<DriverCell> {
        &self.client.0.driver
    }

    /// Names this rpc in [`Turned`](crate::Turned); unique in the instance and never used again.
    pub fn id(&self) -> u32 {
        self.driver().borrow().service.id(self.key)
    }

    /// The deadline in seconds, given or taken from the client's default at creation; none when there was neither.
    pub fn deadline(&self) -> Option<f64> {
        self.driver().borrow().service.deadline(self.key)
    }

    /// Sets or replaces the callback. It runs once, inside the first wait that sees the rpc finished, whether the fetch succeeded
    /// or not; set after that, it never runs (semantics.md section 5).
    ///
    /// What cannot be called is no callback, and none of an rpc's other properties can be assigned:
    ///
    /// ```compile_fail,E0277
    /// urlfetch::create_rpc().set_callback("not to be called");
    /// ```
    /// ```compile_fail,E0615
    /// urlfetch::create_rpc().deadline = Some(2.5);
    /// ```
    pub fn set_callback<R: Outcome>(&self, callback: impl FnOnce(&Self) -> R + 'static) {
        let callback: Callback = Box::new(|rpc| callback(rpc).into_result());
        drop(self.callback.replace(Some(callback)));
    }

    /// Takes the callback away: nothing runs.
    pub fn clear_callback(&self) {
        drop(self.callback.take());
    }

    /// Starts the call and its deadline, without waiting for the network. Once per rpc.
    ///
    /// # Errors
    /// At once, leaving the rpc idle: `Misuse` (of another service than `urlfetch`), `InvalidMethod`, `InvalidUrl` (the request being
    /// served), `InvalidArgument` (a header), `Unsupported`, `Misuse` (started before), and what a pre-call hook returned. Everything
    /// else that is wrong is reported by [`get_result`](Self::get_result).
    pub fn make_fetch_call(&self, request: impl IntoRequest) -> Result<(), Error> {
        if self.service() != URLFETCH {
            let detail = [
                "this rpc is for the service ",
                self.service(),
                ", and not for urlfetch",
            ]
            .concat();
            return Err(FetchError::local(ErrorKind::Misuse, detail).into());
        }
        self.make_call(request)
    }

    /// [`make_fetch_call`](Self::make_fetch_call) for rpcs of any service: what a [`StubMap`](crate::StubMap) knows by another name
    /// than `urlfetch` is called by this.
    ///
    /// # Errors
    /// As `make_fetch_call`.
    pub fn make_call(&self, request: impl IntoRequest) -> Result<(), Error> {
        let request = request.into_request()?;
        self.driver().borrow().service.check(self.key, &request)?;
        let request = crate::hooks::run_pre(self, request)?;
        // A hook may have changed the request, or started the rpc itself.
        let mut driver = self.driver().borrow_mut();
        Ok(driver.make_fetch_call(self.key, request)?)
    }

    /// [`make_fetch_call`](Self::make_fetch_call) that gives the rpc back, for chains.
    ///
    /// # Errors
    /// As `make_fetch_call`; the rpc is then dropped.
    pub fn start(self, request: impl IntoRequest) -> Result<Self, Error> {
        self.make_fetch_call(request)?;
        Ok(self)
    }

    /// Moves what can move without blocking, and tells the state.
    pub fn state(&self) -> State {
        self.driver().borrow_mut().state(self.key)
    }

    /// Runs the callback if it is due.
    pub(crate) fn call_back(&self) -> Result<(), Error> {
        let is_due = self
            .driver()
            .borrow_mut()
            .service
            .take_callback_due(self.key);
        if !is_due {
            return Ok(());
        }
        let callback = self.callback.take();
        callback
            .map_or(Ok(()), |callback| callback(self))
            .map_err(Error::Callback)
    }

    /// Blocks until finished, then runs the callback if it is due. May be repeated, and says nothing about the fetch.
    ///
    /// # Errors
    /// `Misuse` on an idle rpc, and what the callback returned.
    pub fn wait(&self) -> Result<(), Error> {
        self.driver().borrow_mut().wait(self.key)?;
        self.call_back()
    }

    /// Waits like [`wait`](Self::wait), runs the post-call hooks the first time, then fails as the call did, each time it is asked.
    ///
    /// # Errors
    /// Those of `wait`, what a post-call hook returned, and the fetch's own.
    pub fn check_success(&self) -> Result<(), Error> {
        self.wait()?;
        self.run_post_hooks()?;
        let driver = self.driver().borrow();
        match driver.service.success(self.key) {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.clone().into()),
            None => Err(taken().into()),
        }
    }

    /// Waits like [`check_success`](Self::check_success). May be repeated; each call copies the content.
    ///
    /// # Errors
    /// Those of `check_success`.
    pub fn get_result(&self) -> Result<Response, Error> {
        self.check_success()?;
        let driver = self.driver().borrow();
        driver
            .service
            .outcome(self.key)
            .cloned()
            .unwrap_or_else(|| Err(taken()))
            .map_err(Error::Fetch)
    }

    /// [`get_result`](Self::get_result) for the last time: no second copy of the content is made. When a callback or a hook fails,
    /// its error is all that is left; `get_result` could be asked again.
    ///
    /// # Errors
    /// Those of `check_success`.
    pub fn into_result(self) -> Result<Response, Error> {
        self.wait()?;
        self.take_result()
    }

    fn take_result(&self) -> Result<Response, Error> {
        self.run_post_hooks()?;
        let outcome = self.driver().borrow_mut().service.take_outcome(self.key);
        outcome
            .unwrap_or_else(|| Err(taken()))
            .map_err(Error::Fetch)
    }

    fn run_post_hooks(&self) -> Result<(), Error> {
        let due = self.driver().borrow_mut().service.take_hooks_due(self.key);
        if due {
            crate::hooks::run_post(self)
        } else {
            Ok(())
        }
    }

    /// Ends the call. True when it was still running: then it has finished with `Cancelled`, its callback is due as after any
    /// failure, and its connection is released; whether the origin saw the request is unknown.
    pub fn cancel(&self) -> bool {
        self.driver().borrow_mut().cancel(self.key)
    }

    /// Reads every exchange so far, also while running and after a failure, with the instant of make-fetch-call. None on an idle rpc.
    /// `read` may not wait, nor use the rpc otherwise.
    ///
    /// ```
    /// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
    /// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
    /// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
    /// # }));
    /// let rpc = urlfetch::create_rpc().start("https://example.com/250")?;
    /// rpc.wait()?;
    /// let lines = rpc.hops(|hops, began| {
    ///     let line = |hop: &urlfetch::Hop| {
    ///         let millis = hop.ended_at.map(|end| end.since(began).as_millis());
    ///         format!("{} {} after {millis:?} ms", hop.status, hop.url)
    ///     };
    ///     hops.iter().map(line).collect::<Vec<_>>()
    /// });
    /// assert_eq!(lines.unwrap(), ["200 https://example.com/250 after Some(250) ms"]);
    /// # Ok::<_, urlfetch::Error>(())
    /// ```
    pub fn hops<T>(&self, read: impl FnOnce(&[Hop], urlfetch_core::Instant) -> T) -> Option<T> {
        let driver = self.driver().borrow();
        driver
            .service
            .call(self.key)
            .map(|call| read(call.hops(), call.started_at()))
    }

    /// Bytes of content received so far, after decoding.
    pub fn received(&self) -> u64 {
        self.driver()
            .borrow()
            .service
            .call(self.key)
            .map_or(0, urlfetch_core::Call::received)
    }

    /// Names of the caller's headers that were not sent, as spelled.
    pub fn rejected_headers(&self) -> alloc::vec::Vec<alloc::string::String> {
        self.driver()
            .borrow()
            .service
            .call(self.key)
            .map_or_else(Default::default, |call| call.rejected_headers().to_vec())
    }

    /// The client it was made under.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The name of the service it calls: see [`Client::service`].
    pub fn service(&self) -> &str {
        self.client.service()
    }

    /// Another idle rpc of the same client with the same deadline, and without callback, since one is called once: so that an rpc can
    /// be the template of others (semantics.md 8.6).
    ///
    /// # Errors
    /// `Misuse` once this one was started.
    pub fn try_clone(&self) -> Result<Self, FetchError> {
        let key = self.driver().borrow_mut().service.clone_rpc(self.key)?;
        Ok(Self::new(self.client.clone(), key))
    }
}

impl Future for Rpc {
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut before = None;
        let mut driver = self.driver().borrow_mut();
        if let Err(error) = driver.service.check_started(self.key) {
            return Poll::Ready(Err(error.into()));
        }
        driver.act(|service, _| service.execute(self.key));
        while driver.service.state(self.key) == State::Running {
            if !driver.register(self.key, cx, &mut before) {
                return Poll::Pending;
            }
        }
        drop(driver);
        Poll::Ready(self.call_back().and_then(|()| self.take_result()))
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        let mut driver = self.driver().borrow_mut();
        driver.drop_rpc(self.key);
        let waiter = driver.audience.waiters.forget(self.key.index());
        drop(driver);
        drop(waiter);
    }
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = self.driver().borrow();
        let mut shown = f.debug_struct("Rpc");
        shown
            .field("id", &driver.service.id(self.key))
            .field("state", &driver.service.state(self.key))
            .finish_non_exhaustive()
    }
}

/// An rpc in the making; [`Client::rpc`] begins one.
///
/// A callback may return an error of any kind, which then leaves the wait that ran it; whoever uses `?` in it says which:
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use std::{cell::RefCell, rc::Rc};
/// use urlfetch::{Client, Error};
///
/// let total = Rc::new(RefCell::new(0));
/// let rpc = {
///     let total = Rc::clone(&total);
///     Client::shared().rpc().deadline(2.5).callback(move |rpc| {
///         *total.borrow_mut() += rpc.get_result()?.content.len();
///         Ok::<_, Error>(())
///     })
/// };
/// let rpc = rpc.fetch("https://example.com/song")?;
/// assert_eq!(*total.borrow(), 0);
/// rpc.wait()?;
/// assert_eq!(*total.borrow(), 5);
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[must_use = "nothing is created before `create` or `fetch`"]
pub struct RpcBuilder {
    client: Client,
    deadline: Option<f64>,
    callback: Option<Callback>,
}

impl RpcBuilder {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            deadline: None,
            callback: None,
        }
    }

    /// The deadline in seconds, counted from make-fetch-call, over every hop and the body.
    pub fn deadline(mut self, seconds: f64) -> Self {
        self.deadline = Some(seconds);
        self
    }

    /// See [`Rpc::set_callback`].
    pub fn callback<R: Outcome>(mut self, callback: impl FnOnce(&Rpc) -> R + 'static) -> Self {
        self.callback = Some(Box::new(|rpc| callback(rpc).into_result()));
        self
    }

    /// The idle rpc.
    ///
    /// # Errors
    /// `InvalidArgument` when the deadline is zero, negative or not finite.
    pub fn create(self) -> Result<Rpc, FetchError> {
        let key = self
            .client
            .0
            .driver
            .borrow_mut()
            .service
            .create_rpc(self.client.0.key, self.deadline)?;
        let rpc = Rpc::new(self.client, key);
        *rpc.callback.borrow_mut() = self.callback;
        Ok(rpc)
    }

    /// The rpc, started.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`Rpc::make_fetch_call`].
    pub fn fetch(self, request: impl IntoRequest) -> Result<Rpc, Error> {
        self.create()?.start(request)
    }
}
