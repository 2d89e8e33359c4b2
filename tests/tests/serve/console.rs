//! The console: what its page shows in a browser, what it reads, and who may read it.

use super::client::{Answer, ask};
use super::{Served, Serving, on_sockets};
use crate::programs::FAN_OUT;
use crate::run::ALLOW_PRIVATE;
use serde_json::Value;
use std::net::TcpListener;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use urlfetch_host::{Loopback, TlsIdentity};
use urlfetch_tests::Browser;

/// A browser before the console of a server, or none where none is installed.
pub(super) async fn before(served: &Served) -> Option<Browser> {
    let mut browser = Browser::start(Browser::path()?).await;
    browser.look(1280, 800, false).await;
    browser.open(&format!("http://{}/", served.admin)).await;
    Some(browser)
}

/// Asks the admin address, with headers of the client's choice.
pub(super) async fn admin(served: &Served, line: &str, headers: &str) -> Answer {
    let said = format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    ask(served.admin, said).await
}

pub(super) async fn read(served: &Served, path: &str) -> Value {
    let answer = admin(served, &format!("GET {path}"), "Host: 127.0.0.1\r\n").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

/// Keeps what a browser shows, where the variable SCREENSHOTS names a folder: for those who want to see it.
pub(super) async fn keep(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, browser.screenshot().await).unwrap();
    }
}

/// An origin that speaks TLS, and the root that vouches for it.
async fn tls_origin() -> (Loopback, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let identity = TlsIdentity {
        chain_pem: certificate.pem().into_bytes(),
        key_pem: key.serialize_pem().into_bytes(),
    };
    let origin = Loopback::start_tls(&identity).await.unwrap();
    (origin, identity.chain_pem)
}

/// The text of everything that a selector finds, joined.
pub(super) fn texts(selector: &str) -> String {
    format!("[...document.querySelectorAll('{selector}')].map((it) => it.textContent).join('|')")
}

/// The numbers in the first column of the list.
const LISTED: &str =
    "[...document.querySelectorAll('#rows tbody a')].map((it) => it.textContent).join(' ')";

#[test]
fn a_browser_shows_each_request_with_the_waterfall_of_its_calls() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let (encrypted, roots) = tls_origin().await;
        let refusing = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut serving = Serving::of(FAN_OUT);
        let (name, value) = ALLOW_PRIVATE;
        serving.options.env = vec![(name.into(), value.into())];
        serving.roots = roots;
        let served = serving.start().await;
        let Some(mut browser) = before(&served).await else {
            return;
        };

        let empty = browser.until("document.querySelector('#no-rows pre')?.textContent");
        assert_eq!(empty.await, format!("curl -i http://{}/", served.address));

        let fetch = |path: &str, urls: &[String]| {
            let query: Vec<_> = urls.iter().map(|url| format!("url={url}")).collect();
            format!("{path}?{}", query.join("&"))
        };
        served.get(&fetch("/warm", &[origin.url("/bytes/1")])).await;
        let many = [
            encrypted.url("/delay/30/4096"),
            origin.url("/delay/120/2048"),
            origin.url("/delay/60/2048"),
            origin.url("/bytes/4194304"),
            origin.url("/cut/4096"),
            format!("http://{refusing}/nobody"),
            origin.url("/redirect/2"),
            origin.url("/status/404"),
        ];
        let answer = served.get(&fetch("/search", &many)).await;
        assert_eq!(answer.status, 200);
        served.get("/without").await;
        served.ended(3).await;

        browser.until(&format!("{LISTED} === '3 2 1'")).await;
        let row = texts("#rows tr[data-id=\"2\"] td");
        let row = browser.eval(&row).await;
        let row = row.as_str().unwrap();
        assert!(
            row.starts_with("2|") && row.contains("|GET|/search?url="),
            "{row}"
        );
        // The connection that broke and the one that was refused; redirects are calls of their own.
        assert!(
            row.contains("|200|") && row.contains("|2 failed of 10|"),
            "{row}"
        );
        keep(&mut browser, "requests").await;

        // With the keyboard alone.
        browser
            .eval("document.querySelector('#rows tbody a').focus()")
            .await;
        browser.press("ArrowDown").await;
        browser.press("Enter").await;
        browser
            .until("document.querySelector('#request h2')?.textContent === 'Request 2'")
            .await;
        let call = |url: &str| {
            format!(
                "[...document.querySelectorAll('.call')].find((it) => it.querySelector('.url')?.title === '{url}')"
            )
        };
        let phases = |url: &str| {
            format!(
                "[...{}.querySelectorAll('.track i')].map((it) => it.className.replace('phase-', '')).join(' ')",
                call(url)
            )
        };
        let notes = |url: &str| format!("{}.querySelector('.notes').textContent", call(url));
        let seen = browser.eval(&phases(&many[0])).await;
        assert_eq!(
            seen, "queued lookup connect TLS connect head body",
            "{}",
            many[0]
        );
        let seen = browser.eval(&notes(&many[0])).await;
        let seen = seen.as_str().unwrap();
        assert!(
            seen.starts_with("200newHTTP/2.0") && seen.contains("https://localhost:"),
            "{seen}"
        );
        // One of them was on the connection of the request before.
        let connections = browser.eval(&texts(".notes .reused, .notes .new")).await;
        let connections = connections.as_str().unwrap();
        assert!(
            connections.contains("reused") && connections.contains("new"),
            "{connections}"
        );
        let seen = browser.eval(&phases(&many[4])).await;
        assert!(
            seen.as_str().unwrap().ends_with("head body mark-failed"),
            "{seen}"
        );
        let seen = browser.eval(&phases(&many[5])).await;
        assert_eq!(seen, "queued connect mark-failed");
        let seen = browser.eval(&notes(&many[5])).await;
        assert!(seen.as_str().unwrap().contains("refused"), "{seen}");
        // It waited for what came late, and the bars say how long: half of them on the left, the others behind.
        let share = |url: &str| {
            format!(
                "parseFloat({}.querySelector('.phase-head').style.width) > 20",
                call(url)
            )
        };
        assert_eq!(browser.eval(&share(&many[1])).await, true);
        assert_eq!(
            browser.eval(&texts(".call.own .url")).await,
            "the request itself"
        );
        keep(&mut browser, "waterfall").await;
        browser.look(1280, 800, true).await;
        keep(&mut browser, "waterfall-dark").await;
        browser.look(420, 800, true).await;
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.eval(fits).await, true, "nobody scrolls sideways");
        keep(&mut browser, "waterfall-narrow").await;
        browser.look(1280, 800, false).await;
        browser.press("Escape").await;
        browser
            .until("document.getElementById('request').hidden")
            .await;

        let filters = [
            ("path", "'SEARCH'", "2"),
            ("host", "'localhost'", "2"),
            ("host", "'a.test'", "3 2 1"),
            ("method", "'GET'", "3 2 1"),
            ("status", "'4'", "3"),
            ("status", "'2'", "2 1"),
            ("status", "'running'", ""),
            ("errors", "true", "2"),
        ];
        for (name, value, wanted) in filters {
            let property = if name == "errors" { "checked" } else { "value" };
            let filter = format!(
                "{{ const it = document.querySelector('#filters [name={name}]'); it.{property} = {value}; it.dispatchEvent(new Event('input', {{ bubbles: true }})); }}"
            );
            browser.eval(&filter).await;
            assert_eq!(browser.eval(LISTED).await, wanted, "{name} {value}");
            browser
                .eval("document.getElementById('clear').click()")
                .await;
            browser.until(&format!("{LISTED} === '3 2 1'")).await;
        }
        assert_eq!(browser.complaints(), [""; 0]);
        browser.close().await;
    });
}

#[test]
fn a_browser_shows_what_runs_and_what_went_wrong_and_runs_nothing_that_it_is_told() {
    on_sockets(|| async {
        let served = Served::ordinary().await;
        let Some(mut browser) = before(&served).await else {
            return;
        };
        let mut stalled = TcpStream::connect(served.address).await.unwrap();
        stalled
            .write_all(b"GET /stall?one HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .await
            .unwrap();
        browser
            .until(
                "document.querySelector('#rows tr.is-running .path')?.textContent === '/stall?one'",
            )
            .await;
        drop(stalled);
        browser
            .until("document.querySelector('#rows tr.is-error .status')?.textContent === 'none'")
            .await;

        let markup = "<img/src=x/onerror=document.title='owned'>";
        ask(
            served.address,
            format!("GET /hello HTTP/1.1\r\nHost: {markup}\r\nConnection: close\r\n\r\n"),
        )
        .await;
        let path = "/hello?a='onmouseover=alert(1)&{{constructor}}";
        assert_eq!(served.get(path).await.status, 200);
        assert_eq!(served.get("/trap").await.status, 500);
        assert_eq!(ask(served.address, "hello?\r\n\r\n").await.status, 400);

        browser.until(&format!("{LISTED} === '4 3 2 1'")).await;
        for (id, wanted) in [(2, markup), (3, path)] {
            browser
                .eval(&format!("location.hash = 'requests/{id}'"))
                .await;
            browser
                .until(&format!(
                    "document.querySelector('#request h2')?.textContent === 'Request {id}'"
                ))
                .await;
            let seen = browser.eval(&texts("#request dd")).await;
            assert!(seen.as_str().unwrap().contains(wanted), "{seen}");
        }
        let seen = browser.eval(&texts("#request .empty")).await;
        assert_eq!(seen, "It has fetched nothing.");

        browser.eval("location.hash = 'errors'").await;
        browser
            .until("document.querySelectorAll('#error-rows tbody tr').length === 4")
            .await;
        let kinds = browser.eval(&texts("#error-rows td.kind")).await;
        // They stand as they ended, and what came later may end first.
        let mut kinds: Vec<_> = kinds.as_str().unwrap().split('|').collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["client-gone", "no request", "refused", "trapped"]);
        let seen = browser.eval(&texts("#error-rows .failed")).await;
        assert!(seen.as_str().unwrap().contains("unreachable"), "{seen}");
        assert_eq!(
            browser
                .eval("document.getElementById('error-count').textContent")
                .await,
            "4"
        );
        keep(&mut browser, "errors").await;
        // All of it was text.
        assert_eq!(browser.eval("document.title").await, "urlfetch console");
        assert_eq!(
            browser
                .eval("document.querySelectorAll('img, script:not([src])').length")
                .await,
            0
        );
        assert_eq!(browser.complaints(), [""; 0]);
        // And if we ever made markup of it, the browser would refuse.
        let refused = "(() => { try { document.body.innerHTML = 'x'; return false; } catch { return true; } })()";
        assert_eq!(browser.eval(refused).await, true);
        browser.close().await;
    });
}

#[test]
fn programs_read_what_the_console_reads() {
    on_sockets(|| async {
        let origin = Loopback::start().await.unwrap();
        let served = Served::ordinary().await;
        let target = origin.url("/bytes/10");
        let path = format!("/fetch?{}", target.strip_prefix("http://").unwrap());
        served.get(&path).await;
        served.ended(1).await;
        let all = read(&served, "/api/requests").await;
        assert_eq!((&all["cursor"], &all["live_total"]), (&1.into(), &0.into()));
        assert_eq!(all["server"]["places"], 16);
        let row = &all["ended"][0];
        assert_eq!(
            (&row["path"], &row["host"]),
            (&path.as_str().into(), &"a.test".into())
        );
        assert_eq!((&row["status"], &row["calls"]), (&200.into(), &1.into()));
        assert_eq!(row["to"][0], origin.address().to_string());
        let none = read(&served, "/api/requests?after=1").await;
        assert_eq!(none["ended"], Value::Array(Vec::new()));
        let one = read(&served, "/api/requests/1").await;
        let call = &one["outbound"][0];
        assert_eq!(
            (&call["url"], &call["received"]),
            (&target.as_str().into(), &10.into())
        );
        assert!(call["begun_ms"].as_f64() < one["ms"].as_f64(), "{one}");
        let unknown = admin(&served, "GET /api/requests/9", "Host: localhost\r\n").await;
        assert_eq!(
            (unknown.status, unknown.text()),
            (404, "request '9' is not known, or not any more\n")
        );
        assert_eq!(
            read(&served, "/api/errors").await["requests"],
            Value::Array(Vec::new())
        );
    });
}

#[test]
fn the_admin_address_answers_its_own_page_and_programs_and_nobody_elses_page() {
    on_sockets(|| async {
        let mut serving = Serving::ordinary();
        serving.options.admin_hosts = vec!["console.test".into()];
        let served = serving.start().await;
        let cases = [
            (200, "GET /", "Host: 127.0.0.1:1\r\n"),
            (200, "HEAD /api/errors", "Host: [::1]\r\n"),
            (200, "GET /api/errors", "Host: console.test\r\n"),
            (
                200,
                "GET /api/errors",
                "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n",
            ),
            // A name that was made to lead here, and the page of another site.
            (403, "GET /", "Host: rebound.test\r\n"),
            (403, "GET /api/requests", "Host: rebound.test\r\n"),
            (403, "POST /api/requests", "Host: rebound.test\r\n"),
            (
                403,
                "GET /api/requests",
                "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n",
            ),
            (
                403,
                "GET /api/requests",
                "Host: localhost\r\nOrigin: http://other.test\r\n",
            ),
            (
                405,
                "POST /api/requests",
                "Host: localhost\r\nContent-Length: 0\r\n",
            ),
            (405, "DELETE /metrics", "Host: localhost\r\n"),
            (404, "GET /console", "Host: localhost\r\n"),
            (400, "GET /api/requests?after=x", "Host: localhost\r\n"),
            // Numbers only, for whoever collects them.
            (200, "GET /metrics", "Host: any.test\r\n"),
        ];
        for (status, line, headers) in cases {
            let answer = admin(&served, line, headers).await;
            assert_eq!(answer.status, status, "{line} {headers}: {answer:?}");
            assert!(
                answer.head.contains("x-content-type-options: nosniff\r\n"),
                "{answer:?}"
            );
            assert!(
                !answer.head.contains("access-control-allow-origin"),
                "{answer:?}"
            );
        }
        let page = admin(&served, "GET /", "Host: localhost\r\n").await;
        assert!(
            page.head
                .contains("content-security-policy: default-src 'none'; "),
            "{}",
            page.head
        );
        let within = [
            "<style", "style=", "<script>", "onclick", "http://", "https://",
        ];
        assert!(
            within.iter().all(|it| !page.text().contains(it)),
            "it needs nothing but its own files"
        );
    });
}
