//! The examples that serve HTTP: what they need of a host, and what they answer, under virtual time.

use super::compose::names;
use super::run::composed;
use crate::programs;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::time::Duration;
use urlfetch_host::{Fault, Harness, HarnessOptions, Reply, Scripted, World, run_in_virtual_time};
use urlfetch_tests::FUEL;

const SERVED_02: &str = "wasi:http/incoming-handler@0.2.0";
const SERVED_03: &str = "wasi:http/handler@0.3.0";

/// The same application by the component and by the crate.
fn fan_outs() -> [Vec<u8>; 2] {
    let linked = std::fs::read(programs::FAN_OUT_LINKED).unwrap();
    [composed(programs::FAN_OUT, &[]), linked]
}

/// Lets an example answer one request, on instances that fetch from `origin`.
async fn ask(wasm: &[u8], origin: &Scripted, request: Request<&'static str>) -> Response<Bytes> {
    let harness = Harness::new(HarnessOptions { fuel: Some(FUEL) }).unwrap();
    let handler = harness.handler(wasm).unwrap();
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let world = World::Scripted(origin.clone());
    let answered = harness.handle(&handler, world, request).await.unwrap();
    let (head, body) = answered.into_parts();
    let body = body.collect().await.expect("it comes whole").to_bytes();
    Response::from_parts(head, body)
}

/// A request for an example to fetch these URLs.
fn request(urls: &[&str]) -> Request<&'static str> {
    let query: Vec<String> = urls.iter().map(|url| format!("url={url}")).collect();
    let uri = format!("http://app.test/?{}", query.join("&"));
    Request::get(uri)
        .header("host", "app.test")
        .body("")
        .unwrap()
}

/// What a fan-out answers for these URLs.
async fn fan_out(wasm: &[u8], origin: &Scripted, urls: &[&str]) -> Value {
    let answered = ask(wasm, origin, request(urls)).await;
    assert_eq!(answered.status(), 200);
    assert_eq!(answered.headers()["content-type"], "application/json");
    serde_json::from_slice(answered.body()).unwrap()
}

#[test]
fn ten_slow_urls_take_a_fan_out_as_long_as_one() {
    for wasm in fan_outs() {
        run_in_virtual_time(async move {
            let origin = Scripted::new().on("*", Reply::ok("hi").after(Duration::from_millis(200)));
            let answer = fan_out(&wasm, &origin, &["http://a.test/"; 10]).await;
            let took = answer["took_ms"].as_f64().unwrap();
            assert!((200.0..205.0).contains(&took), "{took}");
            let answers = answer["answers"].as_array().unwrap();
            let mut callbacks: Vec<_> =
                answers.iter().map(|one| one["callback"].as_u64()).collect();
            callbacks.sort_unstable();
            assert_eq!(callbacks, (1..=10).map(Some).collect::<Vec<_>>());
        });
    }
}

#[test]
fn a_fan_out_tells_what_became_of_each_url_in_the_order_of_the_query() {
    for wasm in fan_outs() {
        run_in_virtual_time(async move {
            let origin = Scripted::new()
                .on("/slow", Reply::ok("slow").after(Duration::from_millis(95)))
                .on("/moved", Reply::redirect(302, "/new"))
                .on("/new", Reply::ok("hello"));
            let urls = [
                "http://a.test/slow",
                "http://a.test/moved",
                "http%3A%2F%2Fa.test%2Fnew",
                "not+a+url",
                "http://127.0.0.1/",
            ];
            let answer = fan_out(&wasm, &origin, &urls).await;
            let told = |name: &str| -> Vec<Value> {
                let answers = answer["answers"].as_array().unwrap().iter();
                answers.map(|one| one[name].clone()).collect()
            };
            let none = Value::Null;
            assert_eq!(
                told("url"),
                [
                    "http://a.test/slow",
                    "http://a.test/moved",
                    "http://a.test/new",
                    "not a url",
                    "http://127.0.0.1/"
                ]
            );
            assert_eq!(
                told("status"),
                [
                    json!(200),
                    json!(200),
                    json!(200),
                    none.clone(),
                    none.clone()
                ]
            );
            assert_eq!(
                told("bytes"),
                [json!(4), json!(5), json!(5), none.clone(), none.clone()]
            );
            // A private address: nothing in the environment allows it.
            assert_eq!(
                told("error"),
                [
                    none.clone(),
                    none.clone(),
                    none,
                    json!("invalid-url"),
                    json!("refused")
                ]
            );
            assert_eq!(told("callback")[0], 5, "the slow one is the last");
            let hops = told("hops");
            let statuses = |hops: &Value| -> Vec<Value> {
                hops.as_array()
                    .unwrap()
                    .iter()
                    .map(|hop| hop["status"].clone())
                    .collect()
            };
            assert_eq!(statuses(&hops[1]), [302, 200]);
            assert_eq!(statuses(&hops[3]), [0; 0]);
            let head = hops[0][0]["head_ms"].as_f64().unwrap();
            assert!((95.0..100.0).contains(&head), "{head}");
        });
    }
}

#[test]
fn an_example_that_is_not_told_what_to_fetch_says_so() {
    let [imported, linked] = fan_outs();
    for wasm in [imported, linked, std::fs::read(programs::PROXY).unwrap()] {
        run_in_virtual_time(async move {
            let answered = ask(&wasm, &Scripted::new(), request(&[])).await;
            let said = String::from_utf8_lossy(answered.body());
            assert_eq!(answered.status(), 400);
            assert!(said.contains("/?url="), "{said}");
        });
    }
}

/// What the proxy answers to a request, and what the origin has seen of it.
async fn proxied(origin: Scripted, request: Request<&'static str>) -> (Response<Bytes>, Scripted) {
    let wasm = std::fs::read(programs::PROXY).unwrap();
    (ask(&wasm, &origin, request).await, origin)
}

#[test]
fn the_proxy_passes_a_request_on_and_its_answer_back() {
    run_in_virtual_time(async {
        let teapot = Reply::status(418)
            .header("x-tea", "green")
            .header("x-tea", "black");
        let teapot = teapot.then(urlfetch_host::Step::Text("short and stout".into()));
        let mut asked = request(&["http://a.test/pot?n=1"]).map(|_| "pour");
        *asked.method_mut() = Method::PUT;
        asked
            .headers_mut()
            .insert("x-sugar", "none".parse().unwrap());
        let (answered, origin) = proxied(Scripted::new().on("*", teapot), asked).await;
        assert_eq!(
            (answered.status().as_u16(), &answered.body()[..]),
            (418, &b"short and stout"[..])
        );
        let tea: Vec<_> = answered.headers().get_all("x-tea").iter().collect();
        assert_eq!(tea, ["green", "black"]);
        assert_eq!(answered.headers()["x-attempts"], "1");
        let [seen] = &origin.requests()[..] else {
            panic!("one request");
        };
        assert_eq!(
            (seen.method.as_str(), seen.uri.to_string().as_str()),
            ("PUT", "http://a.test/pot?n=1")
        );
        assert_eq!(
            (&seen.headers["x-sugar"], &seen.body[..]),
            (&"none".parse().unwrap(), &b"pour"[..])
        );
    });
}

#[test]
fn the_proxy_tries_again_where_that_does_no_harm() {
    run_in_virtual_time(async {
        let lost = || Reply::error(Fault::ConnectionTerminated);
        let origin = Scripted::new()
            .on("*", lost())
            .on("*", lost())
            .on("*", Reply::ok("at last"));
        let (answered, origin) = proxied(origin, request(&["http://a.test/"])).await;
        assert_eq!(
            (answered.status().as_u16(), &answered.body()[..]),
            (200, &b"at last"[..])
        );
        assert_eq!(answered.headers()["x-attempts"], "3");
        let at: Vec<_> = origin
            .requests()
            .iter()
            .map(|request| request.at.as_millis())
            .collect();
        assert!(at[1] >= 50 && at[2] >= 150, "it pauses: {at:?}");
    });
}

#[test]
fn the_proxy_gives_up_after_three_attempts() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::error(Fault::ConnectionRefused));
        let (answered, origin) = proxied(origin, request(&["http://a.test/"])).await;
        let said = String::from_utf8_lossy(answered.body());
        assert_eq!(
            (answered.status().as_u16(), origin.requests().len()),
            (502, 3)
        );
        assert_eq!(said, "download: http://a.test/: connection-refused\n");
    });
}

#[test]
fn the_proxy_does_not_repeat_what_may_have_been_done() {
    run_in_virtual_time(async {
        let origin = Scripted::new().on("*", Reply::error(Fault::ConnectionTerminated));
        let mut asked = request(&["http://a.test/order"]);
        *asked.method_mut() = Method::POST;
        let (answered, origin) = proxied(origin, asked).await;
        assert_eq!(
            (answered.status().as_u16(), origin.requests().len()),
            (502, 1)
        );
    });
}

#[test]
fn an_http_error_is_an_answer_and_not_tried_again() {
    run_in_virtual_time(async {
        let origin = Scripted::new()
            .on("*", Reply::status(503))
            .on("*", Reply::redirect(302, "/new"));
        let (busy, origin) = proxied(origin, request(&["http://a.test/"])).await;
        assert_eq!(
            (
                busy.status().as_u16(),
                busy.headers()["x-attempts"].to_str().unwrap()
            ),
            (503, "1")
        );
        let (moved, origin) = proxied(origin, request(&["http://a.test/"])).await;
        assert_eq!((moved.status().as_u16(), origin.requests().len()), (302, 2));
        assert_eq!(moved.headers()["location"], "/new");
    });
}

#[test]
fn an_example_needs_nothing_but_wasi_and_serves_http() {
    let [imported, linked] = fan_outs();
    let examples = [
        (imported, SERVED_02),
        (linked, SERVED_02),
        (std::fs::read(programs::PROXY).unwrap(), SERVED_02),
        (std::fs::read(programs::DEFERRED).unwrap(), SERVED_02),
        (composed(programs::SPIN_SERVICE, &[]), SERVED_03),
    ];
    for (wasm, served) in examples {
        let (imports, exports) = names(&wasm);
        assert!(
            imports.iter().all(|import| import.starts_with("wasi:")),
            "{imports:?}"
        );
        assert_eq!(exports, [served]);
    }
}
