//! The file: made when it is needed, kept over the end of a process, owned by one, and honest when the disk is not.

use super::super::moment::Moment;
use super::super::table;
use super::super::table::{Enqueued, Found};
use super::super::task::NewTask;
use super::*;
use std::fs;
use std::sync::atomic::AtomicU64;

const QUEUE: &str = "projects/p/locations/l/queues/default";

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("urlfetch-tasks-{}-{next}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Folder(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("deeper").join("tasks.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn wish(body: usize) -> NewTask {
    let body = format!(
        r#"{{"httpRequest": {{"url": "http://a.test/{}"}}}}"#,
        "x".repeat(body)
    );
    let fields = super::super::fields::Fields::of_body(body.as_bytes()).unwrap();
    NewTask::read(fields, QUEUE, Moment(0)).unwrap()
}

async fn enqueue(store: &Store, id: &str) -> std::result::Result<Enqueued, StoreError> {
    let (id, new) = (id.to_owned(), wish(1_000));
    store
        .promise(move |tx| table::enqueue(tx, QUEUE, id, new, Moment(0)))
        .await
}

async fn find(store: &Store, id: &'static str) -> Found<super::super::task::Task> {
    store
        .look(move |tx| table::task(tx, QUEUE, id, Moment(0)))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_store_that_nobody_used_leaves_no_file() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    assert_eq!(find(&store, "a").await, Found::Never);
    assert!(!folder.file().exists() && !store.is_open());
    enqueue(&store, "a").await.unwrap();
    assert!(folder.file().exists() && store.is_open());
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_on_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    enqueue(&store, "a").await.unwrap();
    let files = fs::read_dir(folder.file().parent().unwrap()).unwrap();
    let modes: Vec<_> = files
        .map(|file| file.unwrap())
        .map(|file| {
            (
                file.file_name(),
                file.metadata().unwrap().permissions().mode() & 0o777,
            )
        })
        .collect();
    // The database and its log.
    assert!(
        modes.len() > 1 && modes.iter().all(|(_, mode)| *mode == 0o600),
        "{modes:?}"
    );
}

#[tokio::test]
async fn what_was_promised_is_there_when_the_file_is_opened_again() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    enqueue(&store, "a").await.unwrap();
    drop(store);
    // The thread closes the file a moment later.
    let store = loop {
        match Store::open(folder.file()) {
            Ok(store) => break store,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(matches!(find(&store, "a").await, Found::There(_)));
}

#[tokio::test]
async fn a_file_belongs_to_one_who_opened_it() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    enqueue(&store, "a").await.unwrap();
    let error = Store::open(folder.file()).unwrap_err().to_string();
    assert!(
        error.contains("tasks.db': is in use by another process"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let folder = Folder::new();
    fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
    fs::write(folder.file(), "x".repeat(5_000)).unwrap();
    let error = Store::open(folder.file()).unwrap_err().to_string();
    assert!(
        error.contains("tasks.db") && error.contains("is no file of tasks"),
        "{error}"
    );
}

#[tokio::test]
async fn one_of_many_who_want_a_name_gets_it() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    let wishes: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { enqueue(&store, "same").await.unwrap() })
        })
        .collect();
    let mut created = 0;
    for wish in wishes {
        created += usize::from(matches!(wish.await.unwrap(), Enqueued::Created(_)));
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn a_full_disk_is_said_and_costs_nothing_that_was_promised() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    enqueue(&store, "before").await.unwrap();
    let full =
        |pages: i64| store.note(move |tx| tx.once(&format!("PRAGMA max_page_count = {pages}")));
    full(1).await.unwrap();
    let mut refused = None;
    for n in 0..100 {
        if let Err(error) = enqueue(&store, &format!("t{n}")).await {
            refused = Some((n, error.to_string()));
            break;
        }
    }
    let (n, error) = refused.expect("the disk is full");
    assert!(error.contains("full"), "{error}");
    full(1_000_000).await.unwrap();
    let id: &'static str = format!("t{n}").leak();
    assert_eq!(find(&store, id).await, Found::Never);
    assert!(matches!(find(&store, "before").await, Found::There(_)));
    assert!(matches!(
        enqueue(&store, id).await,
        Ok(Enqueued::Created(_))
    ));
}

#[tokio::test]
async fn a_disk_that_fails_is_not_trusted_again() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    enqueue(&store, "a").await.unwrap();
    let failure = || {
        rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
            None,
        )
    };
    let failed = store.promise(move |_| Err::<(), _>(failure().into())).await;
    assert!(failed.is_err());
    let error = enqueue(&store, "b").await.unwrap_err().to_string();
    assert!(error.contains("until it is started again"), "{error}");
}

#[tokio::test]
async fn a_file_of_the_version_before_is_brought_up_to_date() {
    let folder = Folder::new();
    let store = Store::open(folder.file()).unwrap();
    assert!(matches!(
        enqueue(&store, "old").await,
        Ok(Enqueued::Created(_))
    ));
    drop(store);
    // Its thread closes the file when it has seen that nobody is left.
    let connection = loop {
        let connection = rusqlite::Connection::open(folder.file()).unwrap();
        let changed = connection
            .execute_batch("ALTER TABLE requests DROP COLUMN oidc; PRAGMA user_version = 1;");
        if changed.is_ok() {
            break connection;
        }
        tokio::task::yield_now().await;
    };
    drop(connection);
    let store = Store::open(folder.file()).unwrap();
    assert!(matches!(find(&store, "old").await, Found::There(_)));
    let mut new = wish(1);
    let oidc = super::super::task::OidcWish {
        email: "a@b.test".into(),
        audience: None,
    };
    new.request.oidc = Some(oidc.clone());
    store
        .promise(move |tx| table::enqueue(tx, QUEUE, "new".into(), new, Moment(0)))
        .await
        .unwrap();
    let Found::There(task) = find(&store, "new").await else {
        panic!("it was made");
    };
    assert_eq!(task.request.oidc, Some(oidc));
}
