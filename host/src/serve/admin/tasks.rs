//! Queues and tasks: what the console reads of them, and what it has done to them.

use super::super::server::Shared;
use super::{Answer, JSON, TEXT, api, say};
use crate::tasks::{After, Tasks};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

/// Where all of it is.
pub(super) const PATH: &str = "/api/tasks";
const NOT_ANSWERED: &str = "there are tasks and tasks/QUEUE; POST tasks/QUEUE:pause, :resume and :purge, POST tasks/TASK:run, DELETE tasks/TASK\n";

/// Whether this is a path of queues and tasks.
pub(super) fn is_here(path: &str) -> bool {
    path.strip_prefix(PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a GET: the queues, or one of them with a page of its tasks.
pub(super) async fn read(
    shared: &Shared,
    path: &str,
    query: Option<&str>,
) -> Result<Value, (StatusCode, String)> {
    let Some(tasks) = &shared.options.tasks else {
        return Ok(json!({"on": false, "now": api::now()}));
    };
    let unavailable = |reason| (StatusCode::SERVICE_UNAVAILABLE, reason);
    match path.strip_prefix(PATH).unwrap_or_default() {
        "" => {
            let queues = tasks.overview().await.map_err(unavailable)?;
            Ok(json!({"on": true, "now": api::now(), "queues": queues}))
        }
        queue => {
            let queue = queue.trim_start_matches('/');
            let mut pairs = query.unwrap_or_default().split('&');
            let after = match pairs.find_map(|pair| pair.strip_prefix("after=")) {
                None => None,
                Some(text) => Some(After::parse(text).ok_or_else(|| {
                    let reason = format!("after='{text}': is no place that was given");
                    (StatusCode::BAD_REQUEST, reason)
                })?),
            };
            let page = tasks.page(queue, after).await.map_err(unavailable)?;
            page.ok_or_else(|| {
                (
                    StatusCode::NOT_FOUND,
                    format!("there is no queue '{queue}'"),
                )
            })
        }
    }
}

/// Does what a POST or a DELETE says. The answer is that of the API of tasks.
pub(super) async fn change(shared: &Shared, method: &Method, path: &str) -> Answer {
    let name = path.strip_prefix(PATH).unwrap_or_default();
    let wanted = wanted(method, name);
    match (&shared.options.tasks, wanted) {
        (_, false) => {
            let mut response = say(StatusCode::METHOD_NOT_ALLOWED, TEXT, NOT_ANSWERED);
            let allowed = HeaderValue::from_static("GET, HEAD, POST, DELETE");
            response.headers_mut().insert(ALLOW, allowed);
            response
        }
        (None, true) => say(StatusCode::NOT_FOUND, TEXT, "this server keeps no tasks\n"),
        (Some(tasks), true) => done(tasks, method, name).await,
    }
}

async fn done(tasks: &Tasks, method: &Method, name: &str) -> Answer {
    let Ok(uri) = format!("/v2{name}").parse::<Uri>() else {
        return say(StatusCode::BAD_REQUEST, TEXT, "that is no name\n");
    };
    let (head, body) = tasks.call(method, &uri, b"").await.into_parts();
    tracing::info!(target: "admin", %method, name, status = head.status.as_u16(), "tasks");
    say(head.status, JSON, body)
}

/// Whether it is one of the things that may be done here.
fn wanted(method: &Method, name: &str) -> bool {
    // Not by what it contains: a project may be called so.
    let is_task = name.rsplit('/').nth(1) == Some("tasks");
    let verb = name.rsplit_once(':').map(|(_, verb)| verb);
    match (method, verb) {
        (&Method::POST, Some("pause" | "resume" | "purge")) => !is_task,
        (&Method::POST, Some("run")) => is_task,
        (&Method::DELETE, _) => is_task,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_not_deleted_and_tasks_not_made() {
        let queue = "/projects/p/locations/l/queues/q";
        let task = format!("{queue}/tasks/t");
        let can = |method: &Method, name: &str| wanted(method, name);
        for verb in ["pause", "resume", "purge"] {
            assert!(can(&Method::POST, &format!("{queue}:{verb}")));
            assert!(!can(&Method::POST, &format!("{task}:{verb}")));
        }
        assert!(can(&Method::POST, &format!("{task}:run")));
        assert!(can(&Method::DELETE, &task));
        assert!(!can(&Method::DELETE, queue));
        assert!(!can(&Method::POST, &format!("{queue}/tasks")));
        assert!(!can(&Method::PATCH, queue));
        let of_tasks = "/projects/tasks/locations/tasks/queues/q";
        assert!(can(&Method::POST, &format!("{of_tasks}:purge")));
        assert!(!can(&Method::DELETE, of_tasks));
        assert!(is_here("/api/tasks") && is_here("/api/tasks/x") && !is_here("/api/tasksx"));
    }
}
