//! The resource `client`, but for what `abi.rs` exports.
use alloc::{string::String, vec::Vec};

use urlfetch::{
    CurrentRequest,
    binding::{ClientKey, Policy, driver},
};

use crate::{
    bindings::exports::urlfetch::rpc::{
        fetch::{self, GuestClient},
        types::ErrorKind,
    },
    convert::to_kind,
};

pub(crate) struct Client(pub(crate) ClientKey);

type Set = Result<(), ErrorKind>;

impl Client {
    fn set(&self, change: &mut dyn FnMut(&mut Policy) -> Result<(), urlfetch::ErrorKind>) -> Set {
        driver().set_policy(self.0, change).map_err(to_kind)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        driver().close_client(self.0);
    }
}

impl GuestClient for Client {
    fn new() -> Self {
        Self(driver().service.open_client())
    }

    fn shared() -> fetch::Client {
        let client = driver().shared_client();
        fetch::Client::new(Self(client))
    }

    fn default_deadline(&self) -> Option<f64> {
        driver().service.policy(self.0).default_deadline()
    }

    fn set_default_deadline(&self, deadline: Option<f64>) -> Set {
        self.set(&mut |policy| policy.set_default_deadline(deadline))
    }

    fn set_maximum_deadline(&self, deadline: f64) -> Set {
        self.set(&mut |policy| policy.set_maximum_deadline(deadline))
    }

    fn set_max_in_flight(&self, total: u32, per_origin: u32) -> Set {
        self.set(&mut |policy| policy.set_max_in_flight(total, per_origin))
    }

    fn set_max_redirects(&self, hops: u32) -> Set {
        self.set(&mut |policy| policy.set_max_redirects(hops))
    }

    fn set_follow_permanent_redirect(&self, follow: bool) -> Set {
        self.set(&mut |policy| {
            policy.follow_308 = follow;
            Ok(())
        })
    }

    fn set_max_response(&self, bytes: u32) -> Set {
        self.set(&mut |policy| policy.set_max_response(bytes))
    }

    fn set_url_limits(&self, max_length: u32, any_port: bool) -> Set {
        self.set(&mut |policy| policy.set_url_limits(max_length, any_port))
    }

    fn set_user_agent(&self, mut text: Option<String>) -> Set {
        self.set(&mut |policy| policy.set_user_agent(text.take()))
    }

    fn set_allowed_origins(&self, origins: Vec<String>) -> Set {
        self.set(&mut |policy| policy.set_allowed_origins(&origins))
    }

    fn set_allow_private(&self, allow: bool) -> Set {
        self.set(&mut |policy| {
            policy.allow_private = allow;
            Ok(())
        })
    }

    fn set_validate_anyway(&self, validate: bool) -> Set {
        self.set(&mut |policy| {
            policy.validate_anyway = validate;
            Ok(())
        })
    }

    fn set_current_request(&self, authority: Option<String>, path: String) -> Set {
        let serving = authority.map(|authority| CurrentRequest { authority, path });
        driver().service.set_current_request(self.0, serving);
        Ok(())
    }

    fn set_development_mode(&self, on: bool) -> Set {
        self.set(&mut |policy| {
            policy.development = on;
            Ok(())
        })
    }

    fn seal(&self) {
        driver().service.seal(self.0);
    }

    fn drain(&self) {
        driver().drain(self.0);
    }
}
