//! Deferring over a scripted service: what is asked of it, what its answers become, and what is asked again.
use std::{cell::RefCell, rc::Rc, time::Duration};

use serde_json::Value;
use urlfetch::{Answer, Client, Method, Scripted, scripted::FailureCode};
use urlfetch_deferred::{Call, Error, Failure, Settings, defer, deferred};

#[deferred]
fn add(counter: String, amount: i64) -> Result<(), Failure> {
    unreachable!("{counter} {amount}: it is not run here")
}

const TASKS: &str = "https://tasks.example.com/v2/projects/p/locations/l/queues/default/tasks";

fn settings() -> Settings {
    Settings::read(|name| {
        Some(match name {
            "URLFETCH_DEFERRED_KEYS" => format!("a:{}", "1".repeat(64)),
            "URLFETCH_TASKS_LOCATION" => "projects/p/locations/l".into(),
            "URLFETCH_TASKS_API" => "https://tasks.example.com".into(),
            "URLFETCH_TASKS_TOKEN" => "secret".into(),
            _ => return None,
        })
    })
    .expect("these are settings")
}

/// A service that answers in turn, and what it was sent.
fn service(answers: Vec<Answer>) -> (Client, Rc<RefCell<Vec<Value>>>) {
    let answers = RefCell::new(answers.into_iter());
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sent = Rc::clone(&seen);
    let script = Scripted::new().rule(
        |_| true,
        move |request| {
            let mut headers = request.headers.iter();
            assert!(
                headers
                    .any(|(name, value)| *name == "authorization" && **value == *b"Bearer secret")
            );
            let what = match request.method {
                Method::Post => serde_json::from_slice(&request.payload).expect("it is JSON"),
                _ => request.url.path_and_query().into(),
            };
            sent.borrow_mut().push(what);
            answers
                .borrow_mut()
                .next()
                .expect("it is asked no more often")
        },
    );
    (Client::with_transport(script), seen)
}

fn call() -> Call {
    add::later("visits".into(), 10)
}

fn failed(status: u16, name: &str, message: &str) -> Answer {
    let json = serde_json::json!({"error": {"code": status, "message": message, "status": name}});
    Answer::new(status, json.to_string())
}

fn made() -> Answer {
    Answer::new(200, "{}")
}

#[test]
fn each_task_has_a_name_of_its_own() {
    let (client, seen) = service(vec![made(), made()]);
    let names = [(); 2].map(|()| {
        let task = defer(call())
            .enqueue_by(&client, &settings())
            .expect("it is enqueued");
        assert_eq!(task.queue, "projects/p/locations/l/queues/default");
        task.name
    });
    assert_ne!(names[0], names[1]);
    for (sent, name) in seen.borrow().iter().zip(&names) {
        assert!(
            name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{name}"
        );
        let whole = sent["task"]["name"].as_str().expect("a text");
        assert!(TASKS.ends_with(whole.rsplit_once('/').expect("it has parts").0));
        assert!(whole.ends_with(name));
    }
}

#[test]
fn a_create_that_may_have_been_heard_is_asked_again_under_the_same_name() {
    for lost in [
        || Answer::failure(FailureCode::ConnectionTerminated),
        || Answer::silence(),
        || failed(503, "UNAVAILABLE", ""),
        || failed(429, "RESOURCE_EXHAUSTED", ""),
    ] {
        // The first attempt was heard, so the second one finds the task.
        let (client, seen) = service(vec![
            lost(),
            failed(409, "ALREADY_EXISTS", "Requested entity already exists"),
        ]);
        let task = defer(call())
            .enqueue_by(&client, &settings())
            .expect("it is enqueued");
        let seen = seen.borrow();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
        assert!(
            seen[0]["task"]["name"]
                .as_str()
                .is_some_and(|name| name.ends_with(&task.name))
        );
    }
}

#[test]
fn it_is_asked_three_times_and_no_more() {
    let busy = || failed(503, "UNAVAILABLE", "later");
    let (client, seen) = service(vec![busy(), busy(), busy()]);
    let error = defer(call())
        .enqueue_by(&client, &settings())
        .expect_err("it is refused");
    assert!(
        matches!(error, Error::Service { status: 503, .. }),
        "{error}"
    );
    assert_eq!(seen.borrow().len(), 3);
}

#[test]
fn a_name_of_the_callers_is_asked_for_once() {
    let (client, seen) = service(vec![Answer::failure(FailureCode::ConnectionTerminated)]);
    let error = defer(call())
        .name("mine")
        .enqueue_by(&client, &settings())
        .expect_err("it is refused");
    assert!(matches!(error, Error::Fetch(_)), "{error}");
    assert_eq!(seen.borrow().len(), 1);
}

/// DEF-13, DEF-33
#[test]
fn a_name_that_is_taken_is_one_that_exists_or_did() {
    let taken = || failed(409, "ALREADY_EXISTS", "Requested entity already exists");
    for (found, exists) in [(made(), true), (failed(404, "NOT_FOUND", ""), false)] {
        let (client, seen) = service(vec![taken(), found]);
        let error = defer(call())
            .name("mine")
            .enqueue_by(&client, &settings())
            .expect_err("it is refused");
        assert_eq!(matches!(error, Error::TaskAlreadyExists), exists, "{error}");
        assert_eq!(matches!(error, Error::TombstonedTask), !exists, "{error}");
        assert_eq!(
            seen.borrow()[1],
            "/v2/projects/p/locations/l/queues/default/tasks/mine"
        );
    }
}

/// DEF-15
#[test]
fn refusals_are_told_apart() {
    let asked = |answer| {
        let (client, seen) = service(vec![answer]);
        let error = defer(call())
            .enqueue_by(&client, &settings())
            .expect_err("it is refused");
        assert_eq!(seen.borrow().len(), 1);
        error
    };
    assert!(matches!(
        asked(failed(404, "NOT_FOUND", "Queue does not exist.")),
        Error::UnknownQueue
    ));
    assert!(matches!(
        asked(failed(400, "INVALID_ARGUMENT", "Task size too large")),
        Error::TaskTooLarge
    ));
    assert_eq!(
        asked(failed(403, "PERMISSION_DENIED", "no")).to_string(),
        "the task service answered 403: no"
    );
    // A proxy's page, and a redirect that must not be followed with a token.
    assert!(matches!(
        asked(Answer::new(404, "<html>")),
        Error::Service { status: 404, .. }
    ));
    assert!(matches!(
        asked(Answer::redirect(302, "https://evil.example/")),
        Error::Service { status: 302, .. }
    ));
}

#[test]
fn nothing_is_asked_when_an_option_is_wrong() {
    let (client, seen) = service(vec![]);
    let error = defer(call())
        .countdown(Duration::MAX)
        .enqueue_by(&client, &settings());
    assert!(matches!(error, Err(Error::InvalidEta)));
    assert_eq!(seen.borrow().len(), 0);
}
