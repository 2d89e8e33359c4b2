//! The resource `client`.
use alloc::{string::String, vec::Vec};

use urlfetch::{CurrentRequest, Error};

use crate::{
    bindings::exports::urlfetch::rpc::{
        fetch::{self, GuestClient},
        types::{ErrorKind, FetchError, Request, Response},
    },
    convert::{from_request, to_error, to_kind, to_response},
    rpc::Rpc,
};

pub(crate) struct Client(pub(crate) urlfetch::Client);

type Set = Result<(), ErrorKind>;

impl Client {
    fn create(&self, deadline: Option<f64>) -> Result<urlfetch::Rpc, urlfetch::FetchError> {
        let rpc = self.0.rpc();
        match deadline {
            Some(seconds) => rpc.deadline(seconds).create(),
            None => rpc.create(),
        }
    }
}

impl GuestClient for Client {
    fn new() -> Self {
        Self(urlfetch::Client::new())
    }

    fn shared() -> fetch::Client {
        fetch::Client::new(Self(urlfetch::Client::shared()))
    }

    fn create_rpc(&self, deadline: Option<f64>) -> Result<fetch::Rpc, FetchError> {
        self.create(deadline)
            .map(|rpc| fetch::Rpc::new(Rpc(rpc)))
            .map_err(to_error)
    }

    fn fetch(&self, request: Request, deadline: Option<f64>) -> Result<Response, FetchError> {
        let fetch = || {
            let rpc = self.create(deadline)?;
            start(&rpc, request)?;
            rpc.into_outcome()
        };
        fetch().map(to_response).map_err(to_error)
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

/// Starts a call. No hook is registered in the component, so every error is the fetch's.
pub(crate) fn start(rpc: &urlfetch::Rpc, request: Request) -> Result<(), urlfetch::FetchError> {
    let started = rpc.make_fetch_call(from_request(request)?);
    started.map_err(|error| match error {
        Error::Fetch(error) => error,
        _ => urlfetch::FetchError::local(urlfetch::ErrorKind::Misuse, ""),
    })
}
