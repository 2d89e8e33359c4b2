//! The door between strangers and the application: what only a delivery may say is taken from those who say it outside.

use crate::tasks::{self, Tasks};
use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;

/// How the names of headers begin that only a delivery has.
const OURS: [&str; 4] = ["x-cloudtasks-", "x-appengine-", "x-google-", "x-urlfetch-"];
/// What only deliveries may ask for.
const QUEUES: &str = "_ah/queue";

/// Takes away what a request from outside may not say. False when it asks for what only deliveries may, and does not know the token.
pub(super) fn admits<B>(tasks: &Tasks, request: &mut Request<B>) -> bool {
    strip(request.headers_mut());
    !is_queue(request.uri().path()) || tasks::bearer(request).is_some_and(|said| tasks.knows(said))
}

/// Removes the headers of deliveries. An application may read `x_appengine_taskname` as `X-AppEngine-TaskName`: both are the variable
/// `HTTP_X_APPENGINE_TASKNAME` in WSGI.
fn strip(headers: &mut HeaderMap) {
    let ours = |name: &str| {
        let name = name.replace('_', "-");
        OURS.iter().any(|prefix| name.starts_with(prefix))
    };
    let forged: Vec<_> = headers
        .keys()
        .filter(|name| ours(name.as_str()))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
}

/// Whether an application may take a path for one below `/_ah/queue`, when it decodes it, merges slashes or resolves dots.
fn is_queue(path: &str) -> bool {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/").to_ascii_lowercase();
    path.strip_prefix(QUEUES)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        ] {
            assert!(is_queue(path), "{path}");
        }
        for path in [
            "/",
            "/_ah/queues",
            "/_ah/warmup",
            "/x/_ah/queue/deferred",
            "/_ah/queue/../x",
        ] {
            assert!(!is_queue(path), "{path}");
        }
    }
}
