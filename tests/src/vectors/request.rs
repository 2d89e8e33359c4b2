//! The record `request`, from what a vector gives.

use super::expect::Surprise;
use super::model::RequestGiven;
use super::witness::to_latin1;
use urlfetch_host::bindings::types::Request;

/// The request, its values of headers being bytes.
pub(super) fn given(request: &RequestGiven) -> Result<Request, Surprise> {
    let line = |(name, value): &(String, String)| {
        let value = to_latin1(value).ok_or_else(|| format!("{name} is not latin-1"))?;
        Ok::<_, Surprise>((name.clone(), value))
    };
    let mut headers = Vec::new();
    for _ in 0..request.headers_times {
        for given in &request.headers {
            headers.push(line(given)?);
        }
    }
    Ok(Request {
        url: request.url.clone(),
        method: request.method.clone(),
        headers,
        payload: request.payload.clone().map(String::into_bytes),
        follow_redirects: request.follow_redirects,
        allow_truncated: request.allow_truncated,
        validate_certificate: request.validate_certificate,
    })
}
