//! What a program has run before and after every call of a client. Semantics.md section 7.
//!
//! A hook of the sources is told apart by its number of parameters; here the place it is registered at says the same: a pre-call
//! hook may change or refuse the request, a post-call hook sees an answer, and one that is registered for every outcome sees
//! failures as well.
use alloc::{rc::Rc, vec::Vec};
use core::panic::Location;

use urlfetch_core::{FetchError, Request, Response};

use crate::{Error, Rpc, error::Raised, rpc::Outcome};

type PreHook = Rc<dyn Fn(&Rpc, &mut Request) -> Result<(), Raised>>;
type PostHook = Rc<dyn Fn(&Rpc, Result<&Response, &FetchError>) -> Result<(), Raised>>;

/// An ordered list of hooks. A key is unique among the hooks of the source file that registers them: the module, in the source's
/// words (semantics.md 7.4).
#[derive(Clone)]
pub struct HookList<H> {
    hooks: Vec<Entry<H>>,
}

#[derive(Clone)]
struct Entry<H> {
    key: &'static str,
    module: &'static str,
    /// The only service it runs for.
    service: Option<Rc<str>>,
    hook: H,
}

impl<H> Default for HookList<H> {
    fn default() -> Self {
        Self { hooks: Vec::new() }
    }
}

impl<H> HookList<H> {
    /// Removes all hooks and frees their keys.
    pub fn clear(&mut self) {
        self.hooks.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hooks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    fn insert(&mut self, slot: Slot, key: &'static str, module: &'static str, hook: H) -> bool {
        let is_taken = |other: &Entry<H>| (other.key, other.module) == (key, module);
        if self.hooks.iter().any(is_taken) {
            return false;
        }
        let index = match slot.place {
            Place::First => 0,
            Place::Last => self.hooks.len(),
        };
        let entry = Entry {
            key,
            module,
            service: slot.service,
            hook,
        };
        self.hooks.insert(index, entry);
        true
    }
}

impl<H: Clone> HookList<H> {
    /// Those that run for this service. A copy: a hook may change the list, or use the client.
    fn of(&self, service: &str) -> Vec<H> {
        let runs = |entry: &&Entry<H>| entry.service.as_deref().is_none_or(|only| only == service);
        let hooks = self.hooks.iter().filter(runs);
        hooks.map(|entry| entry.hook.clone()).collect()
    }
}

/// Where in its list a hook is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the others: the source's `Push`.
    First,
    /// After the others: the source's `Append`.
    Last,
}

impl Place {
    /// For the calls of this service only (semantics.md 7.5). Without it a hook runs for all services of its
    /// [`StubMap`](crate::StubMap).
    pub fn only_for(self, service: &str) -> Slot {
        Slot {
            place: self,
            service: Some(service.into()),
        }
    }
}

/// Where in its list a hook is put, and for which service: a [`Place`] stands for every service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    place: Place,
    service: Option<Rc<str>>,
}

impl From<Place> for Slot {
    fn from(place: Place) -> Self {
        Self {
            place,
            service: None,
        }
    }
}

/// The hooks of one client, or of one [`StubMap`](crate::StubMap). [`Client::hooks`](crate::Client::hooks) gives access.
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     let millis = seen.url.path_and_query().trim_start_matches('/').parse().unwrap_or(0);
/// #     urlfetch::Answer::new(200, seen.url.path_and_query()).after(std::time::Duration::from_millis(millis))
/// # }));
/// use urlfetch::{Client, hooks::Place};
///
/// let client = Client::new();
/// client.hooks(|hooks| {
///     hooks.add_pre(Place::Last, "token", |_, request| {
///         if !request.url.starts_with("https:") {
///             return Err("no token in plain text");
///         }
///         request.headers.push(("authorization".into(), b"Bearer secret".into()));
///         Ok(())
///     });
///     hooks.add_post_always(Place::Last, "log", |rpc, outcome| match outcome {
///         Ok(response) => println!("{}: {}", rpc.id(), response.status),
///         Err(error) => eprintln!("{}: {error}", rpc.id()),
///     });
/// });
/// client.fetch("https://example.com/")?;
/// let refused = client.fetch("http://example.com/").unwrap_err();
/// assert_eq!(refused.to_string(), "hook: no token in plain text");
/// # Ok::<_, urlfetch::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    /// Run in make-fetch-call before the call starts, with the rpc idle. One that returns an error leaves it idle.
    pub pre: HookList<PreHook>,
    /// Run once, in the first check-success, get-result or into-result, after the callback.
    pub post: HookList<PostHook>,
}

impl Hooks {
    /// Adds a pre-call hook, which may change the request. False when the key is taken.
    #[track_caller]
    pub fn add_pre<R: Outcome>(
        &mut self,
        place: impl Into<Slot>,
        key: &'static str,
        hook: impl Fn(&Rpc, &mut Request) -> R + 'static,
    ) -> bool {
        let module = Location::caller().file();
        self.pre.insert(
            place.into(),
            key,
            module,
            Rc::new(move |rpc, request| hook(rpc, request).into_result()),
        )
    }

    /// Adds a post-call hook for calls that succeed. False when the key is taken.
    #[track_caller]
    pub fn add_post<R: Outcome>(
        &mut self,
        place: impl Into<Slot>,
        key: &'static str,
        hook: impl Fn(&Rpc, &Response) -> R + 'static,
    ) -> bool {
        let module = Location::caller().file();
        let hook: PostHook = Rc::new(move |rpc, outcome| {
            outcome.map_or(Ok(()), |response| hook(rpc, response).into_result())
        });
        self.post.insert(place.into(), key, module, hook)
    }

    /// Adds a post-call hook for every call, which sees the error of one that failed. False when the key is taken.
    #[track_caller]
    pub fn add_post_always<R: Outcome>(
        &mut self,
        place: impl Into<Slot>,
        key: &'static str,
        hook: impl Fn(&Rpc, Result<&Response, &FetchError>) -> R + 'static,
    ) -> bool {
        let module = Location::caller().file();
        self.post.insert(
            place.into(),
            key,
            module,
            Rc::new(move |rpc, outcome| hook(rpc, outcome).into_result()),
        )
    }
}

/// Runs the pre-call hooks over the request.
pub(crate) fn run_pre(rpc: &Rpc, mut request: Request) -> Result<Request, Error> {
    let hooks = rpc.client.0.hooks.borrow().pre.of(rpc.service());
    for hook in hooks {
        hook(rpc, &mut request).map_err(Error::Hook)?;
    }
    Ok(request)
}

/// Runs the post-call hooks over the outcome.
pub(crate) fn run_post(rpc: &Rpc) -> Result<(), Error> {
    let hooks = rpc.client.0.hooks.borrow().post.of(rpc.service());
    if hooks.is_empty() {
        return Ok(());
    }
    // A hook may use the client, so nothing of it stays borrowed: it is shown a copy.
    let outcome = match rpc.driver().borrow().service.success(rpc.key) {
        Some(outcome) => outcome.cloned().map_err(Clone::clone),
        None => return Ok(()),
    };
    for hook in hooks {
        hook(rpc, outcome.as_ref()).map_err(Error::Hook)?;
    }
    Ok(())
}

impl core::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hooks")
            .field("pre", &self.pre)
            .field("post", &self.post)
            .finish()
    }
}

impl<H> core::fmt::Debug for HookList<H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let keys = self.hooks.iter().map(|entry| (entry.key, entry.module));
        f.debug_list().entries(keys).finish()
    }
}
