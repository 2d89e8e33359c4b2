//! The answers of the real service, replayed over HTTP against a server of ours: `tests/cloud-tasks` has them, and says how they are
//! written.

use super::client::ask;
use super::deferring::{File, SECRET};
use super::recording::{Recording, answer};
use super::{Served, Serving, on_sockets};
use crate::programs::DEFERRING;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use urlfetch_host::Issuer;

const LOCATION: &str = "projects/p/locations/l";

#[derive(Deserialize)]
struct Cases<T> {
    case: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrong {
    title: String,
    #[serde(default)]
    before: Vec<(String, String)>,
    call: String,
    #[serde(default)]
    body: String,
    status: u16,
    name: String,
    message: Option<String>,
    #[serde(default)]
    help: bool,
    /// Says where the text is from, to those who read it.
    #[serde(default, rename = "unrecorded")]
    _unrecorded: bool,
}

#[derive(Deserialize)]
struct Differences {
    difference: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    case: String,
    status: u16,
    name: String,
    message: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Right {
    title: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    call: String,
    #[serde(default)]
    body: String,
    answer: String,
    #[serde(default)]
    absent: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    title: String,
    task: String,
    statuses: Vec<u16>,
    method: String,
    path: String,
    content: String,
    attempts: Vec<BTreeMap<String, String>>,
    absent: Vec<String>,
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cloud-tasks")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A server whose API is spoken to by a socket.
struct Api {
    served: Served,
    address: SocketAddr,
    _file: File,
    now: Duration,
}

impl Api {
    async fn start() -> Self {
        let file = File::new();
        let issuer = Issuer::open("http://issuer.test", &file.0.join("tasks.oidc.pem")).unwrap();
        let mut serving = Serving::of(DEFERRING);
        serving.options.tasks = Some(file.open().await.with_issuer(issuer));
        let (served, address) = serving.start_with_tasks().await;
        Api {
            served,
            address,
            _file: file,
            now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
        }
    }

    /// A queue of a case's own.
    async fn queue(&self, id: &str) -> String {
        let queue = format!("{LOCATION}/queues/{id}");
        let body = json!({ "name": queue }).to_string();
        let (status, value) = self.say(&format!("POST {LOCATION}/queues"), &body).await;
        assert_eq!(status, 200, "{value}");
        queue
    }

    async fn say(&self, call: &str, body: &str) -> (u16, Value) {
        let (method, path) = call.split_once(' ').unwrap();
        let length = body.len();
        let said = format!(
            "{method} /v2/{path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = ask(self.address, said).await;
        let value = serde_json::from_slice(&answer.body()).unwrap_or_else(|_| panic!("{answer:?}"));
        let json = "content-type: application/json; charset=utf-8";
        assert!(answer.head.to_lowercase().contains(json), "{answer:?}");
        (answer.status, value)
    }

    /// A text with what stands for something replaced.
    fn fill(&self, text: &str, queue: &str) -> String {
        let id = queue.rsplit('/').next().unwrap();
        let mut text = text
            .replace("{queue}", queue)
            .replace("{location}", LOCATION)
            .replace("{id}", id);
        while let Some(begin) = text.find("{in ") {
            let end = begin + text[begin..].find(" h}").unwrap();
            let hours: u64 = text[begin + 4..end].parse().unwrap();
            text.replace_range(
                begin..end + 3,
                &timestamp(self.now.as_secs() + hours * 3_600),
            );
        }
        while let Some(end) = text.find(" bytes}") {
            let begin = text[..end].rfind('{').unwrap();
            let size: usize = text[begin + 1..end].parse().unwrap();
            text.replace_range(begin..end + 7, &STANDARD.encode(vec![b'x'; size]));
        }
        text
    }
}

/// Seconds since 1970 as RFC 3339 has them.
fn timestamp(seconds: u64) -> String {
    let (mut days, seconds) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |year| if is_leap(year) { 366 } else { 365 };
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!(
        "{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

/// Whether all of `wanted` is in what was seen.
fn fits(seen: &Value, wanted: &Value) -> bool {
    match (seen, wanted) {
        (seen, Value::String(any)) if any == "*" => !seen.is_null(),
        (Value::Object(seen), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| fits(seen.get(name).unwrap_or(&Value::Null), wanted)),
        (Value::Array(seen), Value::Array(wanted)) => {
            seen.len() == wanted.len()
                && seen
                    .iter()
                    .zip(wanted)
                    .all(|(seen, wanted)| fits(seen, wanted))
        }
        (seen, wanted) => seen == wanted,
    }
}

#[test]
fn wrong_calls_are_refused_as_the_service_refuses_them() {
    // CTK-06, CTK-07, CTK-08, CTK-13, CTK-15: errors and the order in which they are found.
    on_sockets(|| async {
        let api = Api::start().await;
        let cases: Cases<Wrong> = read("errors.toml");
        let Differences { mut difference } = read("differences.toml");
        for (index, case) in cases.case.into_iter().enumerate() {
            let queue = api.queue(&format!("wrong-{index}")).await;
            for (call, body) in &case.before {
                let (status, value) = api
                    .say(&api.fill(call, &queue), &api.fill(body, &queue))
                    .await;
                assert_eq!(status, 200, "{}: {value}", case.title);
            }
            let known = difference.iter().position(|it| it.case == case.title);
            let (status, name, message) = match known.map(|index| difference.swap_remove(index)) {
                Some(known) => {
                    assert!(
                        known.status != case.status && !known.why.is_empty(),
                        "{}",
                        case.title
                    );
                    (known.status, known.name, Some(known.message))
                }
                None => (case.status, case.name, case.message),
            };
            let (seen, value) = api
                .say(&api.fill(&case.call, &queue), &api.fill(&case.body, &queue))
                .await;
            let error = &value["error"];
            assert_eq!(
                (seen, &error["code"]),
                (status, &status.into()),
                "{}: {value}",
                case.title
            );
            assert_eq!(error["status"], name, "{}", case.title);
            if let Some(message) = message {
                assert_eq!(
                    error["message"],
                    api.fill(&message, &queue),
                    "{}",
                    case.title
                );
            }
            let help = error["details"][0]["@type"] == "type.googleapis.com/google.rpc.Help";
            assert_eq!(help, case.help, "{}: {value}", case.title);
        }
        assert!(difference.is_empty(), "{} is no case", difference[0].case);
        api.served.stop().await;
    });
}

#[test]
fn right_calls_are_answered_as_the_service_answers_them() {
    on_sockets(|| async {
        let api = Api::start().await;
        let cases: Cases<Right> = read("answers.toml");
        for (index, case) in cases.case.into_iter().enumerate() {
            let queue = api.queue(&format!("right-{index}")).await;
            for step in &case.steps {
                let (status, value) = api
                    .say(&api.fill(&step.call, &queue), &api.fill(&step.body, &queue))
                    .await;
                assert_eq!(status, 200, "{}: {value}", case.title);
                let wanted: Value = serde_json::from_str(&api.fill(&step.answer, &queue)).unwrap();
                assert!(
                    fits(&value, &wanted),
                    "{}: {} {value}",
                    case.title,
                    step.call
                );
                for absent in &step.absent {
                    assert_eq!(value.pointer(absent), None, "{}: {absent}", case.title);
                }
            }
        }
        api.served.stop().await;
    });
}

#[test]
fn deliveries_say_what_the_services_deliveries_say() {
    // TQ-13, CTK-10, CTK-12, CTK-16.
    on_sockets(|| async {
        let api = Api::start().await;
        let cases: Cases<Delivery> = read("deliveries.toml");
        for (index, case) in cases.case.into_iter().enumerate() {
            let queue = api.queue(&format!("delivered-{index}")).await;
            let statuses = case.statuses.clone();
            let origin = Recording::start(move |before, _| answer(statuses[before], "")).await;
            let task = case.task.replace("{url}", origin.url("").as_str());
            let task: Value = serde_json::from_str(&task).unwrap();
            let body = json!({ "task": task }).to_string();
            let (status, value) = api.say(&format!("POST {queue}/tasks"), &body).await;
            assert_eq!(status, 200, "{}: {value}", case.title);
            let asked = origin.asked_times(case.attempts.len()).await;
            let task = value["name"].as_str().unwrap();
            while api.say(&format!("GET {task}"), "").await.0 == 200 {}
            assert_eq!(origin.asked().len(), case.attempts.len(), "{}", case.title);

            for (n, (request, wanted)) in asked.iter().zip(&case.attempts).enumerate() {
                let path = request.uri().path_and_query().unwrap().as_str();
                assert_eq!(
                    (request.method().as_str(), path),
                    (case.method.as_str(), case.path.as_str()),
                    "{}",
                    case.title
                );
                assert_eq!(request.body(), case.content.as_bytes(), "{}", case.title);
                for (name, wanted) in wanted {
                    let authority = origin.url("");
                    let authority = authority.split("//").last().unwrap();
                    let wanted = api.fill(wanted, &queue).replace("{authority}", authority);
                    let mut seen = request.headers().get_all(name).iter();
                    let value = seen.next().map(|value| value.to_str().unwrap());
                    let fits = match wanted.strip_suffix('*') {
                        Some(begin) => value.is_some_and(|value| value.starts_with(begin)),
                        None => value == Some(&wanted),
                    };
                    assert!(
                        fits && seen.next().is_none(),
                        "{}, attempt {n}: {name} is {value:?}",
                        case.title
                    );
                }
                for name in &case.absent {
                    assert_eq!(request.headers().get(name), None, "{}", case.title);
                }
                // Of what the service adds only this is there, and on the first attempt nothing of a retry.
                for name in request.headers().keys().map(|name| name.as_str()) {
                    let is_of_retry = [
                        "x-cloudtasks-taskpreviousresponse",
                        "x-cloudtasks-taskretryreason",
                    ]
                    .contains(&name);
                    assert!(!is_of_retry || n > 0, "{}: {name}", case.title);
                }
            }
        }
        api.served.stop().await;
    });
}
