//! What a program has run before and after every call of a client. Semantics.md section 7.
//!
//! A hook of the sources is told apart by its number of parameters; here the place it is registered at says the same: a pre-call
//! hook may change or refuse the request, a post-call hook sees an answer, and one that is registered for every outcome sees
//! failures as well.
use alloc::{boxed::Box, rc::Rc, vec::Vec};
use core::panic::Location;

use urlfetch_core::{FetchError, Request, Response};

use crate::{Error, Rpc, error::Raised, rpc::Outcome};

type PreHook = Rc<dyn Fn(&Rpc, &mut Request) -> Result<(), Raised>>;
type PostHook = Rc<dyn Fn(&Rpc, Result<&Response, &FetchError>) -> Result<(), Raised>>;

/// An ordered list of hooks. A key is unique among the hooks of the source file that registers them: the module, in the source's
/// words (semantics.md 7.4).
pub struct HookList<H> {
    hooks: Vec<(&'static str, &'static str, H)>,
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

    fn insert(&mut self, place: Place, key: &'static str, module: &'static str, hook: H) -> bool {
        if self
            .hooks
            .iter()
            .any(|(other, its_module, _)| (*other, *its_module) == (key, module))
        {
            return false;
        }
        let index = match place {
            Place::First => 0,
            Place::Last => self.hooks.len(),
        };
        self.hooks.insert(index, (key, module, hook));
        true
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

/// The hooks of one client. [`Client::hooks`](crate::Client::hooks) gives access.
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
#[derive(Default)]
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
        place: Place,
        key: &'static str,
        hook: impl Fn(&Rpc, &mut Request) -> R + 'static,
    ) -> bool {
        let module = Location::caller().file();
        self.pre.insert(
            place,
            key,
            module,
            Rc::new(move |rpc, request| hook(rpc, request).into_result()),
        )
    }

    /// Adds a post-call hook for calls that succeed. False when the key is taken.
    #[track_caller]
    pub fn add_post<R: Outcome>(
        &mut self,
        place: Place,
        key: &'static str,
        hook: impl Fn(&Rpc, &Response) -> R + 'static,
    ) -> bool {
        let module = Location::caller().file();
        let hook: PostHook = Rc::new(move |rpc, outcome| {
            outcome.map_or(Ok(()), |response| hook(rpc, response).into_result())
        });
        self.post.insert(place, key, module, hook)
    }

    /// Adds a post-call hook for every call, which sees the error of one that failed. False when the key is taken.
    #[track_caller]
    pub fn add_post_always<R: Outcome>(
        &mut self,
        place: Place,
        key: &'static str,
        hook: impl Fn(&Rpc, Result<&Response, &FetchError>) -> R + 'static,
    ) -> bool {
        let module = Location::caller().file();
        self.post.insert(
            place,
            key,
            module,
            Rc::new(move |rpc, outcome| hook(rpc, outcome).into_result()),
        )
    }
}

/// Runs the pre-call hooks over the request. The list is copied first: a hook may change it, or use the client.
pub(crate) fn run_pre(rpc: &Rpc, mut request: Request) -> Result<Request, Error> {
    let hooks = copy(&rpc.client.0.hooks.borrow().pre);
    for hook in hooks {
        hook(rpc, &mut request).map_err(Error::Hook)?;
    }
    Ok(request)
}

/// Runs the post-call hooks over the outcome.
pub(crate) fn run_post(rpc: &Rpc) -> Result<(), Error> {
    let hooks = copy(&rpc.client.0.hooks.borrow().post);
    if hooks.is_empty() {
        return Ok(());
    }
    // A hook may use the client, so nothing of it stays borrowed: it is shown a copy.
    let outcome = rpc.driver().borrow().service.outcome(rpc.key).cloned();
    for hook in hooks {
        if let Some(outcome) = &outcome {
            hook(rpc, outcome.as_ref()).map_err(Error::Hook)?;
        }
    }
    Ok(())
}

fn copy<H: Clone>(list: &HookList<H>) -> Vec<H> {
    list.hooks.iter().map(|(_, _, hook)| hook.clone()).collect()
}

impl core::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let keys = |hooks: Vec<(&'static str, &'static str)>| Box::<[_]>::from(hooks);
        let pre = self
            .pre
            .hooks
            .iter()
            .map(|(key, module, _)| (*key, *module))
            .collect();
        let post = self
            .post
            .hooks
            .iter()
            .map(|(key, module, _)| (*key, *module))
            .collect();
        f.debug_struct("Hooks")
            .field("pre", &keys(pre))
            .field("post", &keys(post))
            .finish()
    }
}
