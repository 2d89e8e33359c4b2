//! An HTTP handler of WASI 0.3: its answer is written by a task behind it. It traps where it is told to.

use wasip3::clocks::monotonic_clock;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Handler;

impl wasip3::exports::http::handler::Guest for Handler {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match path.as_str() {
            "/trap" => panic!("asked to"),
            "/error" => return Err(ErrorCode::LoopDetected),
            "/stall" => monotonic_clock::wait_for(u64::MAX / 2).await,
            _ => {}
        }
        let (mut body, contents) = wit_stream::new();
        let (trailers, no_trailers) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(Fields::new(), Some(contents), no_trailers);
        wit_bindgen::spawn(async move {
            body.write_all(b"hello from ".to_vec()).await;
            assert_ne!(path, "/broken", "asked to, after the head");
            // The second half comes when the handler has long returned.
            monotonic_clock::wait_for(10_000_000).await;
            body.write_all(b"0.3\n".to_vec()).await;
            drop(body);
            let _ = trailers.write(Ok(None)).await;
        });
        Ok(response)
    }
}

wasip3::http::service::export!(Handler);
