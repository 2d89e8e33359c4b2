//! What may be asked for: a request, a URL, or a request of the crate `http`.
use alloc::string::String;

use urlfetch_core::{FetchError, Request};

/// Something that can be fetched.
pub trait IntoRequest {
    /// As a request.
    ///
    /// # Errors
    /// `InvalidMethod` or `InvalidUrl` for what has no counterpart here; the rpc then stays idle.
    fn into_request(self) -> Result<Request, FetchError>;
}

impl IntoRequest for Request {
    fn into_request(self) -> Result<Request, FetchError> {
        Ok(self)
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
impl<B: Into<alloc::vec::Vec<u8>>> IntoRequest for http::Request<B> {
    fn into_request(self) -> Result<Request, FetchError> {
        use alloc::string::ToString;
        let (head, body) = self.into_parts();
        let headers = head.headers.iter();
        Ok(Request {
            method: urlfetch_core::Method::parse(head.method.as_str())?,
            headers: headers
                .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
                .collect(),
            payload: body.into(),
            ..Request::new(head.uri.to_string())
        })
    }
}
