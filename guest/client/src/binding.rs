//! For bindings, of which the component is one: rpcs and clients by their keys, without closures, hooks and futures. Whoever binds
//! another language keeps those on its own side, and must drop what it creates.
//!
//! ```
//! use urlfetch::{Answer, Request, Scripted, binding::{Driver, Waited}};
//!
//! let origins = Scripted::new().rule(|_| true, |_| Answer::new(200, "hello"));
//! let mut driver = Driver::over(origins);
//! let client = driver.shared_client();
//! let rpc = driver.service.create_rpc(client, Some(2.5))?;
//! driver.make_fetch_call(rpc, Request::new("https://example.com/"))?;
//! assert_eq!(driver.wait_any(&[rpc], None, true)?, Waited::Finished(0));
//! assert!(driver.service.take_callback_due(rpc), "now is the time to call back");
//! assert_eq!(driver.outcome(rpc)?.content, b"hello");
//! driver.drop_rpc(rpc);
//! # Ok::<_, urlfetch::FetchError>(())
//! ```
pub use crate::driver::{Driver, Turned, Waited};
pub use urlfetch_core::{Call, ClientKey, Policy, RpcKey, Service};

use crate::{driver::Nobody, transport::Transport};

impl<T: Transport> Driver<T> {
    /// A driver over a transport of its own.
    pub const fn over(transport: T) -> Self {
        Self::new(transport, Nobody)
    }
}

/// The driver of this instance, over wasi:http.
#[cfg(target_family = "wasm")]
pub fn driver() -> core::cell::RefMut<'static, Driver<crate::p2::Wasi>> {
    use crate::{p2::Wasi, shared::OneThread};

    static DRIVER: OneThread<Driver<Wasi>> = OneThread::new(Driver::over(Wasi::new()));
    DRIVER.borrow_mut()
}
