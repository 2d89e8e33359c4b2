//! Header lines: which ones a caller may send, and what goes out on each hop. Semantics.md section 11 and 21.3.
use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::text::{decimal, join, shown};

/// Header lines in order, repeats kept. Names are ASCII and caseless; values are bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// Header lines as they go out, copied only where they are put together.
pub type Lines<'a> = Vec<(&'a str, Cow<'a, [u8]>)>;

/// The most bytes of header lines a request may have, each line counted with four more for its punctuation (semantics.md 12.3).
pub const MAX_HEADER_SECTION: usize = 16 * 1024;

/// The most header lines a request may have. wasmtime counts 72 bytes more for each and traps above 128 KiB in all, which 16 KiB of
/// short lines would exceed.
pub const MAX_HEADER_LINES: usize = 1_000;

/// What a caller may not set. First the seven that App Engine protects (11.1), then what hosts forbid because it is about the
/// connection (21.3), then `expect`, whose answer could not be heard.
const PROTECTED: [&str; 16] = [
    "content-length",
    "host",
    "vary",
    "via",
    "x-forwarded-for",
    "x-proxyuser-ip",
    "x-appengine-inbound-appid",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// What stays behind when a redirect leaves the origin (10.7).
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// Whether a caller's header is dropped and reported instead of sent.
pub fn is_protected(name: &str) -> bool {
    is_one_of(name, &PROTECTED)
}

/// Whether a header is dropped when a redirect leaves the origin.
pub fn is_credential(name: &str) -> bool {
    is_one_of(name, &CREDENTIALS)
}

/// The first line that no HTTP message can carry, told for a person: a name that is no token (RFC 9110, 5.6.2), or a value with a
/// control byte other than tab (RFC 9110, 5.5).
pub fn find_invalid(headers: &[(String, Vec<u8>)]) -> Option<String> {
    headers.iter().find_map(|(name, value)| {
        if name.is_empty() || !name.bytes().all(is_token) {
            let shown = shown(name.as_bytes(), 64);
            return Some(join(&["header name \"", &shown, "\" is not a token"]));
        }
        let control = value
            .iter()
            .any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f);
        control.then(|| {
            join(&[
                "header ",
                name,
                " has a control byte (CR, LF, NUL) in its value",
            ])
        })
    })
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The size that [`MAX_HEADER_SECTION`] limits, in bytes.
pub fn section_size(headers: &[(String, Vec<u8>)]) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum()
}

/// The value of the first line of this name.
pub fn get<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let line = headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    line.map(|(_, value)| value.as_slice())
}

/// The names of the lines that will not be sent, as the caller spelled them, removed from `headers`.
pub fn take_protected(headers: &mut Headers) -> Vec<String> {
    if !headers.iter().any(|(name, _)| is_protected(name)) {
        return Vec::new();
    }
    let (rejected, kept) = core::mem::take(headers)
        .into_iter()
        .partition(|(name, _)| is_protected(name));
    *headers = kept;
    let rejected: Headers = rejected;
    rejected.into_iter().map(|(name, _)| name).collect()
}

/// What one hop needs besides the caller's own lines.
pub(crate) struct Additions<'a> {
    /// The product text; empty for none.
    pub(crate) user_agent: &'a str,
    /// Ask for gzip.
    pub(crate) gzip: bool,
    /// Default content type of a form (11.4).
    pub(crate) form: bool,
    /// Length of the payload, where the method has one.
    pub(crate) content_length: Option<usize>,
}

/// The lines of one hop: the caller's in their order, then what the service adds (11.2 to 11.5).
pub(crate) fn assemble<'a>(kept: &'a [(String, Vec<u8>)], add: &Additions<'a>) -> Lines<'a> {
    let mut lines: Lines<'a> = Vec::with_capacity(kept.len() + 4);
    let mut agent = Some(add.user_agent.as_bytes()).filter(|agent| !agent.is_empty());
    for (name, value) in kept {
        let mut value = Cow::Borrowed(value.as_slice());
        if name.eq_ignore_ascii_case("user-agent")
            && let Some(agent) = agent.take()
        {
            let value = value.to_mut();
            if !value.is_empty() {
                value.push(b' ');
            }
            value.extend_from_slice(agent);
        }
        lines.push((name, value));
    }
    let mut push = |name, value| lines.push((name, value));
    if let Some(agent) = agent {
        push("user-agent", agent.into());
    }
    if add.gzip {
        push("accept-encoding", b"gzip".as_slice().into());
    }
    if add.form {
        let form = b"application/x-www-form-urlencoded";
        push("content-type", form.as_slice().into());
    }
    if let Some(length) = add.content_length {
        push("content-length", decimal(length).into_bytes().into());
    }
    lines
}
