//! What everyone in an instance shares: one driver over its transport, and one client.
use alloc::rc::Rc;
use core::cell::RefCell;
#[cfg(target_family = "wasm")]
use core::cell::RefMut;

use crate::{Client, awaiting::DriverCell, transport::Transport};

#[derive(Default)]
struct Shared {
    driver: Option<Rc<DriverCell>>,
    client: Option<Client>,
}

#[cfg(feature = "std")]
fn with<T>(act: impl FnOnce(&mut Shared) -> T) -> T {
    std::thread_local! {
        static SHARED: RefCell<Shared> = RefCell::default();
    }
    SHARED.with_borrow_mut(act)
}

#[cfg(not(feature = "std"))]
fn with<T>(act: impl FnOnce(&mut Shared) -> T) -> T {
    static SHARED: OneThread<Shared> = OneThread::new(Shared {
        driver: None,
        client: None,
    });
    act(&mut SHARED.borrow_mut())
}

/// A static of a component.
#[cfg(target_family = "wasm")]
pub(crate) struct OneThread<T>(RefCell<T>);

// SAFETY: a component has one thread.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "a static that is not Sync")]
unsafe impl<T> Sync for OneThread<T> {}

#[cfg(target_family = "wasm")]
impl<T> OneThread<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    pub(crate) fn borrow_mut(&self) -> RefMut<'_, T> {
        self.0.borrow_mut()
    }
}

#[cfg(not(any(feature = "std", target_family = "wasm")))]
compile_error!("outside WebAssembly the crate urlfetch needs its feature `std`");

fn new_driver(transport: impl Transport + 'static) -> Rc<DriverCell> {
    Rc::new(DriverCell::new(alloc::boxed::Box::new(transport)))
}

/// The driver over wasi:http, or over what was installed.
pub(crate) fn driver() -> Rc<DriverCell> {
    with(|shared| {
        #[cfg(target_family = "wasm")]
        let transport = crate::p2::Wasi::new;
        #[cfg(not(target_family = "wasm"))]
        let transport = crate::Scripted::without_network;
        Rc::clone(shared.driver.get_or_insert_with(|| new_driver(transport())))
    })
}

/// The client that everyone shares.
pub(crate) fn client() -> Client {
    if let Some(client) = with(|shared| shared.client.clone()) {
        return client;
    }
    let client = Client::over(driver());
    with(|shared| shared.client.insert(client).clone())
}

/// Has this instance, or outside WebAssembly this thread, fetch over another transport from now on: a [`Scripted`](crate::Scripted)
/// one, so that a program's own tests need no network. Clients and rpcs that exist keep theirs.
pub fn install(transport: impl Transport + 'static) {
    let before = with(|shared| {
        (
            shared.driver.replace(new_driver(transport)),
            shared.client.take(),
        )
    });
    // Dropped outside: a client's own drop may come back here.
    drop(before);
}
