//! The resource `client`, but for what `abi.rs` exports.
use alloc::{string::String, vec::Vec};

use urlfetch::{CurrentRequest, Error, FetchError, Request, Response, Rpc};

use crate::{
    bindings::exports::urlfetch::rpc::{
        fetch::{self, GuestClient},
        types::ErrorKind,
    },
    convert::to_kind,
};

pub(crate) struct Client(pub(crate) urlfetch::Client);

type Set = Result<(), ErrorKind>;

/// An idle rpc.
pub(crate) fn create(client: &urlfetch::Client, deadline: Option<f64>) -> Result<Rpc, FetchError> {
    let rpc = client.rpc();
    match deadline {
        Some(seconds) => rpc.deadline(seconds).create(),
        None => rpc.create(),
    }
}

/// Starts a call. No hook is registered in the component, so every error is the fetch's.
pub(crate) fn start(rpc: &Rpc, request: Result<Request, FetchError>) -> Result<(), FetchError> {
    rpc.make_fetch_call(request?).map_err(|error| match error {
        Error::Fetch(error) => error,
        _ => FetchError::local(urlfetch::ErrorKind::Misuse, ""),
    })
}

/// All three steps in one.
pub(crate) fn fetch(
    client: &urlfetch::Client,
    request: Result<Request, FetchError>,
    deadline: Option<f64>,
) -> Result<Response, FetchError> {
    let rpc = create(client, deadline)?;
    start(&rpc, request)?;
    rpc.into_outcome()
}

impl GuestClient for Client {
    fn new() -> Self {
        Self(urlfetch::Client::new())
    }

    fn shared() -> fetch::Client {
        fetch::Client::new(Self(urlfetch::Client::shared()))
    }

    fn default_deadline(&self) -> Option<f64> {
        self.0.default_deadline()
    }

    fn set_default_deadline(&self, deadline: Option<f64>) -> Set {
        self.0.set_default_deadline(deadline).map_err(to_kind)
    }

    fn set_maximum_deadline(&self, deadline: f64) -> Set {
        self.0.set_maximum_deadline(deadline).map_err(to_kind)
    }

    fn set_max_in_flight(&self, total: u32, per_origin: u32) -> Set {
        self.0.set_max_in_flight(total, per_origin).map_err(to_kind)
    }

    fn set_max_redirects(&self, hops: u32) -> Set {
        self.0.set_max_redirects(hops).map_err(to_kind)
    }

    fn set_follow_308(&self, follow: bool) -> Set {
        self.0.set_follow_308(follow).map_err(to_kind)
    }

    fn set_max_response(&self, bytes: u32) -> Set {
        self.0.set_max_response(bytes).map_err(to_kind)
    }

    fn set_user_agent(&self, text: Option<String>) -> Set {
        self.0.set_user_agent(text).map_err(to_kind)
    }

    fn set_allowed_origins(&self, origins: Vec<String>) -> Set {
        self.0.set_allowed_origins(&origins).map_err(to_kind)
    }

    fn set_allow_private(&self, allow: bool) -> Set {
        self.0.set_allow_private(allow).map_err(to_kind)
    }

    fn set_validate_anyway(&self, validate: bool) -> Set {
        self.0.set_validate_anyway(validate).map_err(to_kind)
    }

    fn set_current_request(&self, authority: Option<String>, path: String) -> Set {
        self.0
            .set_current_request(authority.map(|authority| CurrentRequest { authority, path }));
        Ok(())
    }

    fn set_development_mode(&self, on: bool) -> Set {
        self.0.set_development_mode(on).map_err(to_kind)
    }

    fn seal(&self) {
        self.0.seal();
    }

    fn drain(&self) {
        self.0.drain();
    }
}
