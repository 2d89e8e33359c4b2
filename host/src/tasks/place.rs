//! Where tests keep tasks: each in a file of its own, or with URLFETCH_STORE=postgres each in a PostgreSQL database of its own. So one
//! suite is for both.

#[path = "../../../tests/src/database.rs"]
#[allow(unreachable_pub)]
pub(super) mod database;

use super::sql::Tx;
use super::store::{Store, StoreError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store, and where it is.
pub(super) struct Place {
    pub(super) store: Store,
    folder: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("urlfetch-place-{}-{next}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        if std::env::var_os("URLFETCH_STORE").is_some_and(|store| store == "postgres") {
            let store =
                connected(&server::database(next).expect("PostgreSQL is installed")).unwrap();
            return Place { store, folder };
        }
        let store = Store::open(folder.join("tasks.db")).unwrap();
        Place { store, folder }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A store in the database of this URL.
pub(super) fn connected(url: &str) -> Result<Store, StoreError> {
    let tls = crate::sender::tls::client_config(&[]).unwrap();
    Store::connect(url, tls).map(|(store, _)| store)
}

/// Plays a test in a transaction of a new store.
pub(super) fn in_transaction(test: impl FnOnce(&Tx<'_>) + Send + 'static) {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let played = place.store.promise(move |tx| {
        test(tx);
        Ok(())
    });
    runtime.block_on(played).expect("the test has said why");
}

/// The server that all tests of a process share.
pub(super) mod server {
    use super::database::Database;
    use std::sync::LazyLock;

    static SERVER: LazyLock<Option<Database>> = LazyLock::new(|| {
        Database::programs()?;
        let folder = std::env::temp_dir().join(format!("urlfetch-pg-{}", std::process::id()));
        Some(Database::start(&folder, &["fsync=off"]).unwrap())
    });

    /// The URL of a new database. None where PostgreSQL is not installed: then there is nothing to say of it.
    pub(in super::super) fn database(number: usize) -> Option<String> {
        let server = SERVER.as_ref()?;
        let name = format!("test{number}");
        server.make(&name).unwrap();
        Some(server.url(&name))
    }
}
