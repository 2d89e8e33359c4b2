//! What every story begins with: a client over origins whose path says how they answer, and a list of what happened.
#![allow(dead_code, reason = "each story uses some of it")]
use std::{cell::RefCell, rc::Rc, time::Duration};

use urlfetch::{
    Client, Rpc,
    scripted::{Answer, Scripted, Seen},
    transport::FailureCode,
};

/// `/N` answers after N milliseconds, with its own path as content; `/fail` breaks off, `/silent` never answers, `/to/X`
/// redirects to `/X`.
pub(crate) fn origins() -> Scripted {
    Scripted::new().rule(|_| true, answer)
}

fn answer(seen: &Seen) -> Answer {
    let path = seen.url.path_and_query();
    if let Some(target) = path.strip_prefix("/to/") {
        return Answer::redirect(302, &format!("/{target}"));
    }
    match path {
        "/fail" => Answer::failure(FailureCode::ConnectionTerminated),
        "/silent" => Answer::silence(),
        _ => {
            let millis = path.trim_start_matches('/').parse().unwrap_or(0);
            Answer::new(200, path).after(Duration::from_millis(millis))
        }
    }
}

/// A client over [`origins`].
pub(crate) fn client() -> Client {
    Client::with_transport(origins())
}

/// Where the origin answers so.
pub(crate) fn url(path: &str) -> String {
    format!("https://example.com/{path}")
}

/// A started rpc whose callback notes the path.
pub(crate) fn noting(client: &Client, path: &'static str, notes: &Notes) -> Rpc {
    let notes = notes.clone();
    client
        .rpc()
        .callback(move |_| notes.add(path))
        .fetch(url(path))
        .unwrap()
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Notes(Rc<RefCell<Vec<String>>>);

impl Notes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// All of it, and from now on nothing of it.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// An error of the program's own.
#[derive(Debug)]
pub(crate) struct Boom(pub(crate) &'static str);

impl std::fmt::Display for Boom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Boom {}
