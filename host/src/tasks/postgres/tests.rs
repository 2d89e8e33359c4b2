//! What hosts that share a database owe each other, and what becomes of them when it goes away. What one host does is the suite of both
//! stores: `place` says how.

use super::super::attempts::{Claimed, Fate, Outcome, claim, finish};
use super::super::fields::Fields;
use super::super::place::database::Database as Server;
use super::super::place::{connected, server};
use super::super::policy::RateLimits;
use super::super::queue::Queue;
use super::super::queues;
use super::super::shared::{Together, take_back, take_over};
use super::super::store::Store;
use super::super::table::{self, Enqueued};
use super::super::task::NewTask;
use super::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

const QUEUE: &str = "projects/p/locations/l/queues/default";

/// The URL of a database that no other test has, where PostgreSQL is installed.
fn database() -> Option<String> {
    static NEXT: AtomicUsize = AtomicUsize::new(1_000_000);
    server::database(NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn enqueue(store: &Store, id: &str) -> std::result::Result<Enqueued, StoreError> {
    let task = serde_json::json!({"httpRequest": {"url": "http://a.test/"}}).to_string();
    let now = store.now().await?;
    let new = NewTask::read(Fields::of_body(task.as_bytes()).unwrap(), QUEUE, now).unwrap();
    let id = id.to_owned();
    store
        .promise(move |tx| table::enqueue(tx, QUEUE, id, new, now))
        .await
}

async fn claimed(store: &Store) -> Vec<Claimed> {
    let claims = store.note(|tx| claim(tx, &mut Together::new(tx.now()), 100, tx.now()));
    claims.await.unwrap().tasks
}

async fn limited(store: &Store, limits: RateLimits) {
    let made = store.promise(move |tx| {
        let mut queue = Queue::ordinary(QUEUE.into());
        queue.limits = limits;
        queues::create(tx, &queue, tx.now())
    });
    assert_eq!(made.await, Ok(Some(true)));
}

#[tokio::test]
async fn what_one_host_was_given_another_delivers_and_only_once() {
    let Some(url) = database() else {
        return;
    };
    let (one, other) = (connected(&url).unwrap(), connected(&url).unwrap());
    for n in 0..20 {
        enqueue(&one, &format!("t{n}")).await.unwrap();
    }
    let mut ids = Vec::new();
    // Whoever finds the other at it takes nothing and comes again.
    while ids.len() < 20 {
        let (some, more) = tokio::join!(claimed(&one), claimed(&other));
        ids.extend(some.into_iter().chain(more).map(|claimed| claimed.task.id));
    }
    let different: HashSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (20, 20));
}

#[tokio::test]
async fn one_of_many_who_want_a_name_of_two_hosts_gets_it() {
    let Some(url) = database() else {
        return;
    };
    let hosts = [connected(&url).unwrap(), connected(&url).unwrap()];
    let wishes: Vec<_> = (0..64)
        .map(|n| {
            let store = hosts[n % 2].clone();
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
async fn a_dead_host_s_tasks_are_another_s_and_its_late_answer_changes_nothing() {
    let Some(url) = database() else {
        return;
    };
    let other = connected(&url).unwrap();
    let one = connected(&url).unwrap();
    enqueue(&one, "t").await.unwrap();
    let first = claimed(&one).await;
    assert_eq!(first.len(), 1);
    let taken = other.note(|tx| take_over(tx, tx.now())).await;
    assert_eq!(taken, Ok(0), "its owner lives");
    drop(one);
    // Its lock goes with its connection.
    while other.note(|tx| take_over(tx, tx.now())).await != Ok(1) {}
    let second = loop {
        if let [claimed] = &claimed(&other).await[..] {
            break claimed.clone();
        }
    };
    assert_eq!((second.task.dispatches, second.previous), (2, None));
    let key = second.key;
    let late = other.note(move |tx| finish(tx, key, 1, Outcome::Answered(200, 0), tx.now()));
    assert_eq!(late.await, Ok(Fate::Stale));
    let right = other.note(move |tx| finish(tx, key, 2, Outcome::Answered(200, 0), tx.now()));
    assert_eq!(right.await, Ok(Fate::Done));
}

#[tokio::test]
async fn a_lease_that_is_over_is_anybody_s() {
    let Some(url) = database() else {
        return;
    };
    let (one, other) = (connected(&url).unwrap(), connected(&url).unwrap());
    enqueue(&one, "t").await.unwrap();
    let deadline = claimed(&one).await[0].task.deadline;
    let over = other.note(move |tx| {
        let early = take_over(tx, tx.now().plus(deadline))?;
        Ok((early, take_over(tx, tx.now().plus(deadline + 31_000_000))?))
    });
    assert_eq!(over.await, Ok((0, 1)));
}

#[tokio::test]
async fn what_a_host_does_not_know_that_it_claimed_is_taken_back() {
    let Some(url) = database() else {
        return;
    };
    let store = connected(&url).unwrap();
    for id in ["known", "unknown"] {
        enqueue(&store, id).await.unwrap();
    }
    let known = claimed(&store).await;
    let known: HashSet<_> = known
        .iter()
        .filter(|claimed| claimed.task.id == "known")
        .map(|claimed| claimed.key)
        .collect();
    let taken = store.note(move |tx| take_back(tx, &known, tx.now()));
    assert_eq!(taken.await, Ok(1));
}

#[tokio::test]
async fn hosts_keep_to_the_rate_and_to_the_concurrency_of_a_queue_together() {
    let Some(url) = database() else {
        return;
    };
    let (one, other) = (connected(&url).unwrap(), connected(&url).unwrap());
    let limits = RateLimits {
        // A token in a day.
        rate: 0.00001,
        burst: 6,
        concurrent: 4,
    };
    limited(&one, limits).await;
    for n in 0..20 {
        enqueue(&one, &format!("t{n}")).await.unwrap();
    }
    let running: Vec<_> = [claimed(&one).await, claimed(&other).await].concat();
    assert_eq!(running.len(), 4);
    for claimed in running {
        let done =
            other.note(move |tx| finish(tx, claimed.key, 1, Outcome::Answered(200, 0), tx.now()));
        assert_eq!(done.await, Ok(Fate::Done));
    }
    // Two tokens are left.
    let more: Vec<_> = [claimed(&other).await, claimed(&one).await].concat();
    assert_eq!(more.len(), 2);
}

#[tokio::test]
async fn a_queue_goes_on_when_the_database_s_clock_is_set_back() {
    let Some(url) = database() else {
        return;
    };
    let store = connected(&url).unwrap();
    let limits = RateLimits {
        rate: 1.0,
        burst: 1,
        concurrent: 10,
    };
    limited(&store, limits).await;
    for id in ["a", "b"] {
        enqueue(&store, id).await.unwrap();
    }
    let day = 24 * 3_600_000_000;
    let counts = store.note(move |tx| {
        let ahead = tx.now().plus(day);
        let claimed =
            |now| claim(tx, &mut Together::new(now), 100, now).map(|claims| claims.tasks.len());
        let first = claimed(ahead)?;
        Ok((
            first,
            claimed(tx.now())?,
            claimed(tx.now().plus(1_000_000))?,
        ))
    });
    // The bucket was emptied tomorrow; what drips into it from now on is there.
    assert_eq!(counts.await, Ok((1, 0, 1)));
}

#[tokio::test]
async fn a_database_that_crashes_costs_nothing_that_was_promised() {
    if Server::programs().is_none() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("urlfetch-pg-crash-{}", std::process::id()));
    let mut database = Server::start(&folder, &[]).unwrap();
    let store = connected(&database.url("postgres")).unwrap();
    assert!(matches!(
        enqueue(&store, "before").await,
        Ok(Enqueued::Created(_))
    ));
    database.crash().unwrap();
    let error = enqueue(&store, "meanwhile").await.unwrap_err();
    assert!(!error.to_string().is_empty());
    database.resume().unwrap();
    // It has said that it is ready.
    assert!(matches!(
        enqueue(&store, "after").await,
        Ok(Enqueued::Created(_))
    ));
    assert_eq!(enqueue(&store, "before").await, Ok(Enqueued::Exists));
    // The host is known to live as soon as its own connection is there again.
    let mut ids = HashSet::new();
    while ids.len() < 2 {
        ids.extend(
            claimed(&store)
                .await
                .into_iter()
                .map(|claimed| claimed.task.id),
        );
    }
    assert_eq!(
        ids,
        HashSet::from(["before".to_owned(), "after".to_owned()])
    );
}

#[test]
fn a_url_that_leads_nowhere_is_refused_without_its_password() {
    for url in [
        "postgres://u:secret@127.0.0.1:1/x",
        "postgres://u:secret@/x?sslmode=maybe",
        "postgres://u:secret@a:b:c/x",
    ] {
        let error = connected(url).unwrap_err().to_string();
        assert!(
            !error.contains("secret") && !error.contains('\n'),
            "{error}"
        );
    }
}

#[test]
fn tables_of_a_later_version_are_left_alone() {
    let Some(url) = database() else {
        return;
    };
    drop(connected(&url).unwrap());
    let tls = crate::sender::tls::client_config(&[]).unwrap();
    let wire = super::connect(&Address::parse(&url, tls).unwrap()).unwrap();
    wire.ask("UPDATE urlfetch_tasks.version SET version = 7")
        .unwrap();
    let error = connected(&url).unwrap_err().to_string();
    assert!(error.contains("of version 7"), "{error}");
}
