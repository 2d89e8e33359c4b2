//! A task's JSON, and what is refused before anything is sent.
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Draft, MAX_AHEAD, Retry};
use crate::{Error, Settings};

const KEYS: &str = "a:1111111111111111111111111111111111111111111111111111111111111111";
const SECOND: Duration = Duration::from_secs(1);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250)
}

fn settings() -> Settings {
    Settings::read(|name| match name {
        "URLFETCH_DEFERRED_KEYS" => Some(KEYS.into()),
        "URLFETCH_TASKS_TARGET" => Some("https://app.example.com/".into()),
        "URLFETCH_TASKS_LOCATION" => Some("projects/p/locations/l".into()),
        _ => None,
    })
    .expect("these are settings")
}

fn made(draft: &Draft) -> Result<Value, Error> {
    let ready = draft.ready(b"body", &settings(), "own".into(), now())?;
    Ok(ready.json["task"].clone())
}

fn refused(draft: Draft) -> Error {
    made(&draft).expect_err("it is refused")
}

/// DEF-01, DEF-11
#[test]
fn without_options_it_is_a_post_to_the_default_path_and_queue() {
    let task = made(&Draft::default()).expect("it is made");
    let request = &task["httpRequest"];
    assert_eq!(
        task["name"],
        "projects/p/locations/l/queues/default/tasks/own"
    );
    assert_eq!(request["url"], "https://app.example.com/_ah/queue/deferred");
    assert_eq!(
        (&request["httpMethod"], &request["body"]),
        (&json!("POST"), &json!("Ym9keQ=="))
    );
    let headers = request["headers"].as_object().expect("an object");
    assert_eq!(headers["Content-Type"], "application/octet-stream");
    let envelope = headers["X-Urlfetch-Deferred"].as_str().expect("a text");
    assert!(
        envelope.starts_with(&format!("v1;a;{};", 1_800_000_000 + 31 * 86_400)),
        "{envelope}"
    );
    assert_eq!(headers.len(), 2);
    assert_eq!(
        task.as_object().map(serde_json::Map::len),
        Some(2),
        "nothing else: {task}"
    );
}

/// DEF-10
#[test]
fn a_countdown_is_counted_from_now_and_an_eta_is_an_instant() {
    let minute = SECOND * 60;
    for draft in [
        Draft {
            countdown: Some(minute),
            ..Draft::default()
        },
        Draft {
            eta: Some(now() + minute),
            ..Draft::default()
        },
    ] {
        let task = made(&draft).expect("it is made");
        assert_eq!(task["scheduleTime"], "2027-01-15T08:01:00.250000000Z");
        let envelope = task["httpRequest"]["headers"]["X-Urlfetch-Deferred"].as_str();
        let ends = format!("v1;a;{};", 1_800_000_060 + 31 * 86_400);
        assert!(
            envelope.is_some_and(|envelope| envelope.starts_with(&ends)),
            "{envelope:?}"
        );
    }
    let past = Draft {
        eta: Some(SystemTime::UNIX_EPOCH),
        ..Draft::default()
    };
    assert_eq!(made(&past).expect("it is made").get("scheduleTime"), None);
}

/// DEF-12, DEF-16
#[test]
fn an_eta_is_one_and_at_most_thirty_days_ahead() {
    let both = Draft {
        countdown: Some(SECOND),
        eta: Some(now()),
        ..Draft::default()
    };
    assert!(matches!(refused(both), Error::InvalidTask(_)));
    let ahead = |ahead| Draft {
        countdown: Some(ahead),
        ..Draft::default()
    };
    assert!(made(&ahead(MAX_AHEAD)).is_ok());
    for far in [MAX_AHEAD + Duration::from_nanos(1), Duration::MAX] {
        assert!(matches!(refused(ahead(far)), Error::InvalidEta));
    }
}

/// DEF-14, TQ-07
#[test]
fn names_and_queues_are_judged_by_their_grammar() {
    let named = |name: &str| Draft {
        name: Some(name.into()),
        ..Draft::default()
    };
    let queued = |queue: &str| Draft {
        queue: Some(queue.into()),
        ..Draft::default()
    };
    for good in ["a", "A-b_9", &"a".repeat(500)] {
        assert!(made(&named(good)).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a/b", "ä", &"a".repeat(501)] {
        assert!(
            matches!(refused(named(bad)), Error::InvalidTaskName),
            "{bad}"
        );
    }
    for bad in ["", "a_b", "a/../b", &"a".repeat(101)] {
        assert!(
            matches!(refused(queued(bad)), Error::InvalidQueueName),
            "{bad}"
        );
    }
    let task = made(&queued("mail-2")).expect("it is made");
    assert_eq!(
        task["name"],
        "projects/p/locations/l/queues/mail-2/tasks/own"
    );
}

/// DEF-17, DEF-18
#[test]
fn a_url_is_an_absolute_path_without_a_query_and_empty_is_the_queues_own() {
    let to = |url: &str| Draft {
        url: Some(url.into()),
        queue: Some("q".into()),
        ..Draft::default()
    };
    for (url, path) in [
        ("/custom/path", "/custom/path"),
        ("/a%20b", "/a%20b"),
        ("/", "/"),
        ("", "/_ah/queue/q"),
    ] {
        let task = made(&to(url)).expect("it is made");
        assert_eq!(
            task["httpRequest"]["url"],
            format!("https://app.example.com{path}")
        );
    }
    for bad in [
        "custom",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/a?b",
        "/a#b",
        "/a b",
        "/ä",
        "/a/../b",
        "/a/%2E./b",
        "/a\r\nb",
    ] {
        assert!(matches!(refused(to(bad)), Error::InvalidUrl), "{bad}");
    }
}

/// DEF-27
#[test]
fn headers_are_merged_over_the_default_and_those_of_others_are_refused() {
    let with = |name: &str, value: &str| Draft {
        headers: vec![(name.into(), value.into())],
        ..Draft::default()
    };
    let task = made(&with("content-type", "application/json")).expect("it is made");
    let headers = task["httpRequest"]["headers"]
        .as_object()
        .expect("an object");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers.get("Content-Type"), None);
    for (name, value) in [
        ("", "a"),
        ("a b", "a"),
        ("a:", "a"),
        ("x-a", "a\r\nb: c"),
        ("x-a", " a"),
        ("x-a", "ä"),
        ("Host", "evil.example"),
        ("X_URLFETCH_DEFERRED", "v1"),
    ] {
        assert!(
            matches!(refused(with(name, value)), Error::InvalidTask(_)),
            "{name}: {value}"
        );
    }
}

/// DEF-26, TQ-02; the numbers are those of semantics.md 18.5.
#[test]
fn retry_options_are_the_tasks_own() {
    let retry = |retry| Draft {
        retry: Some(retry),
        ..Draft::default()
    };
    let task = made(&retry(Retry {
        limit: Some(0),
        age_limit: Some(Duration::from_millis(90_001)),
        min_backoff: Some(Duration::from_millis(2_300)),
        max_backoff: Some(SECOND * 300),
        max_doublings: Some(3),
    }));
    assert_eq!(
        task.expect("it is made")["retryConfig"],
        json!({"maxAttempts": 1, "maxRetryDuration": "91s", "minBackoff": "2.300000000s", "maxBackoff": "300s", "maxDoublings": 3})
    );
    // 0 would be no limit.
    let longest = made(&retry(Retry {
        age_limit: Some(Duration::MAX),
        ..Retry::default()
    }));
    assert_eq!(
        longest.expect("it is made")["retryConfig"],
        json!({"maxRetryDuration": format!("{}s", u64::MAX)})
    );
    let nothing = made(&retry(Retry::default())).expect("it is made");
    assert_eq!(nothing["retryConfig"], json!({}));
    let crossed = Retry {
        min_backoff: Some(SECOND * 2),
        max_backoff: Some(SECOND),
        ..Retry::default()
    };
    assert!(matches!(refused(retry(crossed)), Error::InvalidTask(_)));
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (name, value) in [
        ("URLFETCH_TASKS_TARGET", "app.example.com"),
        ("URLFETCH_TASKS_TARGET", "https://"),
        ("URLFETCH_TASKS_TARGET", "https://app.example.com/path"),
        ("URLFETCH_TASKS_API", "https://user@example.com"),
        ("URLFETCH_TASKS_LOCATION", "projects/p"),
        ("URLFETCH_TASKS_LOCATION", "projects/../locations/l"),
        ("URLFETCH_TASKS_LOCATION", "projects/p/locations/l/"),
        ("URLFETCH_DEFERRED_KEYS", "a:1"),
        ("URLFETCH_DEFERRED_KEYS", ""),
    ] {
        let read = Settings::read(|wanted| match wanted {
            _ if wanted == name => Some(value.into()),
            "URLFETCH_DEFERRED_KEYS" => Some(KEYS.into()),
            _ => None,
        });
        let error = read.expect_err(value).to_string();
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
    }
    let mut settings = settings();
    settings.token = Some(super::super::settings::Token("secret".into()));
    assert!(!format!("{settings:?}").contains("secret"));
}
