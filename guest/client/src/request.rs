//! What may be asked for: a request, a URL, or a request of the crate `http`.
use alloc::string::String;

use urlfetch_core::{FetchError, Request};

/// Something that can be fetched: a URL, which stands for a GET, a [`Request`], and with the default feature `std` an
/// [`http::Request`] whose body is an [`IntoPayload`].
///
/// ```
/// # urlfetch::install(urlfetch::Scripted::new().rule(|_| true, |seen| {
/// #     urlfetch::Answer::new(200, format!("{} with {} bytes", seen.method.name(), seen.payload.len()))
/// # }));
/// use urlfetch::{Request, fetch};
///
/// let songs = "https://example.com/songs";
/// assert_eq!(fetch(songs)?.text(), "GET with 0 bytes");
/// assert_eq!(fetch(Request::put(songs, "la la"))?.text(), "PUT with 5 bytes");
/// assert_eq!(fetch(http::Request::head(songs).body(()).unwrap())?.text(), "");
///
/// let retried = Request::post(songs, "la").with_header("content-type", "text/plain");
/// while fetch(&retried)?.status == 503 {}
/// # Ok::<_, urlfetch::Error>(())
/// ```
pub trait IntoRequest {
    /// As a request.
    ///
    /// # Errors
    /// `InvalidMethod` for a method outside the six; the rpc then stays idle.
    fn into_request(self) -> Result<Request, FetchError>;
}

impl IntoRequest for Request {
    fn into_request(self) -> Result<Request, FetchError> {
        Ok(self)
    }
}

/// A copy, so that the same request can be fetched again.
impl IntoRequest for &Request {
    fn into_request(self) -> Result<Request, FetchError> {
        Ok(self.clone())
    }
}

/// A GET.
impl IntoRequest for &str {
    fn into_request(self) -> Result<Request, FetchError> {
        Ok(Request::new(self))
    }
}

/// A GET.
impl IntoRequest for String {
    fn into_request(self) -> Result<Request, FetchError> {
        Ok(Request::new(self))
    }
}

/// A GET.
impl IntoRequest for &String {
    fn into_request(self) -> Result<Request, FetchError> {
        Ok(Request::new(self.as_str()))
    }
}

#[cfg(feature = "std")]
pub use with_http::IntoPayload;

#[cfg(feature = "std")]
mod with_http {
    use alloc::{borrow::Cow, boxed::Box, string::ToString, vec::Vec};

    use super::{FetchError, IntoRequest, Request, String};

    /// What the body of an [`http::Request`] may be: bytes, text, or nothing.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a payload: bytes, text or `()`",
        note = "a streamed body has to be read to its end first: `request.map(...)` changes the body of a request"
    )]
    pub trait IntoPayload {
        /// As bytes.
        fn into_payload(self) -> Vec<u8>;
    }

    /// Nothing.
    impl IntoPayload for () {
        fn into_payload(self) -> Vec<u8> {
            Vec::new()
        }
    }

    impl<P: IntoPayload> IntoPayload for Option<P> {
        fn into_payload(self) -> Vec<u8> {
            self.map_or_else(Vec::new, P::into_payload)
        }
    }

    impl<const N: usize> IntoPayload for [u8; N] {
        fn into_payload(self) -> Vec<u8> {
            self.into()
        }
    }

    impl<const N: usize> IntoPayload for &[u8; N] {
        fn into_payload(self) -> Vec<u8> {
            self.into()
        }
    }

    macro_rules! payloads {
        ($($type:ty),*) => {
            $(impl IntoPayload for $type {
                fn into_payload(self) -> Vec<u8> {
                    self.into()
                }
            })*
        };
    }

    payloads!(
        Vec<u8>,
        Box<[u8]>,
        &[u8],
        Cow<'_, [u8]>,
        String,
        &str,
        bytes::Bytes,
        bytes::BytesMut
    );

    impl<P: IntoPayload> IntoRequest for http::Request<P> {
        fn into_request(self) -> Result<Request, FetchError> {
            let (head, body) = self.into_parts();
            let headers = head.headers.iter();
            Ok(Request {
                method: urlfetch_core::Method::parse(head.method.as_str())?,
                headers: headers
                    .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
                    .collect(),
                payload: body.into_payload(),
                ..Request::new(head.uri.to_string())
            })
        }
    }

    /// A GET.
    impl IntoRequest for http::Uri {
        fn into_request(self) -> Result<Request, FetchError> {
            Ok(Request::new(self.to_string()))
        }
    }
}
