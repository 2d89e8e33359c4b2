//! What a program may do, and what a transport may see.

use arbitrary::Arbitrary;
use urlfetch_core::{Event, FailureCode, Method, Request};

/// Where requests and redirects go: three origins, an address that is private, and what is no URL.
const PLACES: [&str; 8] = [
    "http://a.example/",
    "http://a.example/x?y#z",
    "http://b.example/",
    "https://b.example:8443/y",
    "http://127.0.0.1/",
    "http://[::ffff:10.0.0.1]/",
    "../z",
    "no url",
];

/// An rpc is named by its place among those that exist, modulo their number.
#[derive(Arbitrary, Debug)]
pub(super) enum Step {
    Create {
        second_client: bool,
        deadline: Option<u8>,
    },
    Start {
        rpc: u8,
        asked: Asked,
    },
    Feed {
        rpc: u8,
        seen: Seen,
    },
    Redirect {
        rpc: u8,
        status: u8,
        place: u8,
    },
    Answer {
        rpc: u8,
        body: Vec<u8>,
    },
    Cancel {
        rpc: u8,
    },
    Drop {
        rpc: u8,
    },
    Pass {
        millis: u8,
    },
    Limits {
        second_client: bool,
        total: u8,
        per_origin: u8,
    },
    Policy {
        second_client: bool,
        redirects: u8,
        kept: u8,
        switches: u8,
    },
    Seal {
        second_client: bool,
    },
    Execute {
        rpc: u8,
    },
    ExecuteNext {
        second_client: bool,
    },
    Judge {
        rpcs: [u8; 3],
        blocks: bool,
    },
    TakeCallback {
        rpc: u8,
    },
    TakeHooks {
        rpc: u8,
    },
    TakeFinished {
        second_client: bool,
    },
    TakeOutcome {
        rpc: u8,
    },
    CloseClient {
        second_client: bool,
    },
}

/// What a program asks for.
#[derive(Arbitrary, Debug)]
pub(super) struct Asked {
    method: u8,
    place: u8,
    credentials: bool,
    own_encoding: bool,
    payload: u8,
    switches: u8,
}

impl Asked {
    pub(super) fn request(&self) -> Request {
        let mut request = Request::new(PLACES[usize::from(self.place) % PLACES.len()])
            .with_method(Method::ALL[usize::from(self.method) % Method::ALL.len()])
            .with_header("x-own", "1")
            .with_payload(vec![b'p'; self.payload.into()])
            .with_follow_redirects(self.switches & 1 == 0)
            .with_allow_truncated(self.switches & 2 != 0);
        if self.credentials {
            request = request
                .with_header("Authorization", "secret")
                .with_header("cookie", "a=b")
                .with_header("Host", "elsewhere");
        }
        if self.own_encoding {
            request = request.with_header("Accept-Encoding", "br");
        }
        if self.switches & 4 != 0 {
            request = request.with_validate_certificate(self.switches & 8 != 0);
        }
        request
    }
}

/// What a transport may see, in any order and of any exchange.
#[derive(Arbitrary, Debug)]
pub(super) enum Seen {
    Head { status: u16, lines: Vec<Line> },
    Piece(Vec<u8>),
    End,
    Failed(u8),
}

#[derive(Arbitrary, Debug)]
pub(super) enum Line {
    Location(u8),
    Length(u8),
    Lengths(u8, u8),
    Gzip,
    OtherCoding,
    Free(String, Vec<u8>),
}

impl Line {
    pub(super) fn text(self) -> (String, Vec<u8>) {
        let place = |place: u8| PLACES[usize::from(place) % PLACES.len()].as_bytes();
        match self {
            Self::Location(to) => ("Location".into(), place(to).into()),
            Self::Length(length) => ("content-length".into(), length.to_string().into()),
            Self::Lengths(a, b) => ("Content-Length".into(), format!("{a}, {b}").into()),
            Self::Gzip => ("content-encoding".into(), b"gzip".into()),
            Self::OtherCoding => ("Content-Encoding".into(), b"br".into()),
            Self::Free(name, value) => (name, value),
        }
    }
}

impl Seen {
    pub(super) fn event(self) -> Event {
        match self {
            Self::Head { status, lines } => Event::Head {
                status: status % 700,
                headers: lines.into_iter().map(Line::text).collect(),
            },
            Self::Piece(bytes) => Event::Piece(bytes),
            Self::End => Event::End,
            Self::Failed(code) => {
                let codes = FailureCode::ALL;
                Event::Failed(codes[usize::from(code) % codes.len()].into())
            }
        }
    }
}
