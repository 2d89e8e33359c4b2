//! What a call brings back: the answer, and the exchanges it took. Semantics.md section 15.
use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{Headers, Instant, headers};

/// An answer, whatever its status: an HTTP error status is a result and not an error (semantics.md 9.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// In the origin's order, repeats kept, names in lower case.
    pub headers: Headers,
    /// The body, decoded unless the caller asked for an encoding.
    pub content: Vec<u8>,
    /// Whether `content` was cut at the policy's size.
    pub was_truncated: bool,
    /// The URL that answered; none when no redirect was followed.
    pub final_url: Option<String>,
}

impl Response {
    /// Whether the status is one of success, 200 to 299.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The content as text: UTF-8, with the replacement character for what is not. The charset that the origin may have named is
    /// not looked at.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.content)
    }

    /// The values of a header, joined by a comma in their order (11.8); none when there is no such line. The name is caseless;
    /// values are read as latin-1.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut joined: Option<String> = None;
        for value in self.header_values(name) {
            let text = value.iter().map(|&byte| char::from(byte));
            match &mut joined {
                None => joined = Some(text.collect()),
                Some(joined) => {
                    joined.push_str(", ");
                    joined.extend(text);
                }
            }
        }
        joined
    }

    /// The values of a header one by one, in their order.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        let lines = self
            .headers
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_slice())
    }

    /// The value of the first line of this name.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        headers::get(&self.headers, name)
    }
}

/// One exchange of a call, the first request included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What was requested.
    pub url: String,
    /// 0 until the head came.
    pub status: u16,
    /// When it was handed to the transport.
    pub started_at: Instant,
    /// When the head was seen.
    pub head_at: Option<Instant>,
    /// When it was over, however it ended.
    pub ended_at: Option<Instant>,
}
