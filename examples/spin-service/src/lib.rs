//! An HTTP service of the Spin SDK, which is WASI 0.3, that fetches every `url=` of its query by the imported component, WASI 0.2.

use bindings::urlfetch::rpc::{
    fetch::{Client, Rpc, Waited, wait_any},
    types::{FetchError, Request as Fetch},
};
use serde_json::{Value, json};
use spin_sdk::http::{IntoResponse, Json, Request, StatusCode};

mod bindings {
    // The SDK's own wit-bindgen: with two of them in one component, tasks that are spawned never run.
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "urlfetch:rpc/imports",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

/// Seconds that each fetch may take, redirects and body included.
const DEADLINE: f64 = 5.0;

/// The handler. Its waits are those of WASI 0.2: they hold the instance, and other requests to it go on afterwards.
#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let query = request.uri().query().unwrap_or_default();
    let urls: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "url")
        .map(|(_, url)| url.into_owned())
        .collect();
    match fetch_all(&urls) {
        Ok(answers) => (StatusCode::OK, Json(json!({ "answers": answers }))),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Json(failure(&error))),
    }
}

/// Starts them all, then tells each in the order in which they finish.
fn fetch_all(urls: &[String]) -> Result<Vec<Value>, FetchError> {
    let client = Client::new();
    let allow_private = std::env::var("URLFETCH_ALLOW_PRIVATE").is_ok_and(|value| value == "1");
    client
        .set_allow_private(allow_private)
        .expect("a new client is not sealed");
    let mut left = Vec::new();
    for url in urls {
        left.push((url, start(&client, url)?));
    }
    let mut answers = Vec::new();
    while !left.is_empty() {
        let rpcs: Vec<&Rpc> = left.iter().map(|(_, rpc)| rpc).collect();
        let Waited::Finished(finished) = wait_any(&rpcs, None)? else {
            break;
        };
        let (url, rpc) = left.remove(finished.index as usize);
        let mut told = match Rpc::into_result(rpc) {
            Ok(response) => json!({ "status": response.status, "bytes": response.content.len() }),
            Err(error) => failure(&error),
        };
        told["url"] = url.as_str().into();
        answers.push(told);
    }
    Ok(answers)
}

fn start(client: &Client, url: &str) -> Result<Rpc, FetchError> {
    let rpc = client.create_rpc(Some(DEADLINE))?;
    rpc.make_fetch_call(&Fetch {
        url: url.into(),
        method: "GET".into(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    })?;
    Ok(rpc)
}

fn failure(error: &FetchError) -> Value {
    json!({ "error": error.kind.name(), "retryable": error.retryable, "detail": error.detail })
}
