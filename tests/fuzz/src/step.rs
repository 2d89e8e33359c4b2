//! What a program may do next. An rpc is named by its place among those that exist, modulo their number; a client is one of two.

use derive_arbitrary::Arbitrary;
use urlfetch_host::bindings::types::Request;

use crate::origin::PATHS;

#[derive(Arbitrary, Debug)]
pub(crate) enum Step {
    Create { client: bool, tenths: Option<u8> },
    Start { rpc: u8, asked: Asked },
    State { rpc: u8 },
    Wait { rpc: u8 },
    CheckSuccess { rpc: u8 },
    GetResult { rpc: u8 },
    IntoResult { rpc: u8 },
    Cancel { rpc: u8 },
    Look { rpc: u8 },
    Drop { rpc: u8 },
    WaitAny { rpcs: Vec<u8>, until: Option<u8> },
    Turn { client: bool, until: Option<u8> },
    Progress,
    Drain { client: bool },
    Sleep { tenths: u8 },
    Set { client: bool, setting: Setting },
    Seal { client: bool },
    Reopen { client: bool },
}

/// What a program asks for.
#[derive(Arbitrary, Debug)]
pub(crate) struct Asked {
    path: u8,
    method: u8,
    line: Option<(String, Vec<u8>)>,
    payload: Option<u16>,
    free_url: Option<String>,
    switches: u8,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Setting {
    DefaultDeadline(Option<f64>),
    MaximumDeadline(u8),
    InFlight(u32, u32),
    Redirects(u8),
    MaxResponse(u32),
    UrlLimits(u32, bool),
    UserAgent(Option<String>),
    Origins(Vec<String>),
    Follow308(bool),
    Development(bool),
    CurrentRequest(Option<String>, String),
    ValidateAnyway(bool),
}

/// A GET that the origin answers with a 404.
pub(crate) fn plain() -> Request {
    Request {
        url: "http://a.test/nowhere".to_owned(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        payload: None,
        follow_redirects: true,
        allow_truncated: false,
        validate_certificate: None,
    }
}

impl Asked {
    /// All requests go to one origin and carry its cookie, so that a cookie anywhere else has leaked.
    pub(crate) fn request(self) -> Request {
        let methods = [
            "GET", "POST", "HEAD", "PUT", "DELETE", "patch", "OPTIONS", "",
        ];
        let url = match self.free_url {
            Some(text) => format!("http://a.test/{text}"),
            None => format!("http://a.test/{}", self.path % (PATHS + 1)),
        };
        let mut headers = vec![("Cookie".to_owned(), b"secret".to_vec())];
        headers.extend(self.line);
        Request {
            url,
            method: methods[usize::from(self.method) % methods.len()].to_owned(),
            headers,
            payload: self.payload.map(|length| vec![b'p'; length.into()]),
            follow_redirects: self.switches & 1 == 0,
            allow_truncated: self.switches & 2 != 0,
            validate_certificate: (self.switches & 4 != 0).then_some(self.switches & 8 != 0),
        }
    }
}
