//! What the verbs do to tasks, attempt by attempt, at times that are said.

use super::super::moment::SECOND;
use super::super::policy::{QUEUE_TOMBSTONE, TOMBSTONE};
use super::super::queue::Queue;
use super::super::queues;
use super::super::table::{Enqueued, Found, create, delete, enqueue, force, task, tasks};
use super::super::task::NewTask;
use super::*;
use rusqlite::Connection;
use serde_json::{Value, json};

const QUEUE: &str = "projects/p/locations/l/queues/default";
const NOW: Moment = Moment(1_795_176_000 * SECOND);

struct Everything;

impl Allowance for Everything {
    fn of(&mut self, _: i64, _: &RateLimits) -> usize {
        usize::MAX
    }
}

fn connection() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    create(&connection).unwrap();
    connection
}

fn new(task: Value) -> NewTask {
    let mut task = task;
    if task.get("httpRequest").is_none() {
        task["httpRequest"] = json!({"url": "http://a.test/", "body": "eA=="});
    }
    let fields = super::super::fields::Fields::of_body(task.to_string().as_bytes()).unwrap();
    NewTask::read(fields, QUEUE, NOW).unwrap()
}

fn named(id: &str) -> NewTask {
    new(json!({"name": format!("{QUEUE}/tasks/{id}")}))
}

fn put(tx: &Transaction<'_>, task: NewTask, now: Moment) -> Enqueued {
    enqueue(tx, QUEUE, "made-up".into(), task, now).unwrap()
}

fn claimed(tx: &Transaction<'_>, now: Moment) -> Vec<Claimed> {
    claim(tx, &mut Everything, 100, now).unwrap().tasks
}

#[test]
fn a_task_is_claimed_when_it_is_due_and_not_before() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    let due = NOW.plus(60 * SECOND);
    put(&tx, new(json!({"scheduleTime": due.text()})), NOW);
    let claims = claim(&tx, &mut Everything, 100, due.plus(-1)).unwrap();
    assert_eq!((claims.tasks.len(), claims.next), (0, Some(due)));
    let claims = claim(&tx, &mut Everything, 100, due).unwrap();
    let [claimed] = &claims.tasks[..] else {
        panic!("{claims:?}");
    };
    assert_eq!(
        (
            claimed.task.dispatches,
            claimed.task.first,
            &claimed.task.request.body[..]
        ),
        (1, Some(due), &b"x"[..])
    );
    // And by nobody else.
    assert_eq!(
        claim(&tx, &mut Everything, 100, due).unwrap(),
        Claims::default()
    );
}

#[test]
fn the_earliest_goes_first() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    for (id, seconds) in [("c", 3), ("a", 1), ("b", 2)] {
        let mut task = named(id);
        task.due = NOW.plus(seconds * SECOND);
        put(&tx, task, NOW);
    }
    let ids: Vec<_> = claimed(&tx, NOW.plus(9 * SECOND))
        .into_iter()
        .map(|claimed| claimed.task.id)
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn a_success_deletes_the_task_and_keeps_its_name_for_a_day() {
    // DEF-13, DEF-33, TQ-12, CTK-14.
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    assert!(matches!(put(&tx, named("a"), NOW), Enqueued::Created(_)));
    assert_eq!(put(&tx, named("a"), NOW), Enqueued::Exists);
    let claimed = claimed(&tx, NOW);
    let fate = finish(&tx, claimed[0].key, 1, Outcome::Answered(204, 0), NOW).unwrap();
    assert_eq!(
        (fate, task(&tx, QUEUE, "a", NOW).unwrap()),
        (Fate::Done, Found::Gone)
    );
    let later = NOW.plus(TOMBSTONE);
    assert_eq!(put(&tx, named("a"), later.plus(-1)), Enqueued::Exists);
    assert!(matches!(put(&tx, named("a"), later), Enqueued::Created(_)));
}

#[test]
fn failures_are_tried_again_by_the_curve_and_given_up_by_the_limits() {
    // TQ-03, TQ-04, CTK-20.
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    let retry =
        json!({"minBackoff": "10s", "maxBackoff": "300s", "maxDoublings": 3, "maxAttempts": 9});
    put(&tx, new(json!({"retryConfig": retry})), NOW);
    let mut now = NOW;
    for wait in [10, 20, 40, 80, 160, 240, 300, 300] {
        let claimed = claimed(&tx, now);
        let fate = finish(
            &tx,
            claimed[0].key,
            claimed[0].task.dispatches,
            Outcome::Answered(500, 0),
            now,
        )
        .unwrap();
        let due = now.plus(wait * SECOND);
        assert_eq!(fate, Fate::Retried(due));
        assert_eq!(
            claim(&tx, &mut Everything, 9, due.plus(-1)).unwrap().next,
            Some(due)
        );
        now = due;
    }
    let claimed = claimed(&tx, now);
    let fate = finish(&tx, claimed[0].key, 9, Outcome::Answered(500, 0), now).unwrap();
    assert_eq!(
        (fate, task(&tx, QUEUE, "made-up", now).unwrap()),
        (Fate::GivenUp, Found::Gone)
    );
}

#[test]
fn answers_are_counted_as_the_service_counts_them() {
    // CTK-10: 503, 404, 429, 500, 302 are 0, 0, 1, 2, 2, 3 executions before each attempt.
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    put(&tx, named("a"), NOW);
    let mut now = NOW;
    let mut seen = Vec::new();
    for outcome in [503, 404, 429, 500, 302]
        .map(|status| Outcome::Answered(status, 0))
        .into_iter()
        .chain([Outcome::TimedOut, Outcome::Unanswered])
    {
        let claimed = claimed(&tx, now);
        seen.push((
            claimed[0].task.dispatches - 1,
            claimed[0].executions,
            claimed[0].previous,
        ));
        let Fate::Retried(due) = finish(
            &tx,
            claimed[0].key,
            claimed[0].task.dispatches,
            outcome,
            now,
        )
        .unwrap() else {
            panic!("retried");
        };
        now = due;
    }
    let expected = [
        (0, 0, None),
        (1, 0, Some(503)),
        (2, 1, Some(404)),
        (3, 2, Some(429)),
        (4, 2, Some(500)),
        (5, 3, Some(302)),
        (6, 3, Some(504)),
    ];
    assert_eq!(seen, expected);
    let Found::There(task) = task(&tx, QUEUE, "a", now).unwrap() else {
        panic!("there");
    };
    assert_eq!(
        (task.dispatches, task.responses, task.last.unwrap().status),
        (7, 5, None)
    );
}

#[test]
fn an_answer_that_asks_to_wait_is_heeded_beyond_the_curve() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    put(&tx, named("a"), NOW);
    let claimed = claimed(&tx, NOW);
    let fate = finish(
        &tx,
        claimed[0].key,
        1,
        Outcome::Answered(503, 7 * SECOND),
        NOW,
    )
    .unwrap();
    assert_eq!(fate, Fate::Retried(NOW.plus(7 * SECOND)));
}

#[test]
fn a_late_answer_changes_nothing() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    put(&tx, named("a"), NOW);
    let first = claimed(&tx, NOW);
    let key = first[0].key;
    finish(&tx, key, 1, Outcome::Unanswered, NOW).unwrap();
    let later = NOW.plus(3_600 * SECOND);
    let second = claimed(&tx, later);
    assert_eq!(second[0].task.dispatches, 2);
    assert_eq!(
        finish(&tx, key, 1, Outcome::Answered(200, 0), later).unwrap(),
        Fate::Stale
    );
    assert!(matches!(
        task(&tx, QUEUE, "a", later).unwrap(),
        Found::There(_)
    ));
    // Nor that of one which was deleted meanwhile; its key is no other's.
    delete(&tx, QUEUE, "a", later).unwrap();
    put(&tx, named("b"), later);
    let third = claimed(&tx, later);
    assert_ne!(third[0].key, key);
    assert_eq!(
        finish(&tx, key, 2, Outcome::Answered(200, 0), later).unwrap(),
        Fate::Stale
    );
}

#[test]
fn what_ran_when_the_process_ended_counts_and_waits() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    let retry = json!({"maxAttempts": 2});
    put(&tx, new(json!({"retryConfig": retry})), NOW);
    claimed(&tx, NOW);
    assert_eq!(recover(&tx, NOW).unwrap(), 1);
    assert_eq!(claimed(&tx, NOW.plus(99_999)), []);
    let again = claimed(&tx, NOW.plus(100_000));
    assert_eq!((again[0].task.dispatches, again[0].previous), (2, None));
    // One that ends its host whenever it runs is given up like any other.
    assert_eq!(recover(&tx, NOW.plus(SECOND)).unwrap(), 1);
    assert_eq!(
        task(&tx, QUEUE, "made-up", NOW.plus(SECOND)).unwrap(),
        Found::Gone
    );
}

#[test]
fn a_paused_queue_gives_nothing_but_what_is_run_by_hand() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    for id in ["a", "b"] {
        put(&tx, named(id), NOW);
    }
    let mut paused = queues::find(&tx, QUEUE).unwrap().unwrap();
    paused.paused = true;
    queues::change(&tx, &paused).unwrap();
    assert_eq!(claimed(&tx, NOW), []);
    assert!(matches!(
        force(&tx, QUEUE, "b", NOW).unwrap(),
        Found::There(_)
    ));
    let ran = claimed(&tx, NOW);
    assert_eq!((ran.len(), ran[0].task.id.as_str()), (1, "b"));
    // When that fails it waits like the others.
    finish(&tx, ran[0].key, 1, Outcome::Unanswered, NOW).unwrap();
    assert_eq!(claimed(&tx, NOW.plus(3_600 * SECOND)), []);
}

#[test]
fn a_task_is_run_by_hand_before_it_is_due() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    put(
        &tx,
        new(json!({"scheduleTime": NOW.plus(60 * SECOND).text()})),
        NOW,
    );
    force(&tx, QUEUE, "made-up", NOW).unwrap();
    assert_eq!(claimed(&tx, NOW).len(), 1);
}

#[test]
fn a_queue_that_was_emptied_or_deleted_says_so() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    put(&tx, named("a"), NOW);
    put(&tx, named("b"), NOW);
    assert_eq!(
        queues::purge(&tx, QUEUE, NOW).unwrap().unwrap().purged,
        Some(NOW)
    );
    assert_eq!(tasks(&tx, QUEUE, "", 9).unwrap(), Some(vec![]));
    assert_eq!(put(&tx, named("a"), NOW), Enqueued::Exists);
    let requests: i64 = tx
        .query_row("SELECT count(*) FROM requests", [], |row| row.get(0))
        .unwrap();
    assert_eq!(requests, 0);

    assert!(queues::delete(&tx, QUEUE, NOW).unwrap());
    assert!(!queues::delete(&tx, QUEUE, NOW).unwrap());
    assert_eq!(put(&tx, named("c"), NOW), Enqueued::NoQueue);
    let again = Queue::ordinary(QUEUE.into());
    let later = NOW.plus(QUEUE_TOMBSTONE);
    assert_eq!(queues::create(&tx, &again, later.plus(-1)).unwrap(), None);
    assert_eq!(queues::create(&tx, &again, later).unwrap(), Some(true));
    assert_eq!(queues::create(&tx, &again, later).unwrap(), Some(false));
}

#[test]
fn what_is_old_is_swept_away() {
    let mut connection = connection();
    let tx = connection.transaction().unwrap();
    put(&tx, named("a"), NOW);
    delete(&tx, QUEUE, "a", NOW).unwrap();
    put(&tx, named("b"), NOW);
    assert!(!sweep(&tx, NOW.plus(RETENTION)).unwrap());
    let count = |table: &str| {
        tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
    };
    // The name of the second is now the one that is kept.
    assert_eq!(
        (count("tasks"), count("requests"), count("tombstones")),
        (0, 0, 1)
    );
}
