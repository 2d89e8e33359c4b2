//! What a caller asks for, and the checks that fail before anything is sent. Semantics.md section 2.
use alloc::{rc::Rc, string::String, vec::Vec};
use core::ops::Deref;

use crate::{ErrorKind, FetchError, Headers, Policy, headers, text, url};

/// The most bytes of a whole request, URL, headers and payload together: 10 MiB (semantics.md 12.2).
pub const MAX_REQUEST: usize = 10 << 20;

/// The six methods (semantics.md 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// The default.
    #[default]
    Get,
    /// With a payload.
    Post,
    /// Answered without content.
    Head,
    /// With a payload.
    Put,
    /// Without a payload.
    Delete,
    /// With a payload.
    Patch,
}

impl Method {
    /// Every method; App Engine's constants are their places here, counted from one.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Post,
        Self::Head,
        Self::Put,
        Self::Delete,
        Self::Patch,
    ];

    /// The method of this name, in any case. Fails with `InvalidMethod`, naming what was given.
    pub fn parse(name: &str) -> Result<Self, FetchError> {
        let known = Self::ALL
            .into_iter()
            .find(|method| name.eq_ignore_ascii_case(method.name()));
        known.ok_or_else(|| {
            let shown = text::shown(name.as_bytes(), 64);
            let detail = text::join(&[
                "method \"",
                &shown,
                "\" is none of GET, POST, HEAD, PUT, DELETE, PATCH",
            ]);
            FetchError::local(ErrorKind::InvalidMethod, detail)
        })
    }

    /// The method on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
        }
    }

    /// Whether a payload is sent with it (semantics.md 2.8).
    pub const fn has_payload(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, 9.2.2).
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch)
    }
}

/// The body of a request, shared, because a redirect may need it again. An empty one costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload(Option<Rc<Vec<u8>>>);

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self((!bytes.is_empty()).then(|| Rc::new(bytes)))
    }
}

impl Deref for Payload {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        static EMPTY: Vec<u8> = Vec::new();
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

/// One fetch, as asked for. The WIT record `request` says what each field means.
///
/// The fields are public; the methods are for those who like chains:
///
/// ```
/// use urlfetch_core::{Method, Request};
///
/// let request = Request::post("https://example.com/songs", r#"{"title": "Blue"}"#)
///     .with_header("content-type", "application/json")
///     .with_follow_redirects(false);
/// assert_eq!(request.method, Method::Post);
/// assert!(!request.follow_redirects);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// An absolute http or https URL.
    pub url: String,
    /// One of the six.
    pub method: Method,
    /// Sent on every hop, except what [`headers::is_protected`].
    pub headers: Headers,
    /// Used by POST, PUT and PATCH; empty equals none.
    pub payload: Vec<u8>,
    /// Follow redirects; true by default.
    pub follow_redirects: bool,
    /// Whether oversized content is cut instead of failing.
    pub allow_truncated: bool,
    /// Whether the host is to validate certificates; none leaves it to the host.
    pub validate_certificate: Option<bool>,
}

impl Request {
    /// A GET of `url` that follows redirects.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: Method::Get,
            headers: Vec::new(),
            payload: Vec::new(),
            follow_redirects: true,
            allow_truncated: false,
            validate_certificate: None,
        }
    }

    /// A GET of `url`, the same as [`new`](Self::new).
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(url)
    }

    /// A HEAD of `url`.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new(url).with_method(Method::Head)
    }

    /// A POST of `payload` to `url`. Without a header that says otherwise it goes out as a form (semantics.md 11.4).
    pub fn post(url: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(url)
            .with_method(Method::Post)
            .with_payload(payload)
    }

    /// A PUT of `payload` at `url`.
    pub fn put(url: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(url)
            .with_method(Method::Put)
            .with_payload(payload)
    }

    /// A PATCH of `url` by `payload`.
    pub fn patch(url: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(url)
            .with_method(Method::Patch)
            .with_payload(payload)
    }

    /// A DELETE of `url`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new(url).with_method(Method::Delete)
    }

    /// The same with another method; [`Method::parse`] reads one from text.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The same with one header line more.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with this payload, which only POST, PUT and PATCH send.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// The same with redirects followed or, being the result themselves, not.
    #[must_use]
    pub fn with_follow_redirects(mut self, follow: bool) -> Self {
        self.follow_redirects = follow;
        self
    }

    /// The same with oversized content cut instead of failing.
    #[must_use]
    pub fn with_allow_truncated(mut self, allow: bool) -> Self {
        self.allow_truncated = allow;
        self
    }

    /// The same with validation asked for or waived; a waiver is `Unsupported` on https.
    #[must_use]
    pub fn with_validate_certificate(mut self, validate: bool) -> Self {
        self.validate_certificate = Some(validate);
        self
    }

    /// The checks that make-fetch-call reports at once (semantics.md 2.3, 2.4, 21.1), in their order.
    pub(crate) fn check(
        &self,
        policy: &Policy,
        serving: Option<&CurrentRequest>,
    ) -> Result<(), FetchError> {
        let fetches_itself = |serving: &CurrentRequest| {
            self.method == Method::Get
                && url::same_document(&self.url, &serving.authority, &serving.path)
        };
        if serving.is_some_and(fetches_itself) {
            return Err(self.fail(
                ErrorKind::InvalidUrl,
                "the request being served may not fetch itself".into(),
            ));
        }
        if let Some(detail) = headers::find_invalid(&self.headers) {
            return Err(self.fail(ErrorKind::InvalidArgument, detail));
        }
        let https = self
            .url
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        if https && self.validate_certificate == Some(false) && !policy.validate_anyway {
            return Err(self.fail(ErrorKind::Unsupported, NO_UNVALIDATED_TLS.into()));
        }
        Ok(())
    }

    /// The limits on size that `get-result` reports (semantics.md 12.2, 12.3).
    pub(crate) fn check_size(&self) -> Result<(), FetchError> {
        if self.headers.len() > headers::MAX_HEADER_LINES {
            return Err(self.fail(
                ErrorKind::PayloadTooLarge,
                "the headers have more than 1,000 lines".into(),
            ));
        }
        let section = headers::section_size(&self.headers);
        if section > headers::MAX_HEADER_SECTION {
            return Err(self.fail(
                ErrorKind::PayloadTooLarge,
                "the headers have more than 16 KiB".into(),
            ));
        }
        let payload = if self.method.has_payload() {
            self.payload.len()
        } else {
            0
        };
        if section + payload + self.url.len() + self.method.name().len() > MAX_REQUEST {
            return Err(self.fail(
                ErrorKind::PayloadTooLarge,
                "the request has more than 10 MiB".into(),
            ));
        }
        Ok(())
    }

    fn fail(&self, kind: ErrorKind, detail: String) -> FetchError {
        FetchError {
            url: self.url.clone(),
            ..FetchError::local(kind, detail)
        }
    }
}

/// Why validate-certificate = false is refused on https (semantics.md 21.1).
pub(crate) const NO_UNVALIDATED_TLS: &str = "validate-certificate = false: wasi:http offers no way to switch validation off (set-validate-anyway fetches with it)";

/// The request being served, which may not fetch itself (semantics.md 2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentRequest {
    /// The `host` header.
    pub authority: String,
    /// The path; a query is ignored.
    pub path: String,
}
