//! Queues are counted and told page by page, the task that is due first on the first page.

use super::super::fields::Fields;
use super::super::place::in_transaction;
use super::super::table::enqueue;
use super::super::task::NewTask;
use super::*;

const QUEUE: &str = "projects/p/locations/l/queues/q";

fn with(work: fn(&Tx<'_>)) {
    in_transaction(move |tx| {
        let queue = Queue::ordinary(QUEUE.to_owned());
        queues::create(tx, &queue, Moment(0)).unwrap();
        work(tx);
    });
}

fn task(tx: &Tx<'_>, id: &str, due: i64) {
    let body = br#"{"httpRequest": {"url": "http://a.test/work", "body": "aGVsbG8="}}"#;
    let mut new = NewTask::read(Fields::of_body(body).unwrap(), QUEUE, Moment(0)).unwrap();
    new.due = Moment(due);
    enqueue(tx, QUEUE, id.to_owned(), new, Moment(0)).unwrap();
}

fn ids(page: &Value) -> Vec<&str> {
    let tasks = page["tasks"].as_array().unwrap();
    tasks
        .iter()
        .map(|task| task["id"].as_str().unwrap())
        .collect()
}

#[test]
fn what_is_due_first_comes_first_and_every_task_is_on_one_page() {
    with(|tx| {
        // Two by two they are due at the same instant.
        let all: Vec<String> = (0..120).map(|n| format!("t{n:03}")).collect();
        for (n, id) in all.iter().enumerate().rev() {
            task(tx, id, 1_000_000 + n as i64 / 2);
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = page(tx, QUEUE, after).unwrap().unwrap();
            assert_eq!(page["queue"]["waiting"], 120);
            let mut told = ids(&page)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>();
            assert!(told.len() <= PAGE);
            seen.append(&mut told);
            match page["next"].as_str() {
                Some(next) => after = Some(After::parse(next).unwrap()),
                None => break,
            }
        }
        let dues = |ids: &[String]| -> Vec<usize> {
            ids.iter()
                .map(|id| id[1..].parse::<usize>().unwrap() / 2)
                .collect()
        };
        assert_eq!(dues(&seen), dues(&all));
        seen.sort();
        assert_eq!(seen, all);
    });
}

#[test]
fn what_is_being_delivered_stands_before_what_waits() {
    with(|tx| {
        task(tx, "first", 1);
        task(tx, "second", 2_000_000);
        tx.execute(
            "UPDATE tasks SET running = 1, dispatches = 1, last_dispatched = 5000 WHERE id = 'second'",
            &[],
        )
        .unwrap();
        let page = page(tx, QUEUE, None).unwrap().unwrap();
        assert_eq!(ids(&page), ["second", "first"]);
        assert_eq!(
            page["tasks"][0],
            json!({
                "id": "second", "method": "POST", "url": "http://a.test/work", "bytes": 5, "created": 0, "due": 2_000,
                "dispatches": 1, "responses": 0, "dispatched": 5, "answered": null, "status": null, "running": true,
            })
        );
        let queue = &page["queue"];
        assert_eq!(
            (&queue["waiting"], &queue["running"]),
            (&1.into(), &1.into())
        );
        assert_eq!(&queues(tx).unwrap()[0], queue);
    });
}

#[test]
fn a_queue_that_is_not_there_has_no_page_and_what_is_no_place_is_none() {
    with(|tx| {
        for other in ["other", "default", ""] {
            let other = format!("projects/p/locations/l/queues/{other}");
            assert_eq!(page(tx, &other, None).unwrap(), None);
        }
        assert_eq!(queues(tx).unwrap().len(), 1, "looking makes none");
    });
    for text in ["", "1", "1.", ".1", "a.b", "1.2.3"] {
        assert_eq!(After::parse(text), None, "{text}");
    }
}
