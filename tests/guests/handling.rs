//! What handlers among these programs have in common: the body of a request as it came, and an answer at once.

use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::StreamError;

/// The whole body. One that breaks off is a trap.
pub(crate) fn read(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("its body is taken once");
    let stream = body.stream().expect("its stream is taken once");
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => content.extend(chunk),
            Err(StreamError::Closed) => return content,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
}

/// An answer with its length, sent before this returns.
pub(crate) fn answer(outparam: ResponseOutparam, status: u16, content: &[u8]) {
    let headers = Fields::new();
    let length = content.len().to_string().into_bytes();
    let set = headers.set(&"content-length".to_owned(), &[length]);
    set.expect("content-length may be set");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("it is a status");
    let body = response.body().expect("its body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("its stream is taken once");
    for chunk in content.chunks(4096) {
        // The other end may have gone; then there is nobody to tell.
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
