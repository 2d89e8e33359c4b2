//! URLs as urlfetch accepts them: parsing, the rules of semantics.md section 13, and resolving a `Location`.
//!
//! RFC 3986 in one pass. A general parser would judge the bytes of path and query, which are percent-encoded here where it would
//! refuse them, and the authority, which obeys stricter rules here. Tests compare with `fluent-uri`, which is one.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{
    address,
    policy::UrlLimits,
    text::{ascii, cut, decimal, join, number, push_decimal, push_hex, shown},
};

#[cfg(test)]
#[path = "tests/url.rs"]
mod tests;

/// The longest host and the longest label of one (RFC 1035 section 2.3.4, as text and without a trailing dot).
const MAX_HOST: usize = 253;
const MAX_LABEL: usize = 63;

/// How much of a foreign scheme an error repeats.
const SHOWN_SCHEME: usize = 32;

/// The two schemes that are fetched (semantics.md 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, default port 80.
    Http,
    /// `https`, default port 443.
    Https,
}

impl Scheme {
    /// The scheme that `name` spells in any case (RFC 3986 section 3.1).
    fn named(name: &[u8]) -> Result<Scheme, UrlError> {
        if name.eq_ignore_ascii_case(b"https") {
            Ok(Scheme::Https)
        } else if name.eq_ignore_ascii_case(b"http") {
            Ok(Scheme::Http)
        } else {
            Err(UrlError::Scheme(shown(name, SHOWN_SCHEME)))
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        }
    }

    /// The port of a URL that names none (RFC 9110 sections 4.2.1 and 4.2.2).
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// An http(s) URL that passed every rule of semantics.md section 13, split as a transport wants it. No fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    // Both fit: a host has at most 254 bytes and a port six more.
    host_end: u16,
    authority_end: u16,
    port: u16,
    scheme: Scheme,
}

/// Why a text is no URL that may be fetched (semantics.md section 13; the kind is invalid-url). Displays as one clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Longer than [`UrlLimits::max_length`] (13.2), which it holds.
    TooLong(usize),
    /// Neither http nor https (13.1). Holds the scheme as given, cut to a readable length; empty when there is none.
    Scheme(String),
    /// There is no host (13.1).
    NoHost,
    /// The port is outside the ranges of 13.3 and 20.10. None when it is no number up to 65,535.
    Port(Option<u16>),
    /// `user:password@` (13.4, 20.11).
    UserInfo,
    /// The host breaks a rule; says which.
    Host(&'static str),
    /// A control byte: NUL, TAB, CR, LF, DEL and their kin (13.7).
    Control,
    /// RFC 3986 has no reading for it.
    Syntax,
}

impl UrlError {
    /// One clause for a person.
    pub(crate) fn text(&self) -> String {
        let number;
        let parts = match self {
            UrlError::TooLong(limit) => {
                number = decimal(*limit);
                [
                    "the URL is longer than ",
                    &number,
                    " bytes (set-url-limits)",
                ]
            }
            UrlError::Scheme(name) if name.is_empty() => ["the URL has no scheme", "", ONLY_HTTP],
            UrlError::Scheme(name) => ["the scheme is ", name, ONLY_HTTP],
            UrlError::NoHost => ["the URL has no host", "", ""],
            UrlError::Port(None) => ["the port is not a number up to 65535", "", ""],
            UrlError::Port(Some(port)) => {
                number = decimal((*port).into());
                let only = "; only 80-90, 440-450 and 1024-65535 are fetched (set-url-limits)";
                ["the port is ", &number, only]
            }
            UrlError::UserInfo => ["the URL has a user name or a password", "", ""],
            UrlError::Host(what) => [*what, "", ""],
            UrlError::Control => ["the URL has a control character", "", ""],
            UrlError::Syntax => ["the URL does not follow RFC 3986", "", ""],
        };
        join(&parts)
    }
}

const ONLY_HTTP: &str = "; only http and https are fetched";

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl core::error::Error for UrlError {}

impl Url {
    /// Parses an absolute URL and applies every rule of semantics.md section 13.
    ///
    /// In path and query, what RFC 3986 does not allow there is percent-encoded; escapes and dot segments stay as they are.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        Self::parse_within(UrlLimits::default(), text)
    }

    /// The same within other limits.
    pub fn parse_within(limits: UrlLimits, text: &str) -> Result<Url, UrlError> {
        check_length(text, limits.max_length)?;
        read(text.as_bytes(), None, limits)
    }

    /// Resolves the value of a `Location` header against this URL (RFC 3986 section 5.2, RFC 9110 section 10.2.2).
    ///
    /// The value is bytes, because no rule makes it text: what is not ASCII is percent-encoded byte by byte, in path and query.
    /// Dot segments of what it names are removed; a fragment is dropped, also that of RFC 9110's inheritance, as none is ever sent.
    pub fn resolve(&self, location: &[u8], limits: UrlLimits) -> Result<Url, UrlError> {
        let url = read(trim(location), Some(self), limits)?;
        check_length(&url.text, limits.max_length)?;
        Ok(url)
    }

    /// The whole URL: scheme and host in lower case, default port left out, path at least `/`, no fragment.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case. An IPv6 literal keeps its brackets, a trailing dot stays.
    pub fn host(&self) -> &str {
        self.part(self.scheme.prefix().len(), self.host_end.into())
    }

    /// The effective port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host[:port]`, the default port left out.
    pub fn authority(&self) -> &str {
        self.part(self.scheme.prefix().len(), self.authority_end.into())
    }

    /// `scheme://host[:port]`: two URLs are of one origin (RFC 6454 section 4) when these texts are equal.
    pub fn origin(&self) -> &str {
        self.part(0, self.authority_end.into())
    }

    /// The request target in origin form (RFC 9112 section 3.2.1): begins with `/`.
    pub fn path_and_query(&self) -> &str {
        self.part(self.authority_end.into(), self.text.len())
    }

    /// The path, and the query with its question mark.
    fn target(&self) -> (&[u8], &[u8]) {
        cut(self.path_and_query().as_bytes(), b"?")
    }

    // The offsets are ours and always fit; `get` keeps the panic for the other case out of the component.
    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `url` names the document that is being served (semantics.md 2.3), so that fetching it would only call ourselves.
///
/// The URL's host and port, as written, are compared with `authority` as plain text; then its path with `path`, both
/// percent-decoded, where none equals `/`. Scheme and query do not count. A text that is no URL names no document.
pub fn same_document(url: &str, authority: &str, path: &str) -> bool {
    let Ok(parsed) = Url::parse(url) else {
        return false;
    };
    // What parsed has a scheme and an authority, each behind the first of these.
    let (_, written) = cut(url.as_bytes(), b"/");
    let (written, _) = cut(written.get(2..).unwrap_or_default(), b"/?#");
    let (path, _) = cut(path.as_bytes(), b"?");
    let path = if path.is_empty() { b"/" } else { path };
    written == authority.as_bytes() && decoded(parsed.target().0).eq(decoded(path))
}

fn decoded(mut rest: &[u8]) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let (&byte, after) = rest.split_first()?;
        if let (b'%', Some((value, after))) = (byte, escape(after)) {
            rest = after;
            return Some(value);
        }
        rest = after;
        Some(byte)
    })
}

/// The value of the two hexadecimal digits that follow a `%`, and what comes after them.
fn escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = after.split_at_checked(2)?;
    Some((number(digits, 16)? as u8, after))
}

fn check_length(text: &str, most: usize) -> Result<(), UrlError> {
    if text.len() > most {
        return Err(UrlError::TooLong(most));
    }
    Ok(())
}

/// A field value does not include the whitespace around it (RFC 9110 section 5.5).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Reads a URI reference (RFC 3986 section 4.1) and resolves it against `base` (section 5.2.2). Without a base it must be absolute,
/// and its path stays as it is.
fn read(reference: &[u8], base: Option<&Url>, limits: UrlLimits) -> Result<Url, UrlError> {
    if reference.iter().any(u8::is_ascii_control) {
        return Err(UrlError::Control);
    }
    let (scheme, rest) = match cut(reference, b":/?#") {
        (name, [b':', rest @ ..]) if is_scheme(name) => (Some(Scheme::named(name)?), rest),
        (_, [b':', ..]) => return Err(UrlError::Syntax),
        _ => (None, reference),
    };
    let (authority, rest) = match rest {
        [b'/', b'/', rest @ ..] => {
            let (authority, rest) = cut(rest, b"/?#");
            (Some(authority), rest)
        }
        _ => (None, rest),
    };
    let (mut path, rest) = cut(rest, b"?#");
    let (mut query, _fragment) = cut(rest, b"#");

    let (scheme, authority, start) = match (scheme, authority, base) {
        (Some(scheme), Some(authority), None) => (scheme, authority, Start::AsIs),
        (Some(scheme), Some(authority), Some(_)) => (scheme, authority, Start::Beside(b"")),
        (Some(_), None, _) => return Err(UrlError::NoHost),
        (None, _, None) => return Err(UrlError::Scheme(String::new())),
        (None, Some(authority), Some(base)) => (base.scheme, authority, Start::Beside(b"")),
        (None, None, Some(base)) => {
            let (base_path, base_query) = base.target();
            let start = match path {
                [] => {
                    // Section 5.2.2 takes the base path as it is, dot segments included.
                    path = base_path;
                    if query.is_empty() {
                        query = base_query;
                    }
                    Start::AsIs
                }
                [b'/', ..] => Start::Beside(b""),
                _ => Start::Beside(base_path),
            };
            (base.scheme, base.authority().as_bytes(), start)
        }
    };
    let (host, digits) = split_authority(authority)?;
    check_host(host)?;
    let port = check_port(digits, limits.any_port)?.unwrap_or(scheme.default_port());
    Ok(build(scheme, host, port, start, path, query))
}

/// Whether this is a scheme by its syntax (RFC 3986 section 3.1).
fn is_scheme(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// What the path of a new URL is relative to.
enum Start<'a> {
    /// Nothing: it is taken as it is.
    AsIs,
    /// The last segment of this path (section 5.2.3), which may be empty for the root. Dot segments are removed from both.
    Beside(&'a [u8]),
}

/// Writes the URL down, in one allocation.
fn build(
    scheme: Scheme,
    host: &[u8],
    port: u16,
    start: Start<'_>,
    path: &[u8],
    query: &[u8],
) -> Url {
    // Bytes, and a text at the end: so what stays as it is is copied at once.
    let mut text = Vec::with_capacity(host.len() + path.len() + query.len() + 16);
    text.extend_from_slice(scheme.prefix().as_bytes());
    text.extend(host.iter().map(u8::to_ascii_lowercase));
    let host_end = text.len() as u16;
    if port != scheme.default_port() {
        text.push(b':');
        push_decimal(&mut text, port.into());
    }
    let authority_end = text.len() as u16;

    match start {
        Start::AsIs => {
            if path.is_empty() {
                text.push(b'/');
            }
            push_encoded(&mut text, path);
        }
        Start::Beside(other) => {
            text.push(b'/');
            let root = text.len();
            let slash = other.iter().rposition(|&byte| byte == b'/');
            let directory = slash.and_then(|slash| other.get(..=slash));
            push_segments(&mut text, root, directory.unwrap_or_default());
            push_segments(&mut text, root, path);
        }
    }
    push_encoded(&mut text, query);
    Url {
        text: ascii(text),
        host_end,
        authority_end,
        port,
        scheme,
    }
}

/// Appends the segments of `path`, where `text` ends in `/`, and obeys the dot segments (RFC 3986 section 5.2.4). `..` never climbs
/// above `root`, the length of the text up to its first slash of the path. `%2e` is an escape, not a dot: escapes are never touched.
fn push_segments(text: &mut Vec<u8>, root: usize, path: &[u8]) {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    for segment in path.split_inclusive(|&byte| byte == b'/') {
        match segment.strip_suffix(b"/").unwrap_or(segment) {
            b"." => {}
            b".." => {
                let above = text.get(root..text.len() - 1);
                let slash = above.and_then(|above| above.iter().rposition(|&byte| byte == b'/'));
                text.truncate(slash.map_or(root, |slash| root + slash + 1));
            }
            _ => push_encoded(text, segment),
        }
    }
}

/// Appends a part of path or query, with every byte percent-encoded that may not stand there (semantics.md 13.7).
fn push_encoded(text: &mut Vec<u8>, mut rest: &[u8]) {
    loop {
        let run = rest.iter().position(|&byte| !may_stand(byte));
        let run = run.unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(run).unwrap_or_default();
        text.extend_from_slice(run);
        let [byte, after @ ..] = after else { return };
        text.push(b'%');
        if *byte != b'%' || escape(after).is_none() {
            push_hex(text, *byte);
        }
        rest = after;
    }
}

/// Whether the byte is a slash, a question mark, or a pchar that is no escape (RFC 3986 sections 3.3 and 3.4).
fn may_stand(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
        || matches!(byte, b':' | b'@' | b'/' | b'?')
}

/// Splits an authority into host and the digits of the port, which are empty when there is none.
fn split_authority(authority: &[u8]) -> Result<(&[u8], &[u8]), UrlError> {
    if !cut(authority, b"@").1.is_empty() {
        return Err(UrlError::UserInfo);
    }
    // The colons of an IPv6 literal stand between brackets.
    let literal = match authority {
        [b'[', ..] => cut(authority, b"]").0.len(),
        _ => 0,
    };
    let (_, after) = authority.split_at_checked(literal).unwrap_or_default();
    let (_, port) = cut(after, b":");
    let host = authority.strip_suffix(port).unwrap_or(authority);
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    Ok((host, port.strip_prefix(b":").unwrap_or(port)))
}

/// A host is an IPv6 literal or a name of letters, digits, `-` and `_` in labels of the DNS (RFC 3986 section 3.2.2, RFC 1035
/// section 2.3.4). Names outside ASCII, percent-encoded hosts, zone ids (RFC 6874) and future address forms are refused, because
/// hosts read them differently, and a check that reads a name differently from the resolver is none.
fn check_host(host: &[u8]) -> Result<(), UrlError> {
    if let [b'[', literal @ ..] = host {
        let address = literal.strip_suffix(b"]").and_then(address::parse_v6);
        return match address {
            Some(_) => Ok(()),
            None => Err(UrlError::Host("the address in brackets is not IPv6")),
        };
    }
    let name = host.strip_suffix(b".").unwrap_or(host);
    if name.len() > MAX_HOST {
        return Err(UrlError::Host("the host is longer than 253 bytes"));
    }
    for label in name.split(|&byte| byte == b'.') {
        if label.is_empty() {
            return Err(EMPTY_LABEL);
        }
        if label.len() > MAX_LABEL {
            return Err(UrlError::Host("the host has a label longer than 63 bytes"));
        }
        for byte in label {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {}
                0x80.. => return Err(NOT_ASCII),
                _ => return Err(ODD_CHARACTER),
            }
        }
    }
    Ok(())
}

const NOT_ASCII: UrlError = UrlError::Host("the host is not ASCII; give its xn-- form");
const EMPTY_LABEL: UrlError = UrlError::Host("the host has an empty label");
const ODD_CHARACTER: UrlError =
    UrlError::Host("the host has a character other than letters, digits, '-', '_' and '.'");

/// The port that is not the scheme's default by being absent, empty or 0 (semantics.md 13.3, 20.10).
fn check_port(digits: &[u8], any: bool) -> Result<Option<u16>, UrlError> {
    if digits.is_empty() {
        return Ok(None);
    }
    let port = number(digits, 10).and_then(|port| u16::try_from(port).ok());
    match port {
        Some(0) => Ok(None),
        Some(80..=90 | 440..=450 | 1024..) => Ok(port),
        Some(_) if any => Ok(port),
        _ => Err(UrlError::Port(port)),
    }
}
