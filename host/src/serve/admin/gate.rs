//! Who may read what the console reads, and do what it does: its own page, and programs. Not the page of somebody else in the operator's
//! browser.

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Request};
use std::net::IpAddr;

/// The header of requests that change something; any value will do.
const MARK: &str = "x-urlfetch-console";

/// Why a request is not answered; none when it is.
///
/// A browser that was led here by a name that somebody else owns (DNS rebinding) says that name: so an address is good, and
/// `localhost`, and the names that the operator gave. A page of another origin is told by what the browser says of it, which no page
/// can change; a program says nothing of the kind.
pub(super) fn refuses<B>(request: &Request<B>, names: &[String]) -> Option<String> {
    let headers = request.headers();
    let Some(authority) = authority(headers) else {
        return Some("a request must name one host".into());
    };
    if !is_ours(authority.host(), names) {
        return Some(format!(
            "'{}' is not known to be this server: come by its address, or serve with --admin-host",
            authority.host()
        ));
    }
    // A page may be opened from anywhere; there is nothing in it.
    let is_read_by_a_page = request.uri().path().starts_with("/api/");
    (is_read_by_a_page && !is_same_origin(headers, &authority))
        .then(|| "only for this server's own page, and for programs".into())
}

/// Why a request that changes something is not obeyed, beside what [`refuses`] says; none when it is.
///
/// Nothing is taken on trust from a browser that says nothing of where a request comes from: a page of another origin has to ask for
/// permission before it may send a header like [`MARK`], and nobody here gives it.
pub(super) fn refuses_change<B>(request: &Request<B>) -> Option<String> {
    let site = request.headers().get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return Some("only for this server's own page, and for programs".into());
    }
    (!request.headers().contains_key(MARK))
        .then(|| format!("what changes something needs the header '{MARK}: 1'"))
}

fn authority(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?;
    match hosts.next() {
        None => Authority::try_from(host.as_bytes()).ok(),
        Some(_) => None,
    }
}

fn is_ours(host: &str, names: &[String]) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let name = host.strip_suffix('.').unwrap_or(host);
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    bare.parse::<IpAddr>().is_ok() || is("localhost") || names.iter().any(|known| is(known))
}

fn is_same_origin(headers: &HeaderMap, authority: &Authority) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    // A proxy in front may have taken TLS off.
    let origin = origin.to_str().unwrap_or_default();
    let origin = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    origin.is_some_and(|origin| origin.eq_ignore_ascii_case(authority.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let names = ["console.test".to_owned()];
        refuses(&request.body(()).unwrap(), &names).is_some()
    }

    #[test]
    fn an_address_and_a_known_name_are_good_and_a_name_that_was_rebound_is_not() {
        for host in [
            "127.0.0.1:8081",
            "10.1.2.3",
            "[::1]:8081",
            "localhost:1",
            "LOCALHOST",
            "Console.test:80",
            "localhost.",
        ] {
            assert!(!refused("/api/requests", &[("host", host)]), "{host}");
        }
        for host in [
            "evil.test:8081",
            "127.0.0.1.evil.test",
            "localhost.evil.test",
            "x.console.test",
            "",
        ] {
            assert!(refused("/", &[("host", host)]), "{host}");
        }
        assert!(refused("/", &[]));
        let two = [("host", "localhost"), ("host", "evil.test")];
        assert!(refused("/", &two));
    }

    #[test]
    fn what_changes_something_has_a_header_that_no_other_page_can_send() {
        let refused = |headers: &[(&str, &str)]| {
            let mut request = Request::post("/api/tasks/q:purge");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            refuses_change(&request.body(()).unwrap()).is_some()
        };
        let mark = (MARK, "1");
        assert!(!refused(&[mark]));
        assert!(!refused(&[mark, ("sec-fetch-site", "same-origin")]));
        assert!(refused(&[]));
        assert!(refused(&[("sec-fetch-site", "same-origin")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(refused(&[mark, ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn what_is_read_is_read_by_our_own_page_or_by_programs() {
        let with = |name, value| refused("/api/errors", &[("host", "127.0.0.1:1"), (name, value)]);
        assert!(!with("sec-fetch-site", "same-origin"));
        assert!(!with("sec-fetch-site", "none"));
        assert!(!with("origin", "http://127.0.0.1:1"));
        assert!(with("sec-fetch-site", "cross-site"));
        // Another port of the same machine.
        assert!(with("sec-fetch-site", "same-site"));
        assert!(with("origin", "http://127.0.0.1:2"));
        assert!(with("origin", "null"));
        let page = [("host", "127.0.0.1:1"), ("sec-fetch-site", "cross-site")];
        assert!(!refused("/", &page));
    }
}
