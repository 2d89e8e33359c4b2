//! `urlfetch:deferred/deliveries`: what comes back, checked.
use std::time::SystemTime;

use urlfetch_deferred::{self as deferred, Forgery, Keys, Task};

use crate::{
    Component,
    bindings::exports::urlfetch::deferred::{
        deliveries::{Delivery as Handle, Guest, GuestDelivery},
        types::{Headers, Instant, Refusal, RefusalKind},
    },
    tasks::instant,
};

/// A task that was believed.
pub(crate) struct Delivery(Task);

impl GuestDelivery for Delivery {
    fn queue(&self) -> String {
        self.0.queue().to_owned()
    }

    fn name(&self) -> String {
        self.0.name().to_owned()
    }

    fn retry_count(&self) -> Option<u32> {
        self.0.retry_count()
    }

    fn eta(&self) -> Option<Instant> {
        self.0.eta().map(instant)
    }

    fn body(&self) -> Vec<u8> {
        self.0.body().to_vec()
    }

    fn into_body(delivery: Handle) -> Vec<u8> {
        delivery.into_inner::<Self>().0.into_body()
    }
}

impl Guest for Component {
    type Delivery = Delivery;

    fn check(
        method: String,
        path_with_query: String,
        headers: Headers,
        body: Vec<u8>,
    ) -> Result<Handle, Refusal> {
        let delivery = deferred::Delivery::new(method, path_with_query, headers, body);
        let keys = Keys::from_env().map_err(|error| Refusal {
            kind: RefusalKind::Settings,
            detail: error.to_string(),
        })?;
        let task = keys.check_delivery(&delivery, SystemTime::now())?;
        Ok(Handle::new(Delivery(task)))
    }
}

impl From<Forgery> for Refusal {
    fn from(forgery: Forgery) -> Self {
        let kind = match forgery {
            Forgery::Header(_) => RefusalKind::Header,
            Forgery::UnknownKey => RefusalKind::UnknownKey,
            Forgery::Signature => RefusalKind::Signature,
            Forgery::Expired => RefusalKind::Expired,
            _ => RefusalKind::Malformed,
        };
        Self {
            kind,
            detail: forgery.to_string(),
        }
    }
}
