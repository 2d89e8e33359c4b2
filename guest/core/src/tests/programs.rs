//! Random programs for `properties`: lists of steps over a handful of rpcs, two clients and a few origins, nonsense included.
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Event, FailureCode, Headers, Method, Request};

/// Where requests go: three origins, one address that is refused, and what is no URL.
pub(super) const URLS: [&str; 6] = [
    "http://a.example/",
    "http://a.example/x",
    "http://b.example/",
    "https://b.example:8443/y",
    "http://127.0.0.1/",
    "no url",
];

/// What a program may do next. An rpc is named by its place among those that exist, modulo their number.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create {
        deadline: Option<f64>,
    },
    Start {
        rpc: usize,
        request: Request,
    },
    /// `start` without its `check`, as no driver does.
    StartUnchecked {
        rpc: usize,
    },
    Send,
    Feed {
        rpc: usize,
        event: Scripted,
    },
    Finish {
        rpc: usize,
    },
    Cancel {
        rpc: usize,
    },
    Drop {
        rpc: usize,
    },
    Timeout {
        rpc: usize,
    },
    Pass {
        millis: u64,
    },
    Drain,
    SetLimits {
        total: u32,
        per_origin: u32,
    },
    SetRedirects {
        hops: u32,
    },
    SetMaxResponse {
        bytes: u32,
    },
    Development {
        on: bool,
    },
    Execute {
        rpc: usize,
    },
    ExecuteNext,
    Judge {
        rpcs: Vec<usize>,
        blocks: bool,
    },
    TakeCallback {
        rpc: usize,
    },
    TakeHooks {
        rpc: usize,
    },
    TakeFinished,
    TakeOutcome {
        rpc: usize,
    },
    Serve {
        path: Option<String>,
    },
    SwitchClient,
    CloseClient,
}

/// `Event`, which has no `Clone`.
#[derive(Clone, Debug)]
pub(super) enum Scripted {
    Head(u16, Headers),
    Piece(Vec<u8>),
    End,
    Failed(FailureCode),
}

impl From<Scripted> for Event {
    fn from(event: Scripted) -> Self {
        match event {
            Scripted::Head(status, headers) => Self::Head { status, headers },
            Scripted::Piece(bytes) => Self::Piece(bytes),
            Scripted::End => Self::End,
            Scripted::Failed(code) => Self::Failed(code.into()),
        }
    }
}

fn request() -> impl Strategy<Value = Request> {
    let method = proptest::sample::select(Method::ALL.as_slice());
    let url = proptest::sample::select(URLS.as_slice());
    let headers = vec(
        (
            sampled(&["x", "authorization", "accept-encoding", "host", "a b", ""]),
            vec(any::<u8>(), 0..4),
        ),
        0..3,
    );
    let rest = (
        vec(any::<u8>(), 0..4),
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(any::<bool>()),
    );
    (method, url, headers, rest).prop_map(
        |(
            method,
            url,
            headers,
            (payload, follow_redirects, allow_truncated, validate_certificate),
        )| Request {
            url: url.into(),
            method,
            headers,
            payload,
            follow_redirects,
            allow_truncated,
            validate_certificate,
        },
    )
}

fn sampled(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(texts).prop_map(Into::into)
}

fn event() -> impl Strategy<Value = Scripted> {
    let status = prop_oneof![4 => proptest::sample::select([200, 302, 303, 307, 308].as_slice()), 1 => any::<u16>()];
    let location = sampled(&[
        "/",
        "/x",
        "http://b.example/",
        "https://b.example:8443/y",
        "http://127.0.0.1/",
        "ftp://x",
        "\r\n",
    ]);
    let line = prop_oneof![
        location.prop_map(|to| ("Location".to_owned(), to.into_bytes())),
        sampled(&["0", "1", "3", "3, 3", "x"])
            .prop_map(|length| ("content-length".to_owned(), length.into_bytes())),
        sampled(&["gzip", "br", "gzip, gzip"])
            .prop_map(|coding| ("Content-Encoding".to_owned(), coding.into_bytes())),
        (sampled(&["", "x", "a b"]), vec(any::<u8>(), 0..4)),
    ];
    prop_oneof![
        4 => (status, vec(line, 0..3)).prop_map(|(status, headers)| Scripted::Head(status, headers)),
        3 => vec(any::<u8>(), 0..12).prop_map(Scripted::Piece),
        2 => Just(Scripted::End),
        1 => proptest::sample::select(FailureCode::ALL).prop_map(Scripted::Failed),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let rpc = || 0..8_usize;
    let deadline =
        proptest::option::of(prop_oneof![Just(0.02), Just(1.0), Just(1e9), any::<f64>()]);
    prop_oneof![
        6 => deadline.prop_map(|deadline| Step::Create { deadline }),
        8 => (rpc(), request()).prop_map(|(rpc, request)| Step::Start { rpc, request }),
        1 => rpc().prop_map(|rpc| Step::StartUnchecked { rpc }),
        8 => Just(Step::Send),
        14 => (rpc(), event()).prop_map(|(rpc, event)| Step::Feed { rpc, event }),
        3 => rpc().prop_map(|rpc| Step::Finish { rpc }),
        2 => rpc().prop_map(|rpc| Step::Cancel { rpc }),
        2 => rpc().prop_map(|rpc| Step::Drop { rpc }),
        1 => rpc().prop_map(|rpc| Step::Timeout { rpc }),
        3 => (0..40_u64).prop_map(|millis| Step::Pass { millis }),
        3 => Just(Step::Drain),
        2 => (0..4_u32, 0..4_u32).prop_map(|(total, per_origin)| Step::SetLimits { total, per_origin }),
        1 => (0..4_u32).prop_map(|hops| Step::SetRedirects { hops }),
        1 => (0..9_u32).prop_map(|bytes| Step::SetMaxResponse { bytes }),
        1 => any::<bool>().prop_map(|on| Step::Development { on }),
        2 => rpc().prop_map(|rpc| Step::Execute { rpc }),
        1 => Just(Step::ExecuteNext),
        3 => (vec(rpc(), 0..4), any::<bool>()).prop_map(|(rpcs, blocks)| Step::Judge { rpcs, blocks }),
        3 => rpc().prop_map(|rpc| Step::TakeCallback { rpc }),
        1 => rpc().prop_map(|rpc| Step::TakeHooks { rpc }),
        1 => Just(Step::TakeFinished),
        1 => rpc().prop_map(|rpc| Step::TakeOutcome { rpc }),
        1 => proptest::option::of(sampled(&["/", "/x"])).prop_map(|path| Step::Serve { path }),
        1 => Just(Step::SwitchClient),
        1 => Just(Step::CloseClient),
    ]
}
