//! URLs as urlfetch accepts them: parsing, the rules of semantics.md section 13, and resolving a `Location`.
//!
//! `fluent-uri` judges the syntax of RFC 3986. A text that it accepts costs one parse and one allocation. What it rejects is looked
//! at a second time: either a rule of ours names the fault, or path and query are percent-encoded and parsed again.

use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;

use fluent_uri::UriRef;

#[cfg(test)]
#[path = "tests/url.rs"]
mod tests;

/// The longest URL in bytes (semantics.md 13.2 and 20.9): of the text as given, or of what a `Location` resolves to.
pub const MAX_URL: usize = 10_240;

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
    fn named(name: &str) -> Option<Scheme> {
        if name.eq_ignore_ascii_case("https") {
            Some(Scheme::Https)
        } else if name.eq_ignore_ascii_case("http") {
            Some(Scheme::Http)
        } else {
            None
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
    /// Longer than [`MAX_URL`] (13.2).
    TooLong,
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

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            UrlError::TooLong => "the URL is longer than 10,240 bytes",
            UrlError::Scheme(name) if name.is_empty() => {
                "the URL has no scheme; only http and https are fetched"
            }
            UrlError::Scheme(name) => {
                f.write_str("the scheme is ")?;
                f.write_str(name)?;
                "; only http and https are fetched"
            }
            UrlError::NoHost => "the URL has no host",
            UrlError::Port(None) => "the port is not a number up to 65535",
            UrlError::Port(Some(port)) => {
                f.write_str("the port is ")?;
                fmt::Display::fmt(port, f)?;
                "; only 80-90, 440-450 and 1024-65535 are fetched"
            }
            UrlError::UserInfo => "the URL has a user name or a password",
            UrlError::Host(what) => what,
            UrlError::Control => "the URL has a control character",
            UrlError::Syntax => "the URL does not follow RFC 3986",
        };
        f.write_str(text)
    }
}

impl core::error::Error for UrlError {}

impl Url {
    /// Parses an absolute URL and applies every rule of semantics.md section 13.
    ///
    /// In path and query, what RFC 3986 does not allow there is percent-encoded; escapes and dot segments stay as they are.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        if text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
        read(text.as_bytes(), Some(text), None)
    }

    /// Resolves the value of a `Location` header against this URL (RFC 3986 section 5.2, RFC 9110 section 10.2.2).
    ///
    /// The value is bytes, because no rule makes it text: what is not ASCII is percent-encoded byte by byte, in path and query.
    /// Dot segments of what it names are removed; a fragment is dropped, also that of RFC 9110's inheritance, as none is ever sent.
    pub fn resolve(&self, location: &[u8]) -> Result<Url, UrlError> {
        let location = trim(location);
        let url = read(location, core::str::from_utf8(location).ok(), Some(self))?;
        if url.text.len() > MAX_URL {
            return Err(UrlError::TooLong);
        }
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

    fn path(&self) -> &str {
        let target = self.path_and_query();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    fn query(&self) -> Option<&str> {
        self.path_and_query()
            .split_once('?')
            .map(|(_, query)| query)
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
    let written = url.split_once("//").map_or("", |(_, rest)| rest);
    let written = written.split(['/', '?', '#']).next().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    written == authority && decoded(parsed.path()).eq(decoded(path))
}

fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
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
    let [high, low, after @ ..] = after else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some(((digit(*high)? << 4 | digit(*low)?) as u8, after))
}

/// A field value does not include the whitespace around it (RFC 9110 section 5.5).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Reads a URI reference: `bytes`, and the same as `text` where they are text. Without a base it must be absolute, and its path
/// stays as it is.
fn read(bytes: &[u8], text: Option<&str>, base: Option<&Url>) -> Result<Url, UrlError> {
    if let Some(text) = text
        && let Ok(reference) = UriRef::parse(text)
    {
        return transform(reference, base);
    }
    let mended = mend(bytes)?;
    match UriRef::parse(mended.as_str()) {
        Ok(reference) => transform(reference, base),
        Err(_) => Err(UrlError::Syntax),
    }
}

/// RFC 3986 section 5.2.2: which part comes from the reference and which from the base.
fn transform(reference: UriRef<&str>, base: Option<&Url>) -> Result<Url, UrlError> {
    let path = reference.path().as_str();
    let query = reference.query().map(|query| query.as_str());
    let authority = reference.authority().map(|authority| authority.as_str());

    if let Some(name) = reference.scheme() {
        let scheme = scheme_named(name.as_str())?;
        let authority = authority.ok_or(UrlError::NoHost)?;
        let start = if base.is_some() {
            Start::Root
        } else {
            Start::AsIs
        };
        return build(scheme, authority, start, path, query);
    }
    let Some(base) = base else {
        return Err(UrlError::Scheme(String::new()));
    };
    if let Some(authority) = authority {
        return build(base.scheme, authority, Start::Root, path, query);
    }
    let authority = base.authority();
    if path.is_empty() {
        // Section 5.2.2 takes the base path as it is, dot segments included.
        return build(
            base.scheme,
            authority,
            Start::AsIs,
            base.path(),
            query.or(base.query()),
        );
    }
    let start = if path.starts_with('/') {
        Start::Root
    } else {
        Start::Beside(base.path())
    };
    build(base.scheme, authority, start, path, query)
}

fn scheme_named(name: &str) -> Result<Scheme, UrlError> {
    let shown = name.get(..SHOWN_SCHEME).unwrap_or(name);
    Scheme::named(name).ok_or_else(|| UrlError::Scheme(shown.into()))
}

/// What the path of a new URL is relative to.
enum Start<'a> {
    /// Nothing: it is taken as it is.
    AsIs,
    /// The root: dot segments are removed.
    Root,
    /// The last segment of this path (section 5.2.3), dot segments removed from both.
    Beside(&'a str),
}

/// Judges the authority and writes the URL down, in one allocation.
fn build(
    scheme: Scheme,
    authority: &str,
    start: Start<'_>,
    path: &str,
    query: Option<&str>,
) -> Result<Url, UrlError> {
    let (host, port_text) = split_authority(authority)?;
    check_host(host)?;
    let port = check_port(port_text)?.unwrap_or(scheme.default_port());

    let directory = match start {
        Start::Beside(path) => path
            .rfind('/')
            .and_then(|end| path.get(..end + 1))
            .unwrap_or("/"),
        Start::AsIs | Start::Root => "",
    };
    let mut text = String::with_capacity(
        scheme.prefix().len()
            + authority.len()
            + directory.len()
            + path.len()
            + 1
            + query.map_or(0, |query| query.len() + 1),
    );
    text.push_str(scheme.prefix());
    text.push_str(host);
    text.make_ascii_lowercase();
    let host_end = text.len() as u16;
    if port != scheme.default_port() {
        text.push(':');
        text.push_str(port_text.trim_start_matches('0'));
    }
    let authority_end = text.len() as u16;

    match start {
        Start::AsIs if path.starts_with('/') => text.push_str(path),
        _ => {
            text.push('/');
            let root = text.len();
            push_segments(
                &mut text,
                root,
                directory.strip_prefix('/').unwrap_or(directory),
            );
            push_segments(&mut text, root, path.strip_prefix('/').unwrap_or(path));
        }
    }
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    Ok(Url {
        text,
        host_end,
        authority_end,
        port,
        scheme,
    })
}

/// Appends the segments of `path`, where `text` ends in `/`, and obeys the dot segments (RFC 3986 section 5.2.4). `..` never climbs
/// above `root`, the length of the text up to its first slash of the path. `%2e` is an escape, not a dot: escapes are never touched.
fn push_segments(text: &mut String, root: usize, path: &str) {
    for segment in path.split_inclusive('/') {
        match segment.strip_suffix('/').unwrap_or(segment) {
            "." => {}
            ".." => {
                if text.len() > root {
                    text.pop();
                    let parent = text.rfind('/').map_or(root, |slash| slash + 1);
                    text.truncate(parent);
                }
            }
            _ => text.push_str(segment),
        }
    }
}

/// Splits an authority into host and the digits of the port, which are empty when there is none.
fn split_authority(authority: &str) -> Result<(&str, &str), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    // The colons of an IPv6 literal stand between brackets.
    let bracket = if authority.starts_with('[') {
        authority.find(']').unwrap_or_default()
    } else {
        0
    };
    let colon = authority.get(bracket..).and_then(|rest| rest.find(':'));
    let (host, port) = match colon {
        Some(colon) => authority
            .split_at_checked(bracket + colon)
            .unwrap_or_default(),
        None => (authority, ""),
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    Ok((host, port.strip_prefix(':').unwrap_or(port)))
}

/// A host is an IPv6 literal or a name of letters, digits, `-` and `_` in labels of the DNS (RFC 3986 section 3.2.2, RFC 1035
/// section 2.3.4). Names outside ASCII, percent-encoded hosts, zone ids (RFC 6874) and future address forms are refused, because
/// hosts read them differently, and a check that reads a name differently from the resolver is none.
fn check_host(host: &str) -> Result<(), UrlError> {
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal
            .strip_suffix(']')
            .and_then(|text| text.parse::<Ipv6Addr>().ok());
        return address
            .map(|_| ())
            .ok_or(UrlError::Host("the address in brackets is not IPv6"));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > MAX_HOST {
        return Err(UrlError::Host("the host is longer than 253 bytes"));
    }
    let mut label = 0;
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'.' if label == 0 => return Err(EMPTY_LABEL),
            b'.' => label = 0,
            0x80.. => return Err(NOT_ASCII),
            _ => {
                return Err(UrlError::Host(
                    "the host has a character other than letters, digits, '-', '_' and '.'",
                ));
            }
        }
        if label > MAX_LABEL {
            return Err(UrlError::Host("the host has a label longer than 63 bytes"));
        }
    }
    if label == 0 { Err(EMPTY_LABEL) } else { Ok(()) }
}

const NOT_ASCII: UrlError = UrlError::Host("the host is not ASCII; give its xn-- form");
const EMPTY_LABEL: UrlError = UrlError::Host("the host has an empty label");

/// The port that is not the scheme's default by being absent, empty or 0 (semantics.md 13.3, 20.10).
fn check_port(digits: &str) -> Result<Option<u16>, UrlError> {
    let mut port: u32 = 0;
    for byte in digits.bytes() {
        let Some(digit) = char::from(byte).to_digit(10) else {
            return Err(UrlError::Port(None));
        };
        // Saturating, because zeros may lead without end: 65,536 and above stay above.
        port = port.saturating_mul(10).saturating_add(digit);
    }
    match u16::try_from(port) {
        Ok(0) => Ok(None),
        Ok(port @ (80..=90 | 440..=450 | 1024..)) => Ok(Some(port)),
        Ok(port) => Err(UrlError::Port(Some(port))),
        Err(_) => Err(UrlError::Port(None)),
    }
}

/// Looks again at what RFC 3986 rejects: names the fault when a rule of ours is broken before the path, else percent-encodes in
/// path and query every byte that may not stand there (semantics.md 13.7) and drops the fragment.
fn mend(bytes: &[u8]) -> Result<String, UrlError> {
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(UrlError::Control);
    }
    let end = position(bytes, b"#");
    let bytes = bytes.get(..end).unwrap_or_default();

    // A colon before any slash or question mark ends a scheme.
    let colon = position(bytes, b":/?");
    let mut path_start = 0;
    if let (Some(name), Some(rest)) = (bytes.get(..colon), bytes.get(colon..))
        && rest.starts_with(b":")
        && let Ok(name) = core::str::from_utf8(name)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        scheme_named(name)?;
        path_start = colon + 1;
    }
    if let Some([b'/', b'/', rest @ ..]) = bytes.get(path_start..) {
        let authority = rest.get(..position(rest, b"/?")).unwrap_or_default();
        if authority.contains(&b'@') {
            return Err(UrlError::UserInfo);
        }
        let Ok(text) = core::str::from_utf8(authority) else {
            return Err(NOT_ASCII);
        };
        let (host, port) = split_authority(text)?;
        check_host(host)?;
        check_port(port)?;
        path_start += 2 + authority.len();
    }

    let mut mended = String::with_capacity(bytes.len() + bytes.len() / 2);
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let index = bytes.len() - rest.len();
        rest = after;
        let stays = match byte {
            _ if index < path_start => true,
            b'%' => escape(after).is_some(),
            // pchar, slash and question mark (sections 3.3 and 3.4).
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            b':' | b'@' | b'/' | b'?' => true,
            _ => false,
        };
        if stays {
            mended.push(char::from(byte));
        } else {
            let digit = |value: u8| {
                char::from_digit(value.into(), 16)
                    .unwrap_or('0')
                    .to_ascii_uppercase()
            };
            mended.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    Ok(mended)
}

/// The index of the first byte that is one of `stops`; the length when there is none.
fn position(bytes: &[u8], stops: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| stops.contains(byte))
        .unwrap_or(bytes.len())
}
