//! The console's queues and tasks: what a browser shows of them, what it has done to them, and who may not.

use super::client::ask;
use super::console::{admin, before, keep, read, texts};
use super::deferring::{File, QUEUE, deferring, to};
use super::{Served, on_sockets};
use rusqlite::Connection;
use serde_json::{Value, json};
use urlfetch_tests::Browser;

/// A task that is not due while a test runs.
fn tomorrow(path: &str) -> Value {
    let mut task = to(path);
    let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+25 hours')";
    let clock = Connection::open_in_memory().unwrap();
    let due: String = clock.query_row(sql, [], |row| row.get(0)).unwrap();
    task["scheduleTime"] = due.into();
    task
}

/// The names of the tasks that the page shows, in their order.
const SHOWN: &str =
    "[...document.querySelectorAll('#task-rows tbody tr')].map((it) => it.dataset.task).join(' ')";

/// Presses a button of a row.
async fn press(browser: &mut Browser, row: &str, act: &str) {
    let button = format!("document.querySelector('{row} button[data-act={act}]')");
    browser
        .until(&format!("{button} && !{button}.hidden"))
        .await;
    browser.eval(&format!("{button}.click()")).await;
}

/// Says yes to the question that the page asks.
async fn agree(browser: &mut Browser) {
    browser.until("document.getElementById('sure').open").await;
    browser
        .eval("document.getElementById('sure-yes').click()")
        .await;
}

async fn said(browser: &mut Browser, news: &str) {
    let line = "document.getElementById('task-news').textContent";
    browser.until(&format!("{line}.includes('{news}')")).await;
}

#[test]
fn a_browser_shows_what_was_deferred_and_has_it_run_or_deleted() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        let Some(mut browser) = before(&served).await else {
            return;
        };
        browser.eval("location.hash = 'tasks'").await;
        let empty = "document.getElementById('no-queues').textContent.includes('No queue yet')";
        browser.until(empty).await;

        served.defer("later", tomorrow("/200?q")).await;
        served.defer("never", tomorrow("/custom/path")).await;
        let mut again = tomorrow("/503");
        again["retryConfig"] = json!({"minBackoff": "3600s"});
        served.defer("again", again).await;
        browser
            .until(&format!("{SHOWN} === 'later never again'"))
            .await;
        let row = texts("#task-rows tr[data-task=later] > *");
        let row = browser.eval(&row).await;
        let row = row.as_str().unwrap();
        let parts: Vec<_> = row.split('|').collect();
        assert_eq!(
            parts[..3],
            ["later", "POST http://app.urlfetch.internal/200?q", "5 B"],
            "{row}"
        );
        assert!(
            parts[3].starts_with("20") && parts[3].contains("in 1 d"),
            "{row}"
        );
        assert_eq!(parts[4], "none");
        // Queues are asked for before tasks: the next answer has them all.
        let queue = texts("#queue-rows tbody tr > *");
        let said_of_it = "defaultprojects/p/locations/l|running|500 a second, 1000 at once|3|0|";
        browser
            .until(&format!("{queue}.startsWith('{said_of_it}')"))
            .await;

        // With the keyboard alone.
        browser
            .eval("document.querySelector('tr[data-task=later] [data-act=run]').focus()")
            .await;
        browser.press("Enter").await;
        browser.until(&format!("{SHOWN} === 'never again'")).await;
        // That it was sent, or, when the page has heard of its end meanwhile, that it is gone.
        said(&mut browser, "Task later ").await;
        assert_eq!(served.deliveries(1).await[0].path, "/200?q");
        // What had the focus went with its task; the next one's button has it.
        let focused = "document.activeElement.closest('tr')?.dataset.task === 'never'";
        assert_eq!(browser.eval(focused).await, true);

        press(&mut browser, "tr[data-task=again]", "run").await;
        said(&mut browser, "Task again was sent to run.").await;
        let last = texts("tr[data-task=again] .last, tr[data-task=again] .attempts");
        browser
            .until(&format!("{last}.includes('1, 1 answered|503')"))
            .await;
        keep(&mut browser, "tasks").await;
        browser.look(1280, 800, true).await;
        keep(&mut browser, "tasks-dark").await;
        browser.look(420, 900, false).await;
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.eval(fits).await, true, "nobody scrolls sideways");
        keep(&mut browser, "tasks-narrow").await;
        browser.look(1280, 800, false).await;

        // Who changes his mind has changed nothing.
        press(&mut browser, "tr[data-task=never]", "delete").await;
        browser.until("document.getElementById('sure').open").await;
        keep(&mut browser, "tasks-sure").await;
        browser.press("Escape").await;
        browser.until("!document.getElementById('sure').open").await;
        let (status, _) = served
            .api("GET", &format!("{QUEUE}/tasks/never"), &json!({}))
            .await;
        assert_eq!(status, 200);
        // Nor is the end of one question the answer to the next, however soon that is asked.
        let twice = "{ const it = document.querySelector('tr[data-task=never] [data-act=delete]');
            it.click(); document.getElementById('sure').close(); it.click(); }";
        browser.eval(twice).await;
        agree(&mut browser).await;
        said(&mut browser, "Task never was deleted.").await;
        browser.until(&format!("{SHOWN} === 'again'")).await;
        served.gone("never").await;
        assert_eq!(browser.complaints(), [""; 0]);

        // What somebody else has deleted since the page looked is not run, and the page says so.
        browser
            .eval("document.getElementById('pause').click()")
            .await;
        served
            .api("DELETE", &format!("{QUEUE}/tasks/again"), &json!({}))
            .await;
        press(&mut browser, "tr[data-task=again]", "run").await;
        said(&mut browser, "no longer exists").await;
        browser.until(&format!("{SHOWN} === ''")).await;
        browser.close().await;
        served.stop().await;
    });
}

#[test]
fn a_queue_is_paused_resumed_and_purged_in_the_browser() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        let Some(mut browser) = before(&served).await else {
            return;
        };
        served.defer("far", tomorrow("/200")).await;
        let location = QUEUE.strip_suffix("/default").unwrap();
        let other = format!("{location}/other");
        let (status, made) = served.api("POST", location, &json!({"name": other})).await;
        assert_eq!(status, 200, "{made}");
        browser
            .eval(&format!("location.hash = 'tasks/{QUEUE}'"))
            .await;
        browser.until(&format!("{SHOWN} === 'far'")).await;

        let row = format!("#queue-rows tr[data-queue=\"{QUEUE}\"]");
        press(&mut browser, &row, "pause").await;
        let state = format!("document.querySelector('{row} .state').textContent");
        browser.until(&format!("{state} === 'paused'")).await;
        served.defer("held", to("/200")).await;
        // What was deferred after it to another queue is delivered before it.
        let witness = json!({"task": to("/200?witness")});
        let (status, _) = served
            .api("POST", &format!("{other}/tasks"), &witness)
            .await;
        assert_eq!(status, 200);
        assert_eq!(served.deliveries(1).await[0].path, "/200?witness");
        let (_, held) = served
            .api("GET", &format!("{QUEUE}/tasks/held"), &json!({}))
            .await;
        assert_eq!(held["dispatchCount"], Value::Null, "{held}");
        press(&mut browser, &row, "resume").await;
        served.gone("held").await;
        assert_eq!(served.deliveries(2).await[1].path, "/200");
        browser.until(&format!("{state} === 'running'")).await;

        // More than one page has: the next one, and back.
        for n in 0..55 {
            served.defer(&format!("many-{n}"), tomorrow("/200")).await;
        }
        let count = "document.querySelectorAll('#task-rows tbody tr').length";
        browser.until(&format!("{count} === 50")).await;
        browser
            .eval("document.getElementById('next-page').click()")
            .await;
        browser.until(&format!("{count} === 6")).await;
        keep(&mut browser, "tasks-page").await;
        browser
            .eval("document.getElementById('first-page').click()")
            .await;
        browser.until(&format!("{count} === 50")).await;

        press(&mut browser, &row, "purge").await;
        agree(&mut browser).await;
        browser.until(&format!("{count} === 0")).await;
        let (_, left) = served
            .api("GET", &format!("{QUEUE}/tasks"), &json!({}))
            .await;
        assert_eq!(left, json!({}));
        assert_eq!(served.deliveries(2).await.len(), 2);
        assert_eq!(browser.complaints(), [""; 0]);
        browser.close().await;
        served.stop().await;
    });
}

#[test]
fn without_tasks_the_console_says_how_there_would_be_some() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let told = read(&served, "/api/tasks").await;
        assert_eq!(told["on"], false);
        let line = format!("POST /api/tasks/{QUEUE}:purge");
        let marked = "Host: localhost\r\nX-Urlfetch-Console: 1\r\nContent-Length: 0\r\n";
        assert_eq!(admin(&served, &line, marked).await.status, 404);
        let Some(mut browser) = before(&served).await else {
            return;
        };
        browser.eval("location.hash = 'tasks'").await;
        let empty = "document.getElementById('no-queues').textContent";
        browser
            .until(&format!("{empty}.includes('--tasks off')"))
            .await;
        browser.close().await;
    });
}

#[test]
fn a_page_of_another_origin_changes_no_queue_and_no_task() {
    on_sockets(|| async {
        let file = File::new();
        let served = deferring(&file).await;
        served.defer("mine", tomorrow("/200")).await;
        let task = format!("{QUEUE}/tasks/mine");
        let lines = [
            format!("POST /api/tasks/{QUEUE}:purge"),
            format!("POST /api/tasks/{QUEUE}:pause"),
            format!("POST /api/tasks/{task}:run"),
            format!("DELETE /api/tasks/{task}"),
        ];
        const MARK: &str = "X-Urlfetch-Console: 1\r\n";
        let strangers = [
            "Host: localhost\r\n".to_owned(),
            format!("Host: rebound.test\r\n{MARK}"),
            format!("Host: localhost\r\n{MARK}Origin: http://other.test\r\n"),
            format!("Host: localhost\r\n{MARK}Origin: null\r\n"),
            format!("Host: localhost\r\n{MARK}Sec-Fetch-Site: cross-site\r\n"),
            format!("Host: localhost\r\n{MARK}Sec-Fetch-Site: same-site\r\n"),
            format!("Host: localhost\r\n{MARK}Sec-Fetch-Site: none\r\n"),
            "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n".to_owned(),
        ];
        for line in &lines {
            for headers in &strangers {
                let answer = admin(&served, line, &format!("{headers}Content-Length: 0\r\n")).await;
                assert_eq!(answer.status, 403, "{line} {headers}: {answer:?}");
            }
        }
        // As a browser would send it from a page of the application.
        if let Some(path) = Browser::path() {
            let mut browser = Browser::start(path).await;
            browser
                .open(&format!("http://{}/headers", served.address))
                .await;
            browser.until("document.readyState === 'complete'").await;
            let purge = format!("http://{}/api/tasks/{QUEUE}:purge", served.admin);
            let blind = format!(
                "fetch('{purge}', {{ method: 'POST', mode: 'no-cors' }}).catch(() => 'not read')"
            );
            assert_eq!(browser.eval(&blind).await, "not read");
            let marked = format!(
                "fetch('{purge}', {{ method: 'POST', headers: {{ 'X-Urlfetch-Console': '1' }} }}).catch(() => 'not sent')"
            );
            assert_eq!(browser.eval(&marked).await, "not sent");
            browser.close().await;
        }
        let queue = read(&served, &format!("/api/tasks/{QUEUE}")).await;
        assert_eq!(
            (&queue["queue"]["paused"], &queue["tasks"][0]["id"]),
            (&false.into(), &"mine".into())
        );
        assert_eq!(queue["tasks"][0]["dispatches"], 0);

        // A program says what no page can say.
        let program = format!("Host: localhost\r\n{MARK}Content-Length: 0\r\n");
        assert_eq!(admin(&served, &lines[1], &program).await.status, 200);
        assert_eq!(
            read(&served, "/api/tasks").await["queues"][0]["paused"],
            true
        );
        assert_eq!(admin(&served, &lines[3], &program).await.status, 200);
        served.gone("mine").await;
        for (status, line) in [
            (404, format!("DELETE /api/tasks/{task}")),
            (405, format!("DELETE /api/tasks/{QUEUE}")),
            (405, format!("POST /api/tasks/{QUEUE}/tasks")),
            (405, format!("PATCH /api/tasks/{QUEUE}")),
            (
                404,
                "GET /api/tasks/projects/p/locations/l/queues/none".to_owned(),
            ),
            (400, format!("GET /api/tasks/{QUEUE}?after=here")),
        ] {
            let answer = admin(&served, &line, &program).await;
            assert_eq!(answer.status, status, "{line}: {answer:?}");
        }
        // From outside there is nothing of the kind.
        let outside =
            format!("DELETE /api/tasks/{task} HTTP/1.1\r\n{program}Connection: close\r\n\r\n");
        assert_eq!(ask(served.address, outside).await.status, 404);
        served.stop().await;
    });
}
