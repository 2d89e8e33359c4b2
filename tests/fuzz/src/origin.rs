//! What the origin does, as the fuzzer chooses it.

use derive_arbitrary::Arbitrary;
use urlfetch_host::{Fault, Reply, Scripted, Step, Upload};

/// How many paths the origin knows: `/0`, `/1` and so on.
pub(crate) const PATHS: u8 = 4;

/// The script of the origin, one answer a path, the last for the rest.
#[derive(Arbitrary, Debug)]
pub(crate) struct Answers([Answer; PATHS as usize]);

#[derive(Arbitrary, Debug)]
struct Answer {
    way: Way,
    lines: Vec<Line>,
    body: Vec<Part>,
    upload: u8,
    delay: u8,
}

#[derive(Arbitrary, Debug)]
enum Way {
    Ok,
    Status(u16),
    Redirect(u8, Target),
    Silence,
    Fault(u8),
}

/// Where a redirect leads.
#[derive(Arbitrary, Debug)]
enum Target {
    Path(u8),
    OtherOrigin(u8),
    Private,
    Free(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Line {
    Length(u16),
    Gzip(u8),
    Cookie,
    Free(u8, Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Zeros(u16),
    /// A gzip member of that many times 64 zeros.
    Member(u8),
    Pause(u8),
    Drip,
    Stall,
    Fail(u8),
}

const FAULTS: [Fault; 8] = [
    Fault::DnsTimeout,
    Fault::ConnectionRefused,
    Fault::ConnectionTerminated,
    Fault::ConnectionReadTimeout,
    Fault::TlsProtocolError,
    Fault::HttpResponseIncomplete,
    Fault::HttpResponseTimeout,
    Fault::HttpProtocolError,
];

/// Every place in what a fuzzer chose is one of these.
fn one_of<T: Clone>(all: &[T], place: u8) -> T {
    all[usize::from(place) % all.len()].clone()
}

/// Bytes as the latin-1 text of a header, without what no header carries: the host's own checks are not what this is about.
fn latin1(bytes: &[u8]) -> String {
    let printable = bytes
        .iter()
        .filter(|byte| matches!(byte, b' '..=b'~' | 0xa0..));
    printable.map(|&byte| char::from(byte)).collect()
}

impl Answers {
    pub(crate) fn origin(self) -> Scripted {
        let mut origin = Scripted::new();
        for (path, answer) in self.0.into_iter().enumerate() {
            origin = origin.on(&format!("/{path}"), answer.reply());
        }
        origin
    }
}

impl Answer {
    fn reply(self) -> Reply {
        let mut reply = match self.way {
            Way::Ok => Reply::status(200),
            Way::Status(status) => Reply::status(100 + status % 900),
            Way::Redirect(status, target) => {
                let status = one_of(&[301, 302, 303, 307, 308], status);
                Reply::redirect(status, &target.location())
            }
            Way::Silence => Reply::silence(),
            Way::Fault(fault) => Reply::error(one_of(&FAULTS, fault)),
        };
        for line in self.lines {
            reply = match line {
                Line::Length(length) => reply.header("content-length", &length.to_string()),
                Line::Gzip(layers) => reply.header(
                    "content-encoding",
                    one_of(
                        &[
                            "gzip",
                            "x-gzip",
                            "gzip, gzip",
                            "br",
                            "gzip, gzip, gzip, gzip, gzip",
                        ],
                        layers,
                    ),
                ),
                Line::Cookie => reply.header("set-cookie", "a=b"),
                Line::Free(name, value) => {
                    let name = one_of(&["x", "location", "content-range", "etag"], name);
                    reply.header(name, &latin1(&value))
                }
            };
        }
        for part in self.body {
            reply = reply.then(match part {
                Part::Bytes(bytes) => Step::Bytes(bytes),
                Part::Zeros(length) => Step::Zeros(length.into()),
                Part::Member(length) => Step::Bytes(member(length)),
                Part::Pause(tenths) => Step::Pause(u64::from(tenths) * 100),
                Part::Drip => Step::Drip(700),
                Part::Stall => Step::Stall,
                Part::Fail(fault) => Step::Fail(one_of(&FAULTS, fault)),
            });
        }
        reply.delay_ms = u64::from(self.delay) * 50;
        reply.upload(one_of(
            &[Upload::First, Upload::Meanwhile, Upload::Never],
            self.upload,
        ))
    }
}

impl Target {
    fn location(&self) -> String {
        match self {
            Self::Path(path) => format!("{}", path % PATHS),
            Self::OtherOrigin(path) => format!("//b.test/{}", path % PATHS),
            Self::Private => "http://169.254.169.254/".into(),
            Self::Free(bytes) => latin1(bytes),
        }
    }
}

/// A gzip member of zeros, as a stored block for each 64 of them: nothing here compresses.
fn member(length: u8) -> Vec<u8> {
    let content = vec![0; usize::from(length) * 64];
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let size = content.len() as u16;
    member.extend_from_slice(&size.to_le_bytes());
    member.extend_from_slice(&(!size).to_le_bytes());
    member.extend_from_slice(&content);
    member.extend_from_slice(&sum(&content).to_le_bytes());
    member.extend_from_slice(&u32::from(size).to_le_bytes());
    member
}

/// The CRC of RFC 1952, section 8, bit by bit.
fn sum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}
