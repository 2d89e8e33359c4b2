//! Batches as a client meets them: what is done of them, and what is told of the rest.

use super::super::api::call;
use super::super::moment::SECOND;
use super::super::place::Place;
use super::*;
use http::{Method, Uri};

const QUEUE: &str = "projects/p/locations/l/queues/default";
const NOW: Moment = Moment(1_795_176_000 * SECOND);

struct Api {
    place: Place,
}

impl Api {
    fn new() -> Self {
        Api {
            place: Place::new(),
        }
    }

    async fn say(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let uri: Uri = format!("/v2/{path}").parse().unwrap();
        let body = body.to_string();
        let response = call(
            &self.place.store,
            None,
            &method,
            &uri,
            body.as_bytes(),
            "made".into(),
            NOW,
        )
        .await;
        let value = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), value)
    }

    async fn batch(&self, verb: &str, body: Value) -> (u16, Value) {
        self.say(Method::POST, &format!("{QUEUE}/tasks:{verb}"), body)
            .await
    }

    /// The ids of the tasks there are.
    async fn ids(&self) -> Vec<String> {
        let (_, listed) = self
            .say(Method::GET, &format!("{QUEUE}/tasks"), json!({}))
            .await;
        let tasks = listed["tasks"].as_array().cloned().unwrap_or_default();
        let name = |task: &Value| task["name"].as_str().unwrap().to_owned();
        let id = |task: &Value| name(task).rsplit('/').next().unwrap().to_owned();
        tasks.iter().map(id).collect()
    }
}

fn wanted(id: &str) -> Value {
    json!({"parent": QUEUE, "task": {"name": format!("{QUEUE}/tasks/{id}"), "httpRequest": {"url": "http://a.test/"}}})
}

#[tokio::test]
async fn a_batch_does_what_can_be_done_and_tells_the_rest_by_its_place() {
    let api = Api::new();
    let unnamed = json!({"task": {"httpRequest": {"url": "http://a.test/", "body": "eA=="}}, "responseView": "FULL"});
    let requests = json!([
        wanted("a"), wanted("a"), unnamed, {"task": {"httpRequest": {"url": "ftp://a"}}}, {}, wanted("a b"),
    ]);
    let body = json!({"parent": QUEUE, "requests": requests, "requestId": "x"});
    let (status, answer) = api.batch("batchCreate", body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["done"], true);
    assert_eq!(answer["name"], "projects/p/locations/l/operations/made");
    let tasks = answer["response"]["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 2);
    assert_eq!(tasks[0]["name"], format!("{QUEUE}/tasks/a"));
    assert_eq!(
        (&tasks[1]["name"], &tasks[1]["httpRequest"]["body"]),
        (&format!("{QUEUE}/tasks/made-2").into(), &"eA==".into())
    );
    assert_eq!(answer["metadata"]["state"], "PARTIALLY_SUCCEEDED");
    let failed = &answer["metadata"]["failedRequests"];
    for (index, code, message) in [
        ("1", 6, "Requested entity already exists"),
        (
            "3",
            3,
            "HttpTarget.url must start with 'http://' or 'https://'.",
        ),
        ("4", 3, "CreateTaskRequest.task is required."),
    ] {
        assert_eq!(failed[index], json!({"code": code, "message": message}));
    }
    assert_eq!(
        failed["5"]["details"][0]["@type"],
        "type.googleapis.com/google.rpc.Help"
    );
    assert_eq!(failed.as_object().unwrap().len(), 4);
    assert_eq!(api.ids().await, ["a", "made-2"]);

    let name = |id: &str| format!("{QUEUE}/tasks/{id}");
    let other = "projects/p/locations/l/queues/other/tasks/a";
    let names = [&name("a"), &name("a"), &name("never"), other];
    let (status, answer) = api.batch("batchDelete", json!({"names": names})).await;
    assert_eq!(
        (status, &answer["metadata"]["state"]),
        (200, &"PARTIALLY_SUCCEEDED".into())
    );
    let codes: Vec<_> = ["1", "2", "3"]
        .iter()
        .map(|index| answer["metadata"]["failedRequests"][index]["code"].clone())
        .collect();
    assert_eq!(codes, [5, 5, 3]);
    assert_eq!(api.ids().await, ["made-2"]);
}

#[tokio::test]
async fn a_batch_of_which_nothing_was_done_is_an_operation_that_failed() {
    let api = Api::new();
    let (status, answer) = api
        .batch(
            "batchDelete",
            json!({"names": [format!("{QUEUE}/tasks/never")]}),
        )
        .await;
    assert_eq!((status, &answer["done"]), (200, &true.into()));
    assert_eq!(
        (&answer["error"]["code"], &answer["response"]),
        (&10.into(), &Value::Null)
    );
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("BatchDeleteTasksMetadata.failed_requests"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_no_batch_does_nothing() {
    let api = Api::new();
    let many = |count: usize| {
        (0..count)
            .map(|n| wanted(&format!("t{n}")))
            .collect::<Vec<_>>()
    };
    let names = |count: usize| {
        (0..count)
            .map(|n| format!("{QUEUE}/tasks/t{n}"))
            .collect::<Vec<_>>()
    };
    let mut stray = wanted("a");
    stray["parent"] = "projects/p/locations/l/queues/other".into();
    for (verb, body) in [
        ("batchCreate", json!({})),
        ("batchCreate", json!({"requests": []})),
        ("batchCreate", json!({"requests": many(101)})),
        (
            "batchCreate",
            json!({"requests": [wanted("a"), {"tusk": {}}]}),
        ),
        (
            "batchCreate",
            json!({"requests": [wanted("a"), {"task": {"x": 1}}]}),
        ),
        ("batchCreate", json!({"requests": [wanted("a"), 1]})),
        ("batchCreate", json!({"requests": [wanted("a"), stray]})),
        (
            "batchCreate",
            json!({"parent": "projects/p/locations/l/queues/other", "requests": [wanted("a")]}),
        ),
        ("batchDelete", json!({"names": names(1_001)})),
        ("batchDelete", json!({"names": [1]})),
        ("batchDelete", json!({"names": [], "more": 1})),
    ] {
        let (status, answer) = api.batch(verb, body.clone()).await;
        assert_eq!(
            (status, &answer["error"]["status"]),
            (400, &"INVALID_ARGUMENT".into()),
            "{body}"
        );
    }
    let (_, answer) = api
        .batch(
            "batchCreate",
            json!({"requests": [wanted("a"), {"task": {"x": 1}}]}),
        )
        .await;
    assert_eq!(
        answer["error"]["message"],
        "Invalid JSON payload received. Unknown name \"x\" at 'requests[1].task': Cannot find field."
    );
    assert_eq!(api.ids().await, Vec::<String>::new());
    let unknown = "projects/p/locations/l/queues/unknown/tasks:batchCreate";
    let (status, _) = api
        .say(Method::POST, unknown, json!({"requests": [{}]}))
        .await;
    assert_eq!(status, 404);
    // The most there may be.
    assert_eq!(
        api.batch("batchCreate", json!({"requests": many(100)}))
            .await
            .0,
        200
    );
    let (status, answer) = api.batch("batchDelete", json!({"names": names(100)})).await;
    assert_eq!(
        (status, &answer["metadata"]["state"]),
        (200, &"SUCCEEDED".into())
    );
}
