//! URLs and `Location`: parsing, resolving, and whether a host is public. A base, a line feed, and what was in the header.

use std::net::{Ipv4Addr, Ipv6Addr};

use fluent_uri::{Uri, UriRef};
use urlfetch_core::{
    address::is_public_host,
    policy::{MAX_URL, Policy, UrlLimits},
    url::{Url, UrlError},
};

/// Judges what becomes of an input.
pub fn check(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == b'\n');
    let (base, location) = match at {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (&b"http://a/b/c/d;p?q"[..], input),
    };
    let text = String::from_utf8_lossy(base);
    let parsed = Url::parse(&text);
    check_parsed(&text, &parsed);
    let Ok(base) = parsed else { return };
    let resolved = base.resolve(location, UrlLimits::default());
    if let Ok(url) = &resolved {
        check_url(url);
        // What it resolved to is absolute and has no dot segments but those of the base: it resolves to itself anywhere.
        let again = base
            .resolve(url.as_str().as_bytes(), UrlLimits::default())
            .expect("it is a URL");
        let settled = again.resolve(again.as_str().as_bytes(), UrlLimits::default());
        assert_eq!(settled.as_ref(), Ok(&again));
    }
    check_by_rfc_3986(&base, location, &resolved);
}

/// `fluent-uri` reads the text as well: what follows RFC 3986 keeps its parts, and what is refused is refused by a rule of ours.
fn check_parsed(text: &str, parsed: &Result<Url, UrlError>) {
    if let Ok(url) = parsed {
        check_url(url);
    }
    match (Uri::parse(text), parsed) {
        (Ok(uri), Ok(url)) => {
            let authority = uri.authority().expect("http has one");
            assert!(url.host().eq_ignore_ascii_case(authority.host()));
            let path = match uri.path().as_str() {
                "" => "/",
                path => path,
            };
            let query = uri.query().map(|query| format!("?{query}"));
            assert_eq!(
                url.path_and_query(),
                format!("{path}{}", query.unwrap_or_default())
            );
        }
        (Ok(uri), Err(error)) => {
            assert!(!matches!(error, UrlError::Syntax | UrlError::Control));
            let has_other_scheme = !["http", "https"]
                .iter()
                .any(|name| uri.scheme().as_str().eq_ignore_ascii_case(name));
            if matches!(error, UrlError::Scheme(_)) {
                assert!(has_other_scheme);
            }
        }
        (Err(_), _) => {}
    }
}

/// The reference resolution of RFC 3986, section 5.2, by `fluent-uri`.
fn check_by_rfc_3986(base: &Url, location: &[u8], resolved: &Result<Url, UrlError>) {
    let Ok(text) = std::str::from_utf8(location) else {
        return;
    };
    // The judge takes an escaped dot for a dot, where an escape is left alone here.
    let dots = |text: &str| text.to_ascii_lowercase().contains("%2e");
    if dots(text) || dots(base.as_str()) {
        return;
    }
    let (Ok(reference), Ok(judge)) = (UriRef::parse(text), Uri::parse(base.as_str())) else {
        return;
    };
    // And it removes the dot segments of a base before it merges, which section 5.2.1 permits and nothing asks for.
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    if judge.path().as_str().split('/').any(is_dots) {
        return;
    }
    let Ok(target) = reference.resolve_against(&judge) else {
        return;
    };
    match resolved {
        Ok(url) => assert_eq!(
            Url::parse(target.as_str()).as_ref(),
            Ok(url),
            "{base} {text}"
        ),
        Err(error) => {
            assert!(!matches!(error, UrlError::Syntax | UrlError::Control));
            let judged = Url::parse(target.as_str());
            assert!(judged.is_err(), "{base} {text}: {error}");
        }
    }
}

/// What every URL that passed promises.
fn check_url(url: &Url) {
    let text = url.as_str();
    assert!(
        text.len() <= MAX_URL + 2 * MAX_URL,
        "escapes at most treble it"
    );
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#'),
        "{text}"
    );
    assert_eq!(text, format!("{}{}", url.origin(), url.path_and_query()));
    assert!(url.path_and_query().starts_with('/'));
    assert!(url.origin().ends_with(url.authority()) && url.authority().starts_with(url.host()));
    assert!(!url.authority().contains('@') && !url.host().is_empty());
    assert!(matches!(url.port(), 80..=90 | 440..=450 | 1024..));
    assert!(Uri::parse(text).is_ok(), "{text}");
    if text.len() <= MAX_URL {
        assert_eq!(Url::parse(text).as_ref(), Ok(url));
    }
    check_host(url);
}

/// The WHATWG parser, which browsers share, reads the host as an address or as a name: a private address is public in no spelling.
fn check_host(url: &Url) {
    let is_public = is_public_host(url.host());
    assert_eq!(Policy::default().permits(url).is_ok(), is_public);
    let text = format!("http://{}/", url.host());
    let address = match url::Url::parse(&text).as_ref().map(|url| url.host()) {
        Ok(Some(url::Host::Ipv4(address))) => is_plainly_private(address),
        Ok(Some(url::Host::Ipv6(address))) => is_plainly_private_v6(address),
        _ => return,
    };
    assert!(!(address && is_public), "{}", url.host());
}

fn is_plainly_private(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || (a == 100 && b & 0xc0 == 64)
        || a >= 240
        || a == 0
}

fn is_plainly_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.to_ipv4().is_some_and(is_plainly_private)
}
