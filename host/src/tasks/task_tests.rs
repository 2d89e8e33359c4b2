//! What of a task is accepted, what is refused and in which words, and how it is shown.

use super::super::moment::SECOND;
use super::*;

const QUEUE: &str = "projects/p/locations/l/queues/default";
const DAY: i64 = 24 * 3_600 * SECOND;
const NOW: Moment = Moment(1_795_176_000 * SECOND);

fn read(task: Value) -> Result<NewTask, Status> {
    let fields = Fields::of_body(task.to_string().as_bytes()).unwrap();
    NewTask::read(fields, QUEUE, NOW)
}

fn refused(task: Value) -> String {
    let status = read(task).unwrap_err();
    assert_eq!(
        (status.http.as_u16(), status.name),
        (400, "INVALID_ARGUMENT")
    );
    status.message
}

fn with(key: &str, value: Value) -> Value {
    let mut task = json!({"httpRequest": {"url": "http://a.test/"}});
    task[key] = value;
    task
}

#[test]
fn a_task_without_wishes_is_a_post_now_with_ten_minutes() {
    let task = read(with("view", json!("FULL"))).unwrap();
    assert_eq!(
        (task.request.method.as_str(), task.due, task.deadline),
        ("POST", NOW, 600 * SECOND)
    );
    assert_eq!(
        task.request.headers,
        [("User-Agent".into(), "Google-Cloud-Tasks".into())]
    );
    assert_eq!((task.id, task.retry), (None, None));
}

#[test]
fn a_tasks_name_is_one_of_its_queue_and_has_a_grammar() {
    // CTK-06.
    let named = |id: &str| with("name", json!(format!("{QUEUE}/tasks/{id}")));
    assert_eq!(read(named("a-1_Z")).unwrap().id.as_deref(), Some("a-1_Z"));
    let long = "x".repeat(501);
    for bad in ["", "a b", "a.b", "ä", long.as_str()] {
        let message = refused(named(bad));
        assert!(
            message.starts_with(&format!("Task ID \"{bad}\" can contain only letters")),
            "{message}"
        );
        let answer: Value =
            serde_json::from_slice(read(named(bad)).unwrap_err().response().body()).unwrap();
        assert_eq!(
            answer["error"]["details"][0]["@type"],
            "type.googleapis.com/google.rpc.Help"
        );
    }
    let other = "projects/p/locations/l/queues/other";
    assert_eq!(
        refused(with("name", json!(format!("{other}/tasks/a")))),
        format!(
            "The queue name from request ('{QUEUE}') must be the same as the queue name in the named task ('{other}')."
        )
    );
}

#[test]
fn a_url_begins_with_http_or_https_and_its_escapes_are_its_own_affair() {
    // CTK-07.
    let url = |url: &str| json!({"httpRequest": {"url": url}});
    for bad in ["ftp://a.test/", "a.test", "/path", "javascript:x"] {
        assert_eq!(
            refused(url(bad)),
            "HttpTarget.url must start with 'http://' or 'https://'."
        );
    }
    assert_eq!(refused(url("")), "HttpRequest.url is required.");
    assert_eq!(
        refused(json!({"httpRequest": {}})),
        "HttpRequest.url is required."
    );
    for good in ["http://a.test/%zz", "HTTPS://a.test", "http://a.test/?q#f"] {
        assert!(read(url(good)).is_ok(), "{good}");
    }
    let long = format!("http://a.test/{}", "x".repeat(MAX_URL - 14));
    assert!(read(url(&long)).is_ok());
    assert!(read(url(&format!("{long}x"))).is_err());
}

#[test]
fn a_deadline_and_a_schedule_have_limits() {
    // CTK-08, CTK-09, DEF-16.
    for (deadline, accepted) in [
        ("15s", true),
        ("1800s", true),
        ("14.999999s", false),
        ("1800.000001s", false),
        ("0s", false),
    ] {
        assert_eq!(
            read(with("dispatchDeadline", json!(deadline))).is_ok(),
            accepted,
            "{deadline}"
        );
    }
    let message = "Task.dispatchDeadline must be between [15s, 30m].";
    assert_eq!(refused(with("dispatchDeadline", json!("1s"))), message);
    let at = |moment: Moment| with("scheduleTime", json!(moment.text()));
    assert_eq!(
        read(at(NOW.plus(30 * DAY))).unwrap().due,
        NOW.plus(30 * DAY)
    );
    assert_eq!(read(at(NOW.plus(-DAY))).unwrap().due, NOW);
    let late = NOW.plus(30 * DAY + 1);
    assert_eq!(
        refused(at(late)),
        format!(
            "The Task.scheduleTime, {}, is too far in the future. Schedule time must be no more than 720h in the future.",
            late.text()
        )
    );
}

#[test]
fn only_some_methods_have_a_body() {
    // CTK-16.
    for (method, accepted) in [
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("GET", false),
        ("HEAD", false),
        ("DELETE", false),
        ("OPTIONS", false),
    ] {
        let task =
            json!({"httpRequest": {"url": "http://a", "httpMethod": method, "body": "eA=="}});
        assert_eq!(read(task).is_ok(), accepted, "{method}");
    }
    let by_number = read(json!({"http_request": {"url": "http://a", "http_method": 2}})).unwrap();
    assert_eq!(by_number.request.method, "GET");
}

#[test]
fn headers_that_belong_to_the_delivery_are_left_out_in_any_spelling() {
    // CTK-02, CTK-12.
    let headers = json!({
        "Host": "x", "content_length": "1", "USER-AGENT": "x", "X-Google-A": "x", "x_appengine_taskname": "x",
        "X-CloudTasks-TaskName": "x", "X-Own": "y", "content-TYPE": "z", "X-Urlfetch-Deferred": "v1",
    });
    let task = read(json!({"httpRequest": {"url": "http://a", "headers": headers}})).unwrap();
    let kept: Vec<_> = task
        .request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        kept,
        ["User-Agent", "X-Own", "X-Urlfetch-Deferred", "content-TYPE"]
    );
    for bad in [
        json!({"a b": "x"}),
        json!({"a": "x\r\ny: z"}),
        json!({"a": 1}),
    ] {
        refused(json!({"httpRequest": {"url": "http://a", "headers": bad}}));
    }
}

#[test]
fn what_is_not_served_is_refused_and_not_ignored() {
    let oauth = json!({"serviceAccountEmail": "a@b.test"});
    let message = refused(json!({"httpRequest": {"url": "http://a", "oauthToken": oauth}}));
    assert!(message.contains("oauthToken"), "{message}");
    let message = refused(json!({"appEngineHttpRequest": {"relativeUri": "/"}}));
    assert!(message.contains("appEngineHttpRequest"), "{message}");
    let unknown = refused(with("x", json!(1)));
    assert!(unknown.contains("Unknown name \"x\""), "{unknown}");
}

#[test]
fn a_token_is_wished_for_by_whose_it_is_and_whom_it_is_for() {
    let with = |oidc: Value| json!({"httpRequest": {"url": "http://a", "oidcToken": oidc}});
    for (oidc, audience) in [
        (json!({"serviceAccountEmail": "a@b.test"}), None),
        (
            json!({"service_account_email": "a@b.test", "audience": ""}),
            None,
        ),
        (
            json!({"serviceAccountEmail": "a@b.test", "audience": "me"}),
            Some("me"),
        ),
    ] {
        let wish = read(with(oidc)).unwrap().request.oidc.unwrap();
        assert_eq!(
            (wish.email.as_str(), wish.audience.as_deref()),
            ("a@b.test", audience)
        );
    }
    let message = refused(with(json!({"audience": "me"})));
    assert!(
        message.contains("serviceAccountEmail is required"),
        "{message}"
    );
    assert!(refused(with(json!({"email": "a@b.test"}))).contains("Unknown name"));
}

#[test]
fn what_a_task_wishes_for_its_retries_goes_over_its_queue() {
    let task = read(with(
        "retryConfig",
        json!({"maxAttempts": 3, "minBackoff": "2s"}),
    ))
    .unwrap();
    let config = task.retry.unwrap().over(RetryConfig::default());
    assert_eq!(
        (
            config.max_attempts,
            config.min_backoff,
            config.max_doublings
        ),
        (3, 2 * SECOND, 16)
    );
    let message = refused(with("retryConfig", json!({"maxAttempts": -2})));
    assert_eq!(
        message,
        "RetryConfig.maxAttempts must be greater or equal to -1."
    );
    let message = refused(with("retryConfig", json!({"minBackoff": "-1s"})));
    assert_eq!(message, "RetryConfig.minBackoff cannot be negative.");
    let message = refused(with(
        "retryConfig",
        json!({"minBackoff": "9s", "maxBackoff": "8s"}),
    ));
    assert!(message.contains("less than or equal"), "{message}");
}

#[test]
fn a_task_is_shown_without_its_body_unless_all_is_asked_for() {
    let task = Task {
        queue: QUEUE.into(),
        id: "t".into(),
        request: HttpRequest {
            url: "http://a".into(),
            method: "POST".into(),
            headers: Vec::new(),
            body: Bytes::from_static(b"x"),
            oidc: None,
        },
        created: Moment(1_500_000),
        due: Moment(2_500_000),
        deadline: DEFAULT_DEADLINE,
        retry: None,
        dispatches: 2,
        responses: 1,
        first: Some(Moment(3_000_000)),
        last: Some(Attempt {
            due: Moment(1),
            dispatched: Moment(2),
            answered: Some(Moment(3)),
            status: Some(503),
        }),
    };
    let (basic, full) = (task.json(false), task.json(true));
    assert_eq!(
        (&basic["httpRequest"]["body"], &full["httpRequest"]["body"]),
        (&Value::Null, &"eA==".into())
    );
    assert_eq!(basic["createTime"], "1970-01-01T00:00:01Z");
    assert_eq!(basic["scheduleTime"], "1970-01-01T00:00:02.500Z");
    let status = json!({"code": 14, "message": "UNAVAILABLE(14): HTTP status code 503"});
    assert_eq!(basic["lastAttempt"]["responseStatus"], status);
}
