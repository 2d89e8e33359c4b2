//! URLs as urlfetch accepts them: parsing, the rules of semantics.md section 13, and resolving a `Location`.

use alloc::string::String;
use core::fmt;

/// The longest URL in bytes (semantics.md 13.2): of the text as given, or of what a `Location` resolves to.
pub const MAX_URL: usize = 10_240;

/// The two schemes that are fetched (semantics.md 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, default port 80.
    Http,
    /// `https`, default port 443.
    Https,
}

/// An http(s) URL that passed every rule of semantics.md section 13, split as a transport wants it. No fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    host_end: u16,
    authority_end: u16,
    port: u16,
    scheme: Scheme,
}

/// Why a text is no URL that may be fetched (semantics.md section 13; kind invalid-url). Displays as one clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Longer than [`MAX_URL`] (13.2).
    TooLong,
    /// Neither http nor https (13.1). Holds the scheme as given, cut to a readable length; empty when there is none.
    Scheme(String),
    /// There is no host (13.1).
    NoHost,
    /// The port is outside the ranges of 13.3. None when it is no number up to 65,535.
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
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl core::error::Error for UrlError {}

#[allow(unused_variables)]
impl Url {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        Err(UrlError::Syntax)
    }
    /// Resolves the value of a `Location` header against this URL (RFC 3986 section 5.2).
    pub fn resolve(&self, location: &[u8]) -> Result<Url, UrlError> {
        Err(UrlError::Syntax)
    }
    /// The whole URL: scheme and host lower-case, default port left out, path at least `/`, no fragment.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
    /// The host in lower case. An IPv6 literal keeps its brackets.
    pub fn host(&self) -> &str {
        ""
    }
    /// The effective port.
    pub fn port(&self) -> u16 {
        self.port
    }
    /// `host[:port]`, the default port left out.
    pub fn authority(&self) -> &str {
        ""
    }
    /// `scheme://host[:port]`: two URLs are of one origin exactly when these texts are equal.
    pub fn origin(&self) -> &str {
        ""
    }
    /// The request target: never empty, begins with `/`.
    pub fn path_and_query(&self) -> &str {
        ""
    }
}

/// Whether `url` names the document that is being served (semantics.md 2.3).
#[allow(unused_variables)]
pub fn same_document(url: &str, authority: &str, path: &str) -> bool {
    false
}
