//! Calls the imported component with everything that is wrong and in every odd order; long because there is a lot of it. Prints what
//! came of it, one line for each.
//! Its argument is an origin that answers `/ok` at once, `/slow` late, `/silent` never, and some redirects to nowhere.

use bindings::urlfetch::rpc::{
    fetch::{Client, Rpc, Waited, progress, wait_any},
    types::{ErrorKind, FetchError, Request, Response},
};
use wasi::{clocks::monotonic_clock::subscribe_duration, io::poll::Pollable};

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "urlfetch:rpc/imports",
        with: { "wasi:io/poll@0.2.0": wasi::io::poll },
    });
}

fn main() {
    let origin = std::env::args().nth(1).expect("usage: hostile ORIGIN");
    let ok = format!("{origin}/ok");
    deadlines(&ok);
    policies();
    requests(&origin);
    urls();
    redirects(&origin);
    order(&origin);
    waits(&origin);
    turns(&origin);
    drops(&origin);
    // After all that the instance is as good as new.
    show("after all", fetch(&Client::new(), get(&ok)));
}

fn get(url: &str) -> Request {
    Request {
        url: url.into(),
        method: "GET".into(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    }
}

fn with_header(url: &str, name: &str, value: &[u8]) -> Request {
    Request {
        headers: vec![(name.into(), value.into())],
        ..get(url)
    }
}

fn fetch(client: &Client, request: Request) -> Result<Response, FetchError> {
    client.fetch(&request, Some(2.0))
}

/// An rpc that is under way.
fn started(client: &Client, url: &str) -> Rpc {
    let rpc = client
        .create_rpc(Some(2.0))
        .expect("two seconds have a meaning");
    rpc.make_fetch_call(&get(url)).expect("a plain GET starts");
    rpc
}

/// What is printed of an outcome: kinds and phases, which are promised, and no detail, which is not.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for FetchError {
    fn shown(&self) -> String {
        let kind = self.kind.name();
        let phase = format!("{:?}", self.phase).replace("Phase::", "");
        format!("{kind} ({phase}, code {})", self.code)
    }
}

impl Shown for Response {
    fn shown(&self) -> String {
        format!("{}, {} bytes", self.status, self.content.len())
    }
}

impl<T: Shown> Shown for Result<T, FetchError> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(FetchError::shown, T::shown)
    }
}

/// Everything else as it is.
macro_rules! shown_by_debug {
    ($($type:ty),*) => {
        $(impl Shown for $type {
            fn shown(&self) -> String {
                format!("{self:?}")
            }
        })*
    };
}

shown_by_debug!((), bool, u64, Waited, String);

impl Shown for Rpc {
    fn shown(&self) -> String {
        format!("an rpc of {:?}", self.deadline())
    }
}

fn show(what: &str, outcome: impl Shown) {
    println!("{what}: {}", outcome.shown());
}

/// For results with a bare kind.
fn show_set(what: &str, outcome: Result<(), ErrorKind>) {
    println!(
        "{what}: {}",
        outcome.map_or_else(|kind| kind.name(), |()| "set")
    );
}

const ODD_SECONDS: [f64; 7] = [
    0.0,
    -0.0,
    -1.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e300,
];

fn deadlines(ok: &str) {
    let client = Client::new();
    for seconds in ODD_SECONDS
        .into_iter()
        .chain([f64::MIN_POSITIVE, 1e-9, f64::MAX])
    {
        show(
            &format!("create-rpc of {seconds:e}"),
            client.create_rpc(Some(seconds)),
        );
        show_set(
            &format!("default deadline of {seconds:e}"),
            client.set_default_deadline(Some(seconds)),
        );
        show_set(
            &format!("maximum deadline of {seconds:e}"),
            client.set_maximum_deadline(seconds),
        );
        show(
            &format!("fetch within {seconds:e}"),
            Client::new().fetch(&get(ok), Some(seconds)),
        );
    }
}

fn policies() {
    let client = Client::new();
    for (total, per_origin) in [
        (0, 1),
        (1, 0),
        (10_001, 1),
        (1, 10_001),
        (u32::MAX, u32::MAX),
    ] {
        show_set(
            &format!("{total} in flight, {per_origin} to one origin"),
            client.set_max_in_flight(total, per_origin),
        );
    }
    show_set("101 redirects", client.set_max_redirects(101));
    show_set("a response of 0 bytes", client.set_max_response(0));
    show_set("a response of 4 GiB", client.set_max_response(u32::MAX));
    show_set("URLs of 0 bytes", client.set_url_limits(0, true));
    show_set("URLs of 4 GiB", client.set_url_limits(u32::MAX, true));
    let long = "x".repeat(100_000);
    for (what, text) in [
        ("empty", ""),
        ("with CR LF", "a\r\nb: c"),
        ("with NUL", "a\0b"),
        ("of 100,000 characters", &long),
    ] {
        show_set(
            &format!("a user-agent {what}"),
            client.set_user_agent(Some(text)),
        );
    }
    let many = vec!["https://example.com".to_owned(); 10_000];
    show_set("10,000 origins", client.set_allowed_origins(&many));
    for origin in [
        "",
        "*",
        "example.com",
        "https://",
        "https://*",
        "https://*.*.com",
        "https://a.test/path",
        "https://a.test:99999",
        "ftp://a.test",
        "https://u@a.test",
        "https://\u{fc}.test",
        &long,
    ] {
        let shown: String = origin.chars().take(20).collect();
        show_set(
            &format!("the origin {shown:?}"),
            client.set_allowed_origins(&[origin.to_owned()]),
        );
    }
    show_set("the origins of nobody", client.set_allowed_origins(&[]));
    show_set(
        "a current request of nothing",
        client.set_current_request(Some(""), ""),
    );
    show_set(
        "a current request of much",
        client.set_current_request(Some(&long), &long),
    );
    client.seal();
    client.seal();
    show_set("sealed: redirects", client.set_max_redirects(1));
    show_set("sealed: private addresses", client.set_allow_private(true));
    show_set(
        "sealed: current request",
        client.set_current_request(None, ""),
    );
}

fn requests(origin: &str) {
    let ok = &format!("{origin}/ok");
    let client = Client::new();
    let long = "x".repeat(100_000);
    for method in [
        "",
        "get",
        "GeT",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "7",
        "GET ",
        " GET",
        "GET\r\n",
        "G\0T",
        "\u{130}ET",
        &long,
    ] {
        let shown: String = method.chars().take(10).collect();
        show(
            &format!("the method {shown:?}"),
            fetch(
                &client,
                Request {
                    method: method.into(),
                    ..get(ok)
                },
            ),
        );
    }
    let names = [
        "",
        " ",
        "a b",
        "a:b",
        "a\r\nb",
        "a\0",
        "\u{e9}",
        ":path",
        "X".repeat(70_000).as_str(),
    ]
    .map(str::to_owned);
    for name in names {
        let shown: String = name.chars().take(10).collect();
        show(
            &format!("the header name {shown:?}"),
            fetch(&client, with_header(ok, &name, b"v")),
        );
    }
    for value in [
        b"a\r\nb: c".as_slice(),
        b"a\rb",
        b"a\nb",
        b"a\0b",
        b"\x7f",
        b"\x01",
        b"a\tb",
        b" a ",
        b"",
        b"\xff\xfe",
    ] {
        show(
            &format!("the header value {value:?}"),
            fetch(&client, with_header(ok, "x-test", value)),
        );
    }
    for name in [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "Via",
        "X-AppEngine-Inbound-AppId",
        "Keep-Alive",
        "Upgrade",
        "TE",
        "Trailer",
    ] {
        show(
            &format!("the header {name}"),
            fetch(&client, with_header(ok, name, b"evil")),
        );
    }
    for length in [16_000, 16_384, 20_000, 200_000, 10 << 20] {
        show(
            &format!("a header of {length} bytes"),
            fetch(&client, with_header(ok, "x-test", &vec![b'v'; length])),
        );
    }
    let many = Request {
        headers: (0..50_000)
            .map(|n| (format!("x-{n}"), Vec::new()))
            .collect(),
        ..get(ok)
    };
    show("50,000 headers", fetch(&client, many));
    for length in [(10 << 20) + 1, 64 << 20] {
        let upload = Request {
            method: "POST".into(),
            payload: Some(vec![0; length]),
            ..get(ok)
        };
        show(
            &format!("a payload of {length} bytes"),
            fetch(&client, upload),
        );
    }
    let empty = Request {
        method: "POST".into(),
        payload: Some(Vec::new()),
        ..get(ok)
    };
    show("a payload of nothing", fetch(&client, empty));
    let unread = Request {
        payload: Some(vec![0; 11 << 20]),
        ..get(ok)
    };
    show("a payload of 11 MiB to a GET", fetch(&client, unread));
    let waived = Request {
        validate_certificate: Some(false),
        ..get("https://a.test/ok")
    };
    show("no validation", fetch(&client, waived));
}

fn urls() {
    let client = Client::new();
    let long = format!("http://a.test/{}", "x".repeat(100_000));
    let brackets = format!("http://{}", "[".repeat(1_000));
    for url in [
        "",
        " ",
        "/",
        "a.test",
        "http:",
        "http:/",
        "http://",
        "http:///",
        "http://?",
        "http://#",
        "//a.test/",
        "://",
        "HTTP://A.TEST/ok",
        "http:a.test",
        "ftp://a.test/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:,x",
        "https+x://a.test/",
        "http://u:p@a.test/",
        "http://@a.test/",
        "http://a.test:",
        "http://a.test:0/ok",
        "http://a.test:22/",
        "http://a.test:65536/",
        "http://a.test:-1/",
        "http://a.test:x/",
        "http://a.test:99999999999999999999/",
        "http://[::1/",
        "http://[::1]/",
        "http://[v1.x]/",
        "http://[fe80::1%25eth0]/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "http://a.localhost/",
        "http://%6cocalhost/",
        "http://\u{fc}.test/",
        "http://a..test/",
        "http://.",
        "http://..",
        "http://a b/",
        "http://a.test\\@b.test/",
        "http://a.test/\r\nx: y",
        "http://a.test/\0",
        "http://a.test/a b",
        "http://a.test/\u{fc}?\u{1f600}#\u{fc}",
        "http://a.test/%",
        "http://a.test/%zz",
        "http://a.test/../../..",
        "http://a.test?q",
        "http://a.test#f",
        &long,
        &brackets,
    ] {
        let shown: String = url.chars().take(40).collect();
        show(&format!("the URL {shown:?}"), fetch(&client, get(url)));
    }
}

fn redirects(origin: &str) {
    let client = Client::new();
    for path in ["bad-location", "to-ftp", "to-private", "no-location"] {
        show(path, fetch(&client, get(&format!("{origin}/{path}"))));
    }
}

/// Every verb on an idle rpc, and every verb again on one that is over.
fn order(origin: &str) {
    let client = Client::new();
    let verbs = |what: &str, rpc: &Rpc| {
        show(&format!("{what}: wait"), rpc.wait());
        show(&format!("{what}: check-success"), rpc.check_success());
        show(&format!("{what}: get-result"), rpc.get_result());
        show(&format!("{what}: cancel"), rpc.cancel());
        show(&format!("{what}: hops"), rpc.hops().len() as u64);
        show(&format!("{what}: received"), rpc.received());
        show(
            &format!("{what}: rejected"),
            rpc.rejected_headers().len() as u64,
        );
        show(&format!("{what}: state"), format!("{:?}", rpc.state()));
    };
    let rpc = client
        .create_rpc(None)
        .expect("no deadline, nothing to refuse");
    verbs("idle", &rpc);
    show(
        "idle: a refused start",
        rpc.make_fetch_call(&Request {
            method: "BREW".into(),
            ..get(origin)
        }),
    );
    show(
        "idle: another refused start",
        rpc.make_fetch_call(&with_header(origin, "a\r\nb", b"")),
    );
    show(
        "idle: a start",
        rpc.make_fetch_call(&get(&format!("{origin}/ok"))),
    );
    show(
        "running: a start",
        rpc.make_fetch_call(&get(&format!("{origin}/ok"))),
    );
    verbs("finished", &rpc);
    show(
        "finished: a start",
        rpc.make_fetch_call(&get(&format!("{origin}/ok"))),
    );
    show("finished: into-result", Rpc::into_result(rpc));
    let idle = client
        .create_rpc(None)
        .expect("no deadline, nothing to refuse");
    show("idle: into-result", Rpc::into_result(idle));
    let cancelled = started(&client, &format!("{origin}/silent"));
    show("running: cancel", cancelled.cancel());
    verbs("cancelled", &cancelled);
    show(
        "cancelled: a start",
        cancelled.make_fetch_call(&get(origin)),
    );
    show("cancelled: into-result", Rpc::into_result(cancelled));
}

fn waits(origin: &str) {
    let client = Client::new();
    let idle = client
        .create_rpc(None)
        .expect("no deadline, nothing to refuse");
    let (ok, silent) = (
        started(&client, &format!("{origin}/ok")),
        started(&client, &format!("{origin}/silent")),
    );
    let past = subscribe_duration(0);
    show("wait-any of nothing", wait_any(&[], None));
    show(
        "wait-any of nothing, with a timer",
        wait_any(&[], Some(&past)),
    );
    show("wait-any of an idle one", wait_any(&[&idle], None));
    show(
        "wait-any of an idle one among others",
        wait_any(&[&ok, &idle], Some(&past)),
    );
    show(
        "wait-any of one, twice in the list",
        wait_any(&[&ok, &ok], None),
    );
    show(
        "wait-any of one that never ends, with a timer",
        wait_any(&[&silent], Some(&past)),
    );
    show(
        "wait-any of 10,000 times the same",
        wait_any(&[&silent; 10_000], None),
    );
    let others: Vec<Rpc> = (0..300)
        .map(|_| started(&client, &format!("{origin}/ok")))
        .collect();
    show(
        "wait-any of many",
        wait_any(&others.iter().collect::<Vec<_>>(), None),
    );
    progress();
    client.drain();
    client.drain();
}

fn turns(origin: &str) {
    let (client, other) = (Client::new(), Client::new());
    let past: Vec<Pollable> = (0..1_000).map(|_| subscribe_duration(0)).collect();
    show("turn of nothing", turn(&client, &[]));
    show(
        "turn of 1,000 timers",
        turn(&client, &past.iter().collect::<Vec<_>>()),
    );
    show(
        "turn of the same timer 100 times",
        turn(&client, &[&past[0]; 100]),
    );
    let rpc = started(&client, &format!("{origin}/ok"));
    show("turn of another client", turn(&other, &[]));
    show("turn of its client", turn(&client, &[]));
    show("turn of its client again", turn(&client, &[]));
    drop(rpc);
    // What was lent may go in any order.
    drop(past);
    orphan(client, origin);
}

/// How many finished, how many are ready.
fn turn(client: &Client, others: &[&Pollable]) -> String {
    let turned = client.turn(others);
    format!(
        "{} finished, {} ready",
        turned.finished.len(),
        turned.ready.len()
    )
}

/// A client that is gone while its rpc runs.
fn orphan(client: Client, origin: &str) {
    let rpc = started(&client, &format!("{origin}/slow"));
    drop(client);
    progress();
    show("an rpc without a client", Rpc::into_result(rpc));
}

/// Handles in every order of dropping: client, rpc, another rpc, a lent pollable.
fn drops(origin: &str) {
    let mut survivors = 0;
    for order in 0..24 {
        let mut left = vec![0, 1, 2, 3];
        let mut code = order;
        let mut client = Some(Client::new());
        let owner = client.as_ref().expect("it is there");
        let mut running = Some(started(owner, &format!("{origin}/silent")));
        let mut idle = owner.create_rpc(None).ok();
        let mut timer = Some(subscribe_duration(1_000_000));
        if let (Some(rpc), Some(timer)) = (&running, &timer) {
            survivors += usize::from(matches!(
                wait_any(&[rpc], Some(timer)),
                Ok(Waited::Interrupted)
            ));
        }
        for ways in (1..=4).rev() {
            match left.remove(code % ways) {
                0 => drop(client.take()),
                1 => drop(running.take()),
                2 => drop(idle.take()),
                _ => drop(timer.take()),
            }
            code /= ways;
            progress();
        }
    }
    show("orders of dropping", format!("{survivors} of 24"));
    let forgotten = started(&Client::shared(), &format!("{origin}/silent"));
    // Never dropped: the end of the instance has to do.
    std::mem::forget(forgotten);
}
