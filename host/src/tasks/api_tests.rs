//! The API as a client meets it: paths, answers, and the order in which fault is found.

use super::super::moment::SECOND;
use super::super::place::Place;
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const LOCATION: &str = "/v2/projects/p/locations/l";
const DEFAULT: &str = "/v2/projects/p/locations/l/queues/default";
const NOW: Moment = Moment(1_795_176_000 * SECOND);

struct Api {
    place: Place,
    ids: AtomicUsize,
}

impl Api {
    fn new() -> Self {
        Api {
            place: Place::new(),
            ids: AtomicUsize::new(0),
        }
    }

    async fn say(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (method, uri) = (method.parse().unwrap(), path.parse::<Uri>().unwrap());
        let id = format!("made-{}", self.ids.fetch_add(1, Ordering::Relaxed));
        let response = call(
            &self.place.store,
            None,
            &method,
            &uri,
            body.as_bytes(),
            id,
            NOW,
        )
        .await;
        assert_eq!(
            response.headers()["content-type"],
            "application/json; charset=UTF-8"
        );
        (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).unwrap(),
        )
    }

    async fn good(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, value) = self.say(method, path, &body.to_string()).await;
        assert_eq!(status, 200, "{method} {path}: {value}");
        value
    }

    /// The status, its name and the message of what is refused.
    async fn bad(&self, method: &str, path: &str, body: Value) -> (u16, String, String) {
        let (status, value) = self.say(method, path, &body.to_string()).await;
        let error = &value["error"];
        assert_eq!(error["code"], status, "{value}");
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (status, text("status"), text("message"))
    }

    async fn create(&self, id: &str) -> Value {
        let name = format!("{}/tasks/{id}", &DEFAULT[4..]);
        self.good(
            "POST",
            &format!("{DEFAULT}/tasks"),
            json!({"task": {"name": name, "httpRequest": {"url": "http://a.test/"}}}),
        )
        .await
    }
}

fn refusal(status: u16, name: &str, message: &str) -> (u16, String, String) {
    (status, name.into(), message.into())
}

#[tokio::test]
async fn a_task_is_created_read_listed_and_deleted() {
    // CTK-05.
    let api = Api::new();
    let task = json!({"httpRequest": {"url": "http://a.test/", "body": "eA"}, "scheduleTime": "2026-11-20T13:00:00Z"});
    let created = api
        .good(
            "POST",
            &format!("{DEFAULT}/tasks?%24alt=json%3Benum-encoding%3Dint"),
            json!({"task": task, "responseView": 2}),
        )
        .await;
    assert_eq!(created["name"], format!("{}/tasks/made-0", &DEFAULT[4..]));
    assert_eq!(
        (&created["httpRequest"]["body"], &created["view"]),
        (&"eA==".into(), &"FULL".into())
    );
    let path = format!("{DEFAULT}/tasks/made-0");
    assert_eq!(
        api.good("GET", &format!("{path}?responseView=FULL"), json!({}))
            .await,
        created
    );
    let basic = api.good("GET", &path, json!({})).await;
    assert_eq!(
        (&basic["httpRequest"]["body"], &basic["scheduleTime"]),
        (&Value::Null, &"2026-11-20T13:00:00Z".into())
    );
    assert_eq!(
        api.good("GET", &format!("{DEFAULT}/tasks"), json!({}))
            .await,
        json!({"tasks": [basic]})
    );
    assert_eq!(api.good("DELETE", &path, json!({})).await, json!({}));
    for method in ["GET", "DELETE"] {
        assert_eq!(
            api.bad(method, &path, json!({})).await,
            refusal(404, "NOT_FOUND", GONE)
        );
    }
    assert_eq!(
        api.bad("GET", &format!("{path}0"), json!({})).await,
        refusal(404, "NOT_FOUND", NOT_FOUND)
    );
    assert_eq!(
        api.bad("POST", &format!("{path}:run"), json!({})).await,
        refusal(404, "NOT_FOUND", GONE)
    );
}

#[tokio::test]
async fn a_name_is_used_once() {
    // CTK-14.
    let api = Api::new();
    api.create("a").await;
    let name = format!("{}/tasks/a", &DEFAULT[4..]);
    let again = json!({"task": {"name": name, "httpRequest": {"url": "http://a.test/"}}});
    let exists = refusal(409, "ALREADY_EXISTS", "Requested entity already exists");
    assert_eq!(
        api.bad("POST", &format!("{DEFAULT}/tasks"), again.clone())
            .await,
        exists
    );
    api.good("DELETE", &format!("{DEFAULT}/tasks/a"), json!({}))
        .await;
    assert_eq!(
        api.bad("POST", &format!("{DEFAULT}/tasks"), again).await,
        exists
    );
}

#[tokio::test]
async fn fault_is_found_in_the_order_of_the_service() {
    // DEF-15, CTK-15.
    let api = Api::new();
    let unknown = format!("{LOCATION}/queues/unknown/tasks");
    let no_queue = "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.";
    let all_wrong = json!({"task": {"name": "a/tasks/ ", "httpRequest": {"url": ""}}});
    assert_eq!(
        api.bad("POST", &unknown, all_wrong.clone()).await,
        refusal(404, "NOT_FOUND", no_queue)
    );
    let (_, _, message) = api
        .bad("POST", &format!("{DEFAULT}/tasks"), all_wrong)
        .await;
    assert!(
        message.starts_with("The queue name from request ('projects/p/"),
        "{message}"
    );
    let (_, _, message) = api.bad("POST", &unknown, json!({"tusk": {}})).await;
    assert_eq!(
        message,
        "Invalid JSON payload received. Unknown name \"tusk\": Cannot find field."
    );
    assert_eq!(
        api.bad("GET", &unknown, json!({})).await,
        refusal(404, "NOT_FOUND", no_queue)
    );
}

#[tokio::test]
async fn a_task_is_as_large_as_the_service_permits_and_not_a_byte_larger() {
    // CTK-13.
    let api = Api::new();
    let with = |length: usize| {
        let body = base64::engine::general_purpose::STANDARD.encode(vec![b'x'; length]);
        json!({"task": {"name": format!("{}/tasks/t{length}", &DEFAULT[4..]), "httpRequest": {"url": "http://a.test/", "body": body}}})
    };
    // What the name, the URL, one header and their tags take.
    let mut length = MAX_TASK_BYTES - 200;
    loop {
        let (status, answer) = api
            .say(
                "POST",
                &format!("{DEFAULT}/tasks"),
                &with(length).to_string(),
            )
            .await;
        if status != 200 {
            assert_eq!(answer["error"]["message"], "Task size too large");
            break;
        }
        length += 1;
    }
    assert!(
        (MAX_TASK_BYTES - 199..MAX_TASK_BYTES).contains(&length),
        "{length}"
    );
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let api = Api::new();
    for id in ["a", "b", "c"] {
        api.create(id).await;
    }
    let first = api
        .good("GET", &format!("{DEFAULT}/tasks?pageSize=2"), json!({}))
        .await;
    assert_eq!(first["tasks"].as_array().unwrap().len(), 2);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = api
        .good(
            "GET",
            &format!("{DEFAULT}/tasks?page_size=2&pageToken={token}"),
            json!({}),
        )
        .await;
    assert_eq!(
        (
            second["tasks"].as_array().unwrap().len(),
            &second["nextPageToken"]
        ),
        (1, &Value::Null)
    );
    for bad in [
        "pageSize=-1",
        "pageSize=x",
        "pageToken=!",
        "responseView=WHOLE",
    ] {
        let (status, ..) = api
            .bad("GET", &format!("{DEFAULT}/tasks?{bad}"), json!({}))
            .await;
        assert_eq!(status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_queue_is_made_changed_paused_emptied_and_deleted() {
    let api = Api::new();
    let (queues, path) = (format!("{LOCATION}/queues"), format!("{LOCATION}/queues/q"));
    let name = &path[4..];
    assert_eq!(api.bad("GET", &path, json!({})).await.0, 404);
    let made = api
        .good(
            "POST",
            &queues,
            json!({"name": name, "rateLimits": {"maxDispatchesPerSecond": 10}}),
        )
        .await;
    assert_eq!(
        made["rateLimits"],
        json!({"maxDispatchesPerSecond": 10.0, "maxBurstSize": 2, "maxConcurrentDispatches": 1000})
    );
    let usual = json!({"maxAttempts": 100, "maxRetryDuration": "0s", "minBackoff": "0.100s", "maxBackoff": "3600s", "maxDoublings": 16});
    assert_eq!(
        (&made["retryConfig"], &made["state"]),
        (&usual, &"RUNNING".into())
    );
    let again = api.bad("POST", &queues, json!({"name": name})).await;
    assert_eq!(
        again,
        refusal(409, "ALREADY_EXISTS", "Queue already exists")
    );
    let patched = api
        .good(
            "PATCH",
            &format!("{path}?updateMask=retry_config.max_attempts"),
            json!({"retryConfig": {"maxAttempts": 7}}),
        )
        .await;
    assert_eq!(
        (
            &patched["retryConfig"]["maxAttempts"],
            &patched["rateLimits"]
        ),
        (&7.into(), &made["rateLimits"])
    );
    assert_eq!(
        api.good("POST", &format!("{path}:pause"), json!({})).await["state"],
        "PAUSED"
    );
    assert_eq!(
        api.good("POST", &format!("{path}:resume"), json!({})).await["state"],
        "RUNNING"
    );
    assert_eq!(
        api.good("POST", &format!("{path}:purge"), json!({})).await["purgeTime"],
        "2026-11-20T12:00:00Z"
    );
    assert_eq!(
        api.good("GET", &queues, json!({})).await["queues"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    api.good("DELETE", &path, json!({})).await;
    let lately = "The queue cannot be created because a queue with this name existed too recently.";
    assert_eq!(
        api.bad("POST", &queues, json!({"name": name})).await,
        refusal(400, "FAILED_PRECONDITION", lately)
    );
    // Patching makes a queue that was not there.
    assert_eq!(
        api.good("PATCH", &format!("{LOCATION}/queues/new"), json!({}))
            .await["name"],
        name.replace("/q", "/new").replace("newueues", "queues")
    );
}

#[tokio::test]
async fn what_is_not_served_is_said_so() {
    let api = Api::new();
    let oidc = json!({"serviceAccountEmail": "a@b.test"});
    let task = json!({"task": {"httpRequest": {"url": "http://a.test/", "oidcToken": oidc}}});
    let (status, _, message) = api.bad("POST", &format!("{DEFAULT}/tasks"), task).await;
    assert!(status == 400 && message.contains("oidcToken"), "{message}");
    for (method, path) in [
        ("POST", format!("{DEFAULT}/tasks:buffer")),
        ("POST", format!("{DEFAULT}:getIamPolicy")),
        ("GET", "/v2/projects/p/locations".to_owned()),
        ("PUT", DEFAULT.to_owned()),
    ] {
        let (status, name, _) = api.bad(method, &path, json!({})).await;
        assert_eq!(
            (status, name.as_str()),
            (501, "UNIMPLEMENTED"),
            "{method} {path}"
        );
    }
    for path in [
        "/",
        "/v2",
        "/v3/projects/p/locations/l/queues",
        "/v2/projects/p/locations/l/queues/q/tasks/t/more",
    ] {
        assert_eq!(api.bad("GET", path, json!({})).await.0, 404, "{path}");
    }
    for path in [
        "/queues/a_b",
        "/queues/default/tasks/a%20b",
        "/queues/default/tasks/%2e%2e",
    ] {
        assert_eq!(
            api.bad("GET", &format!("{LOCATION}{path}"), json!({}))
                .await
                .0,
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let api = Api::new();
    for body in ["", "{", "[]", "null", "\u{0}"] {
        let (status, answer) = api.say("POST", &format!("{DEFAULT}/tasks"), body).await;
        assert_eq!(
            (status, &answer["error"]["status"]),
            (400, &"INVALID_ARGUMENT".into()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_zero_byte_is_refused_wherever_it_stands() {
    let api = Api::new();
    let tasks = format!("{DEFAULT}/tasks");
    let task = json!({"task": {"httpRequest": {"url": "http://a.test/\u{0}"}}});
    let refused = api.bad("POST", &tasks, task).await;
    assert_eq!(
        refused,
        refusal(400, "INVALID_ARGUMENT", "HttpRequest.url has a zero byte.")
    );
    for (path, status) in [
        (
            "/v2/projects/a%00/locations/l/queues/default/tasks".to_owned(),
            404,
        ),
        // "\0" in base64.
        (format!("{tasks}?pageToken=AA"), 400),
    ] {
        assert_eq!(api.bad("GET", &path, json!({})).await.0, status, "{path}");
    }
    // What is hidden in JSON is text like any other.
    let header =
        json!({"task": {"httpRequest": {"url": "http://a.test/", "headers": {"x": "\u{0}"}}}});
    let (status, _) = api.say("POST", &tasks, &header.to_string()).await;
    assert!([200, 400].contains(&status), "{status}");
}
