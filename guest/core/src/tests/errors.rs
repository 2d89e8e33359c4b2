//! What failures mean to the caller: the golden table of transport failures, kinds and their codes, and how an error reads. Semantics.md section 9.
use std::{env, fs, path::Path};

use super::scenario::*;
use crate::{ErrorKind, Failure, FailureCode, FetchError, Method, Phase, Retry};

const A: &str = "http://a.example/";

/// One line for each failure of wasi:http: what a GET and a POST make of it before the head.
fn table() -> String {
    let mut table = String::from("# failure | kind | code | phase | retry\n");
    for &code in FailureCode::ALL {
        let failed = |method| {
            Program::new()
                .origin(A, failure(code))
                .failed(request(method, A, ""))
        };
        let (get, post) = (failed(Method::Get), failed(Method::Post));
        assert_eq!(
            (get.kind, get.code, get.phase),
            (post.kind, post.code, post.phase)
        );
        let retry = match (get.retryable, post.retryable) {
            (false, false) => "never",
            (true, false) => "idempotent",
            (true, true) => "always",
            (false, true) => unreachable!("a POST is no safer than a GET"),
        };
        table += &format!(
            "{} | {} | {} | {} | {retry}\n",
            code.name(),
            get.kind,
            get.code,
            get.phase
        );
    }
    table
}

/// `BLESS=1 cargo test -p urlfetch-core` rewrites the file.
#[test]
fn every_transport_failure_means_what_the_golden_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/golden/failures.txt");
    let table = table();
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        table,
        "BLESS=1 accepts the change"
    );
}

/// Table W-MAP of semantics.md, in its own words; the golden file follows from the code, this from the paper.
#[test]
fn every_row_of_w_map_holds() {
    use ErrorKind::{
        ConnectionClosed, DeadlineExceeded, DnsLookupFailed, Download, InternalTransient,
        InvalidUrl, MalformedReply, PayloadTooLarge, ResponseTooLarge, SslCertificate,
    };
    let rows = [
        (
            "DNS-timeout DNS-error destination-not-found",
            7,
            DnsLookupFailed,
        ),
        (
            "destination-unavailable destination-IP-prohibited destination-IP-unroutable connection-refused HTTP-request-denied",
            12,
            Download,
        ),
        (
            "connection-terminated HTTP-response-incomplete",
            8,
            ConnectionClosed,
        ),
        (
            "connection-timeout connection-read-timeout connection-write-timeout HTTP-response-timeout",
            5,
            DeadlineExceeded,
        ),
        (
            "TLS-protocol-error TLS-certificate-error TLS-alert-received",
            6,
            SslCertificate,
        ),
        (
            "HTTP-request-URI-invalid HTTP-request-URI-too-long HTTP-request-method-invalid",
            1,
            InvalidUrl,
        ),
        (
            "HTTP-request-body-size HTTP-request-length-required HTTP-request-header-section-size HTTP-request-header-size HTTP-request-trailer-section-size HTTP-request-trailer-size",
            13,
            PayloadTooLarge,
        ),
        ("HTTP-response-body-size", 4, ResponseTooLarge),
        (
            "HTTP-response-header-section-size HTTP-response-header-size HTTP-response-trailer-section-size HTTP-response-trailer-size HTTP-response-transfer-coding HTTP-response-content-coding HTTP-protocol-error HTTP-upgrade-failed",
            11,
            MalformedReply,
        ),
        ("connection-limit-reached", 9, InternalTransient),
        (
            "loop-detected configuration-error internal-error",
            3,
            Download,
        ),
    ];
    let mut seen = 0;
    for (names, code, kind) in rows {
        for name in names.split(' ') {
            let failure = FailureCode::ALL
                .iter()
                .find(|failure| failure.name() == name);
            let verdict = failure
                .unwrap_or_else(|| panic!("{name} is no failure"))
                .verdict();
            assert_eq!((verdict.code, verdict.kind), (code, kind), "{name}");
            seen += 1;
        }
    }
    assert_eq!((seen, FailureCode::ALL.len()), (39, 39), "none is missing");
}

#[test]
fn what_would_fail_again_is_never_retryable() {
    for failure in FailureCode::ALL {
        let verdict = failure.verdict();
        if [1, 4, 6, 10, 13].contains(&verdict.code) {
            assert_eq!(verdict.retry, Retry::Never, "{}", failure.name());
        }
    }
}

#[test]
fn a_failure_without_a_place_of_its_own_is_where_the_call_was() {
    let failed = |answer: Answer| Program::new().origin(A, answer).failed(get(A));
    let error = failed(failure(FailureCode::ConnectionTerminated));
    assert_eq!((error.phase, error.response), (Phase::Request, None));
    assert_eq!(
        failed(answer(200).fails(FailureCode::ConnectionTerminated)).phase,
        Phase::Body
    );
    assert_eq!(failed(failure(FailureCode::DnsError)).phase, Phase::Resolve);
    assert_eq!(
        failed(failure(FailureCode::TlsCertificateError)).phase,
        Phase::Tls
    );
    assert_eq!(
        failed(failure(FailureCode::ConnectionRefused)).phase,
        Phase::Connect
    );
}

#[test]
fn a_failure_after_a_redirect_names_the_hop_at_fault() {
    let mut program = Program::new()
        .origin(A, redirect(302, "http://b.example/"))
        .origin("http://b.example/", failure(FailureCode::DnsError));
    assert_eq!(program.failed(get(A)).url, "http://b.example/");
}

#[test]
fn the_detail_has_the_transports_words_behind_its_code() {
    let mut program = Program::new().origin(
        A,
        Answer::default().fails(Failure {
            code: FailureCode::DnsError,
            detail: "address not available".into(),
        }),
    );
    let error = program.failed(get(A));
    assert_eq!(error.detail, "DNS-error: address not available");
    assert_eq!(
        error.to_string(),
        "dns-lookup-failed: http://a.example/: DNS-error: address not available"
    );
}

#[test]
fn every_error_of_a_call_reads_with_its_url() {
    let mut program = Program::new()
        .origin(A, failure(FailureCode::InternalError))
        .origin("http://b.example/", silence())
        .origin("http://c.example/", answer(600))
        .policy(|policy| policy.set_max_response(1));
    for url in [
        A,
        "http://b.example/",
        "http://c.example/",
        "ftp://d.example/",
        "http://localhost/",
        "not a url",
    ] {
        let error = program.failed(get(url));
        let text = error.to_string();
        assert!(
            text.contains(url) && text.starts_with(error.kind.name()),
            "{text}"
        );
        assert!(!text.contains('\n') && text.len() > url.len() + error.kind.name().len() + 4);
    }
    let bare = FetchError::local(ErrorKind::Misuse, "");
    assert_eq!(
        bare.to_string(),
        "misuse",
        "no call, no detail: the kind alone"
    );
}

#[test]
fn a_status_from_600_is_a_download_error_that_names_it() {
    for status in [600, 999, 99, 0, u16::MAX] {
        let error = Program::new().origin(A, answer(status)).failed(get(A));
        assert_eq!(
            (error.kind, error.code, error.phase, error.retryable),
            (ErrorKind::Download, 2, Phase::Request, false)
        );
        assert!(
            error.detail.contains(&format!("status {status}")),
            "{}",
            error.detail
        );
    }
    assert_eq!(
        Program::new().origin(A, answer(599)).fetched(get(A)).status,
        599
    );
}

#[test]
fn http_error_statuses_are_results() {
    for status in [400, 401, 404, 500, 503] {
        assert_eq!(
            Program::new()
                .origin(A, answer(status).piece("why"))
                .fetched(get(A))
                .content,
            b"why"
        );
    }
}

/// Semantics.md 9.1 and 9.2.
#[test]
fn kinds_have_app_engines_codes_and_ancestry() {
    let codes = ErrorKind::ALL.map(|kind| {
        (
            kind.name(),
            kind.code(),
            kind.is_download(),
            kind.is_invalid_url(),
        )
    });
    assert_eq!(
        codes,
        [
            ("download", 2, true, false),
            ("deadline-exceeded", 5, true, false),
            ("dns-lookup-failed", 7, true, false),
            ("connection-closed", 8, true, false),
            ("too-many-redirects", 10, true, false),
            ("malformed-reply", 11, true, false),
            ("invalid-url", 1, false, true),
            ("payload-too-large", 13, false, true),
            ("internal-transient", 9, false, false),
            ("ssl-certificate", 6, false, false),
            ("response-too-large", 4, false, false),
            ("invalid-method", 0, false, false),
            ("cancelled", 0, false, false),
            ("refused", 0, false, false),
            ("unsupported", 0, false, false),
            ("invalid-argument", 0, false, false),
            ("misuse", 0, false, false),
            ("deadlock", 0, false, false),
        ]
    );
}

/// Semantics.md 9.2.
#[test]
fn a_code_that_the_service_raises_is_the_errors_and_an_unknown_one_goes_on_with_its_detail() {
    use ErrorKind::{
        ConnectionClosed, DeadlineExceeded, DnsLookupFailed, Download, InternalTransient,
        InvalidUrl, MalformedReply, PayloadTooLarge, ResponseTooLarge, SslCertificate,
        TooManyRedirects,
    };
    let rows = [
        (0, Download, false),
        (1, InvalidUrl, false),
        (2, Download, true),
        (3, Download, true),
        (4, ResponseTooLarge, false),
        (5, DeadlineExceeded, true),
        (6, SslCertificate, false),
        (7, DnsLookupFailed, true),
        (8, ConnectionClosed, true),
        (9, InternalTransient, true),
        (10, TooManyRedirects, false),
        (11, MalformedReply, true),
        (12, Download, true),
        (13, PayloadTooLarge, false),
        (14, Download, false),
        (4711, Download, false),
    ];
    for (code, kind, retryable) in rows {
        for method in [Method::Get, Method::Post] {
            let mut program = Program::new().origin(A, silence());
            let rpc = program.start(request(method, A, ""));
            let now = program.now;
            assert!(program.service.handle_raised(rpc, code, "as told", now));
            let error = program.result(rpc).unwrap_err();
            let retryable = retryable && method == Method::Get;
            assert_eq!(
                (error.kind, error.code, error.retryable, error.phase),
                (kind, code, retryable, Phase::Request)
            );
            assert_eq!((error.detail.as_str(), error.response), ("as told", None));
            assert!(!program.service.handle_raised(rpc, 7, "late", now));
            assert_eq!(program.result(rpc).unwrap_err().code, code, "it is final");
        }
    }
}

#[test]
fn phases_have_the_names_of_the_wit() {
    assert_eq!(
        Phase::ALL.map(Phase::name),
        [
            "local", "queued", "resolve", "connect", "tls", "request", "body", "redirect", "decode"
        ]
    );
}

/// Hosts that lose the code of a failed body tell it in words (hosts.md, section 1).
#[test]
fn the_code_of_a_failed_body_is_found_in_the_hosts_words() {
    use FailureCode::{
        ConnectionReadTimeout, ConnectionTerminated, ConnectionWriteTimeout, HttpProtocolError,
        HttpResponseBodySize, HttpResponseIncomplete, InternalError,
    };
    for (text, code) in [
        ("connection read timeout", ConnectionReadTimeout),
        ("ErrorCode::ConnectionReadTimeout", ConnectionReadTimeout),
        ("connection write timeout", ConnectionWriteTimeout),
        ("connection terminated", ConnectionTerminated),
        ("HTTP response incomplete", HttpResponseIncomplete),
        (
            "HTTP response body size exceeds limit: 5 bytes",
            HttpResponseBodySize,
        ),
        ("HTTP protocol error", HttpProtocolError),
        (
            "hyper error: error reading a body from connection",
            HttpProtocolError,
        ),
        (
            "hyper error: error reading a body from connection\n\nCaused by:\n    end of file before message length reached",
            HttpResponseIncomplete,
        ),
        (
            "hyper::Error(Body, Custom { kind: UnexpectedEof, error: IncompleteBody })",
            HttpResponseIncomplete,
        ),
        (
            "hyper::Error(Body, Os { code: 104, kind: ConnectionReset, message: \"Connection reset by peer\" })",
            ConnectionTerminated,
        ),
        ("", InternalError),
        ("something else", InternalError),
    ] {
        assert_eq!(FailureCode::from_debug_text(text), code, "{text}");
    }
}
