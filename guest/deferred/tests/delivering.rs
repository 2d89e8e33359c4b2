//! Delivering: what was enqueued comes back and is run, and what is no task of ours is not.
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use urlfetch::{Answer as Answered, Client, Scripted};
use urlfetch_deferred::{
    Answer, Call, Defer, Delivery, Error, Failure, Forgery, Functions, Handler, Keys, Settings,
    Task, defer, deferred, functions, post,
};

thread_local! {
    static TOTAL: Cell<i64> = const { Cell::new(0) };
}

/// Adds.
#[deferred]
fn add(_counter: String, amount: i64) -> Result<i64, Failure> {
    TOTAL.set(TOTAL.get() + amount);
    Ok(TOTAL.get())
}

#[deferred]
fn nothing() -> Result<(), Failure> {
    TOTAL.set(-1);
    Ok(())
}

#[deferred]
fn fail(how: String) -> Result<(), Failure> {
    match how.as_str() {
        "singular" => Err(Failure::Singular(how)),
        "permanent" => Err(Failure::Permanent(how)),
        _ => {
            how.parse::<i64>()?;
            Ok(())
        }
    }
}

const FUNCTIONS: Functions = functions![add, nothing, fail];

/// The default handler, with keys that are not the environment's.
struct App;

fn settings() -> Settings {
    let keys = format!("a:{}", "1".repeat(64));
    Settings::read(|name| (name == "URLFETCH_DEFERRED_KEYS").then(|| keys.clone()))
        .expect("these are settings")
}

impl Handler for App {
    fn functions(&self) -> &Functions {
        &FUNCTIONS
    }

    fn keys(&self) -> Result<Keys, Error> {
        Keys::parse(&format!("a:{}", "1".repeat(64)))
    }
}

/// What the queue delivers of a task.
fn delivered(defer: Defer) -> Delivery {
    let kept = Rc::new(RefCell::new(Value::Null));
    let keep = Rc::clone(&kept);
    let client = Client::with_transport(Scripted::new().rule(
        |_| true,
        move |seen| {
            *keep.borrow_mut() = serde_json::from_slice(&seen.payload).expect("it is JSON");
            Answered::new(200, "{}")
        },
    ));
    let made = defer
        .enqueue_by(&client, &settings())
        .expect("it is enqueued");
    let task = kept.borrow()["task"].clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let request = &task["httpRequest"];
    let mut headers: Vec<(String, Vec<u8>)> = request["headers"]
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| (name.to_lowercase(), text(value).into_bytes()))
        .collect();
    let queue = made
        .queue
        .rsplit('/')
        .next()
        .expect("it has parts")
        .to_owned();
    headers.push(("x-cloudtasks-queuename".into(), queue.into_bytes()));
    headers.push(("x-cloudtasks-taskname".into(), made.name.into_bytes()));
    headers.push(("x-cloudtasks-taskretrycount".into(), b"2".to_vec()));
    headers.push(("x-cloudtasks-tasketa".into(), b"1800000000.250000".to_vec()));
    let url = text(&request["url"]);
    let path = url
        .strip_prefix("http://app.urlfetch.internal")
        .expect("the default target");
    let body = STANDARD
        .decode(text(&request["body"]))
        .expect("it is base64");
    Delivery::new("POST", path, headers, body)
}

fn outcome(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.content)
}

/// DEF-02, DEF-28, DEF-38
#[test]
fn what_was_deferred_is_run_with_its_arguments() {
    let answer = App.handle(&delivered(defer(add::later("visits".into(), 10))));
    assert_eq!(outcome(&answer), (200, "Success"));
    assert_eq!(TOTAL.get(), 10);
    let answer = App.handle(&delivered(defer(nothing::later()).url("/custom/a%20path")));
    assert_eq!(outcome(&answer), (200, "Success"));
    assert_eq!(TOTAL.get(), -1);
}

/// DEF-03 to DEF-06, DEF-39
#[test]
fn the_outcome_decides_the_answer() {
    for (call, expected) in [
        (fail::later("singular".into()), (408, "SingularTaskFailure")),
        (
            fail::later("permanent".into()),
            (200, "PermanentTaskFailure"),
        ),
        (fail::later("no number".into()), (500, "Error")),
        (fail::later("7".into()), (200, "Success")),
        (Call::new("unknown", &("a",)), (200, "PermanentTaskFailure")),
        (
            Call::new("add", &("visits", "ten")),
            (200, "PermanentTaskFailure"),
        ),
        (
            Call::new("add", &("visits",)),
            (200, "PermanentTaskFailure"),
        ),
        (
            Call::new("add", &("visits", 1, 2)),
            (200, "PermanentTaskFailure"),
        ),
    ] {
        assert_eq!(outcome(&App.handle(&delivered(defer(call)))), expected);
    }
    assert_eq!(TOTAL.get(), 0);
    assert!(matches!(
        FUNCTIONS.run(b"no call"),
        Err(Failure::Permanent(_))
    ));
}

/// DEF-07, DEF-40
#[test]
fn what_is_not_exactly_ours_is_refused_and_not_run() {
    let good = delivered(defer(add::later("visits".into(), 10)));
    let without = |name: &str| {
        let mut delivery = good.clone();
        delivery.headers.retain(|(known, _)| known != name);
        delivery
    };
    let changed = |change: &dyn Fn(&mut Delivery)| {
        let mut delivery = good.clone();
        change(&mut delivery);
        delivery
    };
    let twice = |name: &str, value: &[u8]| {
        changed(&|delivery| delivery.headers.push((name.into(), value.into())))
    };
    let forged = [
        Delivery::new("POST", "/_ah/queue/deferred", vec![], good.body.clone()),
        without("x-cloudtasks-taskname"),
        without("x-cloudtasks-queuename"),
        without("x-urlfetch-deferred"),
        without("content-type"),
        twice("X-CloudTasks-TaskName", b"other"),
        twice("x-cloudtasks-queuename", b"default"),
        twice("X-URLFETCH-DEFERRED", b"v1"),
        twice("Content-Type", b"text/plain"),
        changed(&|delivery| delivery.body.push(b' ')),
        changed(&|delivery| delivery.path_and_query = "/custom/path".into()),
        changed(&|delivery| delivery.path_and_query.push_str("?a=b")),
    ];
    for delivery in forged {
        assert_eq!(
            outcome(&App.handle(&delivery)),
            (403, "Forbidden"),
            "{delivery:?}"
        );
    }
    assert_eq!(TOTAL.get(), 0);
    // It was good.
    assert_eq!(App.handle(&good).status, 200);
}

#[test]
fn without_keys_nothing_is_believed() {
    struct NoKeys;
    impl Handler for NoKeys {
        fn functions(&self) -> &Functions {
            &FUNCTIONS
        }
        fn keys(&self) -> Result<Keys, Error> {
            Err(Error::Settings("there are none".into()))
        }
    }
    let answer = NoKeys.handle(&delivered(defer(add::later("visits".into(), 10))));
    assert_eq!(outcome(&answer), (403, "Forbidden"));
    assert_eq!(TOTAL.get(), 0);
}

#[test]
fn an_envelope_ends_thirty_one_days_after_the_task_is_due() {
    let day = Duration::from_secs(24 * 60 * 60);
    let delivery = delivered(defer(nothing::later()).countdown(day));
    let keys = App.keys().expect("there are keys");
    let now = SystemTime::now();
    assert!(keys.check_delivery(&delivery, now + day * 31).is_ok());
    let late = keys.check_delivery(&delivery, now + day * 33);
    assert_eq!(late.expect_err("it has ended"), Forgery::Expired);
}

/// DEF-24
#[test]
fn other_methods_are_told_which_is_allowed() {
    for method in ["GET", "HEAD", "PUT", ""] {
        let delivery = Delivery::new(method, "/_ah/queue/deferred", vec![], vec![]);
        let answer = App.handle(&delivery);
        assert_eq!(
            (answer.status, answer.headers),
            (405, vec![("allow", "POST")])
        );
    }
}

/// DEF-31
#[test]
fn post_and_run_can_be_overridden() {
    #[derive(Default)]
    struct Custom(RefCell<Vec<String>>);
    impl Handler for Custom {
        fn functions(&self) -> &Functions {
            &FUNCTIONS
        }
        fn keys(&self) -> Result<Keys, Error> {
            App.keys()
        }
        fn run(&self, task: &Task) -> Result<(), Failure> {
            let told = format!("{} {:?} {:?}", task.queue(), task.retry_count(), task.eta());
            self.0.borrow_mut().push(told);
            self.functions().run(task.body())
        }
        fn post(&self, delivery: &Delivery) -> Answer {
            self.0.borrow_mut().push("posted".into());
            post(self, delivery)
        }
    }
    let custom = Custom::default();
    let answer = custom.handle(&delivered(
        defer(add::later("visits".into(), 1)).queue("mail"),
    ));
    assert_eq!(outcome(&answer), (200, "Success"));
    let eta = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
    assert_eq!(
        *custom.0.borrow(),
        ["posted".to_owned(), format!("mail Some(2) {:?}", Some(eta))]
    );
    custom.handle(&Delivery::new("POST", "/", vec![], vec![]));
    assert_eq!(
        custom.0.borrow().len(),
        3,
        "run is not reached by what is not ours"
    );
}
