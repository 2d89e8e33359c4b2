//! The console's page, out of `host/console`: a browser's files as they are written there.

use super::{Answer, say};
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};

/// Nothing but the page's own files, and no text that becomes markup or a script: not even by a mistake of ours.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($content_type:expr, $name:literal) => {
        (
            $content_type,
            include_str!(concat!("../../../console/", $name)),
        )
    };
}

/// A file of the page; none when there is none of that name.
pub(super) fn file(path: &str) -> Option<Answer> {
    let (content_type, text) = match path {
        "/" => file!(HTML, "index.html"),
        "/console.css" => file!(CSS, "console.css"),
        "/console.js" => file!(SCRIPT, "console.js"),
        "/requests.js" => file!(SCRIPT, "requests.js"),
        "/waterfall.js" => file!(SCRIPT, "waterfall.js"),
        "/tasks.js" => file!(SCRIPT, "tasks.js"),
        "/errors.js" => file!(SCRIPT, "errors.js"),
        "/elements.js" => file!(SCRIPT, "elements.js"),
        "/icon.svg" => file!("image/svg+xml", "icon.svg"),
        _ => return None,
    };
    let mut response = say(StatusCode::OK, content_type, text);
    let policy = HeaderValue::from_static(POLICY);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    Some(response)
}
