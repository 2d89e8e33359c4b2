//! What the verbs do to tasks, attempt by attempt, at times that are said.

use super::super::moment::SECOND;
use super::super::place::in_transaction;
use super::super::policy::{QUEUE_TOMBSTONE, TOMBSTONE};
use super::super::queue::Queue;
use super::super::queues;
use super::super::table::{Enqueued, Found, delete, enqueue, force, task, tasks};
use super::super::task::NewTask;
use super::*;
use serde_json::{Value, json};

const QUEUE: &str = "projects/p/locations/l/queues/default";
const NOW: Moment = Moment(1_795_176_000 * SECOND);

struct Everything;

impl Allowance for Everything {
    fn of(&mut self, _: &Tx<'_>, _: i64, _: &RateLimits) -> Result<usize> {
        Ok(usize::MAX)
    }

    fn took(&mut self, _: &Tx<'_>, _: i64, _: usize) -> Result<()> {
        Ok(())
    }
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

fn put(tx: &Tx<'_>, task: NewTask, now: Moment) -> Enqueued {
    enqueue(tx, QUEUE, "made-up".into(), task, now).unwrap()
}

fn claimed(tx: &Tx<'_>, now: Moment) -> Vec<Claimed> {
    claim(tx, &mut Everything, 100, now).unwrap().tasks
}

#[test]
fn a_task_is_claimed_when_it_is_due_and_not_before() {
    in_transaction(|tx| {
        let due = NOW.plus(60 * SECOND);
        put(tx, new(json!({"scheduleTime": due.text()})), NOW);
        let claims = claim(tx, &mut Everything, 100, due.plus(-1)).unwrap();
        assert_eq!((claims.tasks.len(), claims.next), (0, Some(due)));
        let claims = claim(tx, &mut Everything, 100, due).unwrap();
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
            claim(tx, &mut Everything, 100, due).unwrap(),
            Claims::default()
        );
    });
}

#[test]
fn the_earliest_goes_first() {
    in_transaction(|tx| {
        for (id, seconds) in [("c", 3), ("a", 1), ("b", 2)] {
            let mut task = named(id);
            task.due = NOW.plus(seconds * SECOND);
            put(tx, task, NOW);
        }
        let ids: Vec<_> = claimed(tx, NOW.plus(9 * SECOND))
            .into_iter()
            .map(|claimed| claimed.task.id)
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
    });
}

#[test]
fn a_success_deletes_the_task_and_keeps_its_name_for_a_day() {
    // DEF-13, DEF-33, TQ-12, CTK-14.
    in_transaction(|tx| {
        assert!(matches!(put(tx, named("a"), NOW), Enqueued::Created(_)));
        assert_eq!(put(tx, named("a"), NOW), Enqueued::Exists);
        let claimed = claimed(tx, NOW);
        let fate = finish(tx, claimed[0].key, 1, Outcome::Answered(204, 0), NOW).unwrap();
        assert_eq!(
            (fate, task(tx, QUEUE, "a", NOW).unwrap()),
            (Fate::Done, Found::Gone)
        );
        let later = NOW.plus(TOMBSTONE);
        assert_eq!(put(tx, named("a"), later.plus(-1)), Enqueued::Exists);
        assert!(matches!(put(tx, named("a"), later), Enqueued::Created(_)));
    });
}

#[test]
fn failures_are_tried_again_by_the_curve_and_given_up_by_the_limits() {
    // TQ-03, TQ-04, CTK-20.
    in_transaction(|tx| {
        let retry =
            json!({"minBackoff": "10s", "maxBackoff": "300s", "maxDoublings": 3, "maxAttempts": 9});
        put(tx, new(json!({"retryConfig": retry})), NOW);
        let mut now = NOW;
        for wait in [10, 20, 40, 80, 160, 240, 300, 300] {
            let claimed = claimed(tx, now);
            let fate = finish(
                tx,
                claimed[0].key,
                claimed[0].task.dispatches,
                Outcome::Answered(500, 0),
                now,
            )
            .unwrap();
            let due = now.plus(wait * SECOND);
            assert_eq!(fate, Fate::Retried(due));
            assert_eq!(
                claim(tx, &mut Everything, 9, due.plus(-1)).unwrap().next,
                Some(due)
            );
            now = due;
        }
        let claimed = claimed(tx, now);
        let fate = finish(tx, claimed[0].key, 9, Outcome::Answered(500, 0), now).unwrap();
        assert_eq!(
            (fate, task(tx, QUEUE, "made-up", now).unwrap()),
            (Fate::GivenUp, Found::Gone)
        );
    });
}

#[test]
fn answers_are_counted_as_the_service_counts_them() {
    // CTK-10: 503, 404, 429, 500, 302 are 0, 0, 1, 2, 2, 3 executions before each attempt.
    in_transaction(|tx| {
        put(tx, named("a"), NOW);
        let mut now = NOW;
        let mut seen = Vec::new();
        for outcome in [503, 404, 429, 500, 302]
            .map(|status| Outcome::Answered(status, 0))
            .into_iter()
            .chain([Outcome::TimedOut, Outcome::Unanswered])
        {
            let claimed = claimed(tx, now);
            seen.push((
                claimed[0].task.dispatches - 1,
                claimed[0].executions,
                claimed[0].previous,
            ));
            let Fate::Retried(due) =
                finish(tx, claimed[0].key, claimed[0].task.dispatches, outcome, now).unwrap()
            else {
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
        let Found::There(task) = task(tx, QUEUE, "a", now).unwrap() else {
            panic!("there");
        };
        assert_eq!(
            (task.dispatches, task.responses, task.last.unwrap().status),
            (7, 5, None)
        );
    });
}

#[test]
fn an_answer_that_asks_to_wait_is_heeded_beyond_the_curve() {
    in_transaction(|tx| {
        put(tx, named("a"), NOW);
        let claimed = claimed(tx, NOW);
        let fate = finish(
            tx,
            claimed[0].key,
            1,
            Outcome::Answered(503, 7 * SECOND),
            NOW,
        )
        .unwrap();
        assert_eq!(fate, Fate::Retried(NOW.plus(7 * SECOND)));
    });
}

#[test]
fn a_late_answer_changes_nothing() {
    in_transaction(|tx| {
        put(tx, named("a"), NOW);
        let first = claimed(tx, NOW);
        let key = first[0].key;
        finish(tx, key, 1, Outcome::Unanswered, NOW).unwrap();
        let later = NOW.plus(3_600 * SECOND);
        let second = claimed(tx, later);
        assert_eq!(second[0].task.dispatches, 2);
        assert_eq!(
            finish(tx, key, 1, Outcome::Answered(200, 0), later).unwrap(),
            Fate::Stale
        );
        assert!(matches!(
            task(tx, QUEUE, "a", later).unwrap(),
            Found::There(_)
        ));
        // Nor that of one which was deleted meanwhile; its key is no other's.
        delete(tx, QUEUE, "a", later).unwrap();
        put(tx, named("b"), later);
        let third = claimed(tx, later);
        assert_ne!(third[0].key, key);
        assert_eq!(
            finish(tx, key, 2, Outcome::Answered(200, 0), later).unwrap(),
            Fate::Stale
        );
    });
}

#[test]
fn what_ran_when_the_process_ended_counts_and_waits() {
    in_transaction(|tx| {
        let retry = json!({"maxAttempts": 2});
        put(tx, new(json!({"retryConfig": retry})), NOW);
        claimed(tx, NOW);
        assert_eq!(recover(tx, "true", NOW).unwrap(), 1);
        assert_eq!(claimed(tx, NOW.plus(99_999)), []);
        let again = claimed(tx, NOW.plus(100_000));
        assert_eq!((again[0].task.dispatches, again[0].previous), (2, None));
        // One that ends its host whenever it runs is given up like any other.
        assert_eq!(recover(tx, "true", NOW.plus(SECOND)).unwrap(), 1);
        assert_eq!(
            task(tx, QUEUE, "made-up", NOW.plus(SECOND)).unwrap(),
            Found::Gone
        );
    });
}

#[test]
fn a_paused_queue_gives_nothing_but_what_is_run_by_hand() {
    in_transaction(|tx| {
        for id in ["a", "b"] {
            put(tx, named(id), NOW);
        }
        let mut paused = queues::find(tx, QUEUE).unwrap().unwrap();
        paused.paused = true;
        queues::change(tx, &paused).unwrap();
        assert_eq!(claimed(tx, NOW), []);
        assert!(matches!(
            force(tx, QUEUE, "b", NOW).unwrap(),
            Found::There(_)
        ));
        let ran = claimed(tx, NOW);
        assert_eq!((ran.len(), ran[0].task.id.as_str()), (1, "b"));
        // When that fails it waits like the others.
        finish(tx, ran[0].key, 1, Outcome::Unanswered, NOW).unwrap();
        assert_eq!(claimed(tx, NOW.plus(3_600 * SECOND)), []);
    });
}

#[test]
fn a_task_is_run_by_hand_before_it_is_due() {
    in_transaction(|tx| {
        put(
            tx,
            new(json!({"scheduleTime": NOW.plus(60 * SECOND).text()})),
            NOW,
        );
        force(tx, QUEUE, "made-up", NOW).unwrap();
        assert_eq!(claimed(tx, NOW).len(), 1);
    });
}

#[test]
fn a_queue_that_was_emptied_or_deleted_says_so() {
    in_transaction(|tx| {
        put(tx, named("a"), NOW);
        put(tx, named("b"), NOW);
        assert_eq!(
            queues::purge(tx, QUEUE, NOW).unwrap().unwrap().purged,
            Some(NOW)
        );
        assert_eq!(tasks(tx, QUEUE, "", 9).unwrap(), Some(vec![]));
        assert_eq!(put(tx, named("a"), NOW), Enqueued::Exists);
        let requests = tx
            .row("SELECT count(*) FROM requests", &[])
            .unwrap()
            .unwrap();
        assert_eq!(requests.get::<i64>(0), Ok(0));

        assert!(queues::delete(tx, QUEUE, NOW).unwrap());
        assert!(!queues::delete(tx, QUEUE, NOW).unwrap());
        assert_eq!(put(tx, named("c"), NOW), Enqueued::NoQueue);
        let again = Queue::ordinary(QUEUE.into());
        let later = NOW.plus(QUEUE_TOMBSTONE);
        assert_eq!(queues::create(tx, &again, later.plus(-1)).unwrap(), None);
        assert_eq!(queues::create(tx, &again, later).unwrap(), Some(true));
        assert_eq!(queues::create(tx, &again, later).unwrap(), Some(false));
    });
}

#[test]
fn what_is_old_is_swept_away() {
    in_transaction(|tx| {
        put(tx, named("a"), NOW);
        delete(tx, QUEUE, "a", NOW).unwrap();
        put(tx, named("b"), NOW);
        assert!(!sweep(tx, NOW.plus(RETENTION)).unwrap());
        let count = |table: &str| {
            let row = tx
                .row(&format!("SELECT count(*) FROM {table}"), &[])
                .unwrap();
            row.unwrap().get::<i64>(0).unwrap()
        };
        // The name of the second is now the one that is kept.
        assert_eq!(
            (count("tasks"), count("requests"), count("tombstones")),
            (0, 0, 1)
        );
    });
}

#[test]
fn a_clock_that_is_set_back_or_ahead_loses_nothing_and_runs_nothing_twice() {
    in_transaction(|tx| {
        let hour = 3_600 * SECOND;
        put(tx, named("a"), NOW);
        // Ahead: what is due by the clock is due, and once.
        let ahead = NOW.plus(20 * 365 * 24 * hour);
        let first = claimed(tx, ahead);
        assert_eq!((first.len(), claimed(tx, ahead)), (1, vec![]));
        // Back: the wait is what it is, from what the clock says now, and the age is none.
        let back = NOW.plus(-hour);
        let fate = finish(tx, first[0].key, 1, Outcome::Unanswered, back).unwrap();
        let due = back.plus(SECOND / 10);
        assert_eq!(fate, Fate::Retried(due));
        assert_eq!(claimed(tx, due.plus(-1)), []);
        let second = claimed(tx, due);
        assert_eq!((second.len(), second[0].task.dispatches), (1, 2));
        let fate = finish(tx, second[0].key, 2, Outcome::Answered(200, 0), back).unwrap();
        assert_eq!(fate, Fate::Done);
        // A name that was kept is kept at least as long as it was to be.
        assert_eq!(put(tx, named("a"), back), Enqueued::Exists);
    });
}
