//! The door between strangers and the application: what only a delivery may say is taken from those who say it outside.

use super::server::Shared;
use crate::oidc::Judged;
use crate::tasks;
use http::{HeaderMap, Request, StatusCode};
use percent_encoding::percent_decode_str;
use std::time::SystemTime;

/// How the names of headers begin that only a delivery has.
const OURS: [&str; 4] = ["x-cloudtasks-", "x-appengine-", "x-google-", "x-urlfetch-"];
/// What only deliveries may ask for: the segments that its path begins with.
const QUEUES: [&str; 2] = ["_ah", "queue"];

/// Takes away what a request from outside may not say, unless it shows a token of those who are trusted to deliver: then it is a
/// delivery, and stays as it is. Otherwise what only deliveries may ask for is for those who know the server's own token. Refuses with a
/// status and a word.
pub(super) async fn admit<B>(
    shared: &Shared,
    request: &mut Request<B>,
) -> Result<(), (StatusCode, &'static str)> {
    let tasks = shared.options.tasks.as_ref();
    if tasks.is_none() && shared.calls.is_none() && shared.trust.is_none() {
        return Ok(());
    }
    let is_queue = is_queue(request.uri().path());
    let said = tasks::bearer(request).map(str::to_owned);
    let matters = is_queue || request.headers().keys().any(|name| is_ours(name.as_str()));
    if matters && let (Some(trust), Some(said)) = (&shared.trust, &said) {
        match trust.judge(said, SystemTime::now()).await {
            Judged::Good => return Ok(()),
            Judged::Bad(reason) => {
                tracing::debug!(target: "tasks", reason, "a token is not trusted");
            }
            Judged::Unknown(reason) => {
                tracing::warn!(target: "tasks", reason, "a token cannot be judged");
                let word = "the keys of tokens cannot be had now";
                return Err((StatusCode::SERVICE_UNAVAILABLE, word));
            }
        }
    }
    strip(request.headers_mut());
    let knows = tasks
        .zip(said)
        .is_some_and(|(tasks, said)| tasks.knows(&said));
    match !is_queue || knows {
        true => Ok(()),
        false => Err((StatusCode::FORBIDDEN, "only deliveries of tasks come here")),
    }
}

/// Removes the headers of deliveries. An application may read `x_appengine_taskname` as `X-AppEngine-TaskName`: both are the variable
/// `HTTP_X_APPENGINE_TASKNAME` in WSGI.
fn strip(headers: &mut HeaderMap) {
    let forged: Vec<_> = headers
        .keys()
        .filter(|name| is_ours(name.as_str()))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
}

fn is_ours(name: &str) -> bool {
    let name = name.replace('_', "-");
    OURS.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether an application may take a path for one below `/_ah/queue`, when it decodes it, merges slashes or resolves dots; or when it
/// resolves none, and the dots lead out again.
fn is_queue(path: &str) -> bool {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
        if parts.len() == QUEUES.len()
            && parts
                .iter()
                .zip(QUEUES)
                .all(|(part, of)| part.eq_ignore_ascii_case(of))
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_delivery_says_is_taken_away_in_every_spelling() {
        let mut headers = HeaderMap::new();
        for name in [
            "X-CloudTasks-TaskName",
            "x-appengine-taskname",
            "X_AppEngine_TaskName",
            "x-APPENGINE_queuename",
            "X-Google-Internal",
            "X-Urlfetch-Deferred",
            "x_urlfetch_deferred",
            "X-Request-Id",
            "X-Googlebot",
        ] {
            headers.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                "x".parse().unwrap(),
            );
        }
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-googlebot", "x-request-id"]);
    }

    #[test]
    fn a_path_below_the_queues_is_one_in_every_spelling() {
        for path in [
            "/_ah/queue",
            "/_ah/queue/deferred",
            "//_ah//queue/deferred",
            "/%5fah/queue/deferred",
            "/_ah%2fqueue/deferred",
            "/x/../_ah/./queue/deferred",
            "/_AH/Queue/deferred",
            "/_ah\\queue\\deferred",
            "/_ah/queue/../x",
            "/_ah/queue/%2e%2e/%2e%2e/x",
        ] {
            assert!(is_queue(path), "{path}");
        }
        for path in [
            "/",
            "/_ah/queues",
            "/_ah/warmup",
            "/x/_ah/queue/deferred",
            "/_ah/../queue",
        ] {
            assert!(!is_queue(path), "{path}");
        }
    }
}
