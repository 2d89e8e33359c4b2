//! What one URL asks the origin to do, and what must come of it.

use std::{ops::Range, sync::LazyLock};

use urlfetch_host::bindings::types::{ErrorKind, FetchError, Phase, Response};

use super::random::Random;

/// What contents are cut from: both sides know it, so that a URL says in two numbers what must come.
pub(super) static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(noise);

/// The most content that the soak's client keeps.
pub(super) const KEPT: u32 = 1 << 18;

/// One fetch: redirects first, then an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Redirects before it, 0 to 3.
    pub redirects: u8,
    /// What then happens.
    pub act: Act,
    /// Where the content begins, and how long it is.
    pub offset: u32,
    /// In bytes. For [`Act::Echo`] it is the upload's length.
    pub length: u32,
}

macro_rules! acts {
    ($($name:ident $text:literal $share:literal $about:literal;)*) => {
        /// What an origin does with a request, after its redirects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Act { $(#[doc = $about] $name),* }

        impl Act {
            /// Every act, with its share of 1,000 fetches.
            pub const ALL: &[(Self, u64)] = &[$((Self::$name, $share)),*];

            /// How a URL spells it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

acts! {
    Sized "sized" 380 "A 200 with a content-length.";
    Chunked "chunked" 110 "A 200 in chunks, some of them one byte long.";
    Unsized "unsized" 20 "A 200 that ends with its connection.";
    Gzip "gzip" 80 "A 200, gzipped.";
    Late "late" 40 "A 200 after some milliseconds.";
    Pieces "pieces" 20 "A 200 whose body comes with a pause in the middle.";
    Hint "hint" 10 "A 103 first.";
    Missing "missing" 40 "A 404 with content.";
    Broken "broken" 20 "A 503 with content.";
    Nothing "nothing" 20 "A 204.";
    Echo "echo" 60 "A POST whose upload comes back.";
    Loop "loop" 10 "A redirect to itself.";
    Nowhere "nowhere" 10 "A redirect without location.";
    Elsewhere "elsewhere" 10 "A redirect to a scheme that is not fetched.";
    Closed "closed" 20 "The connection is closed instead of an answer.";
    Reset "reset" 20 "The connection is reset instead of an answer.";
    CutHead "cut-head" 10 "The connection is closed in the head.";
    Garbage "garbage" 10 "No HTTP.";
    Short "short" 20 "One byte less than promised, and the connection is closed.";
    ShortChunks "short-chunks" 20 "No last chunk, and the connection is closed.";
    ResetBody "reset-body" 10 "The connection is reset in the body.";
    BadChunk "bad-chunk" 10 "A chunk without a size.";
    BadGzip "bad-gzip" 10 "gzip with a wrong checksum.";
    Large "large" 5 "More content than is kept.";
    Refused "refused" 10 "Nothing listens.";
    Stall "stall" 5 "No answer before the deadline.";
    StallBody "stall-body" 5 "An answer that stops in the body until after the deadline.";
    Cancelled "cancelled" 10 "No answer, and the caller cancels.";
    Dropped "dropped" 5 "No answer, and the caller drops the rpc.";
}

/// What must come of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// An answer with this status and this part of [`CONTENT`].
    Answer(u16, Range<usize>),
    /// A failure of this kind, in one of these phases.
    Failure(ErrorKind, &'static [Phase]),
    /// Nothing: it is dropped.
    Silence,
}

impl Plan {
    /// The next plan of a run.
    pub fn random(random: &mut Random) -> Self {
        let total = Act::ALL.iter().map(|(_, share)| share).sum();
        let mut place = random.below(total);
        let mut act = Act::Sized;
        for &(candidate, share) in Act::ALL {
            if place < share {
                act = candidate;
                break;
            }
            place -= share;
        }
        let length = match random.below(100) {
            0 => random.below(64 << 10),
            1..=9 => random.below(8 << 10),
            _ => random.below(600),
        };
        let length = match act {
            Act::Large => u64::from(KEPT) + 1 + length,
            Act::Nothing => 0,
            // Their fault is behind the first bytes of the content.
            Act::ResetBody | Act::StallBody | Act::Pieces => length + 2,
            _ => length,
        };
        let redirects = match random.below(20) {
            0 => 1 + random.below(3),
            _ => 0,
        };
        Self {
            redirects: if act == Act::Refused {
                0
            } else {
                redirects as u8
            },
            act,
            offset: random.below(1 << 16) as u32,
            length: length as u32,
        }
    }

    /// The path that asks for it.
    pub fn path(&self) -> String {
        let Self {
            redirects,
            act,
            offset,
            length,
        } = self;
        format!("/{redirects}/{}/{offset}/{length}", act.name())
    }

    /// The plan of a path.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let redirects = parts.next()?.parse().ok()?;
        let name = parts.next()?;
        let (act, _) = Act::ALL.iter().find(|(act, _)| act.name() == name)?;
        let plan = Self {
            redirects,
            act: *act,
            offset: parts.next()?.parse().ok()?,
            length: parts.next()?.parse().ok()?,
        };
        CONTENT.get(plan.range())?;
        Some(plan)
    }

    /// The part of [`CONTENT`] that it is about.
    pub(super) fn range(&self) -> Range<usize> {
        let from = self.offset as usize;
        from..from + self.length as usize
    }

    pub(super) fn content(&self) -> &'static [u8] {
        &CONTENT[self.range()]
    }

    /// Seconds. Short only where nothing comes before it.
    pub(super) fn deadline(&self) -> f64 {
        match self.act {
            Act::Stall | Act::StallBody => 0.25,
            _ => 60.0,
        }
    }

    pub(super) fn expected(&self) -> Expected {
        use ErrorKind as Kind;
        match self.act {
            Act::Missing => Expected::Answer(404, self.range()),
            Act::Broken => Expected::Answer(503, self.range()),
            Act::Nothing => Expected::Answer(204, 0..0),
            Act::Loop => Expected::Failure(Kind::TooManyRedirects, &[Phase::Redirect]),
            Act::Nowhere => Expected::Failure(Kind::MalformedReply, &[Phase::Redirect]),
            Act::Elsewhere => Expected::Failure(Kind::InvalidUrl, &[Phase::Redirect]),
            Act::Closed | Act::Reset | Act::CutHead => {
                Expected::Failure(Kind::ConnectionClosed, &[Phase::Request])
            }
            Act::Garbage => Expected::Failure(Kind::MalformedReply, &[Phase::Request]),
            Act::Short | Act::ShortChunks => {
                Expected::Failure(Kind::ConnectionClosed, &[Phase::Body])
            }
            // A reset overtakes what was sent before it.
            Act::ResetBody => {
                Expected::Failure(Kind::ConnectionClosed, &[Phase::Request, Phase::Body])
            }
            Act::BadChunk => Expected::Failure(Kind::MalformedReply, &[Phase::Body]),
            Act::BadGzip => Expected::Failure(Kind::MalformedReply, &[Phase::Decode]),
            Act::Large => Expected::Failure(Kind::ResponseTooLarge, &[Phase::Body]),
            Act::Refused => Expected::Failure(Kind::Download, &[Phase::Connect]),
            // A machine that is late with everything may be late with the redirect before it, or with the head.
            Act::Stall | Act::StallBody => Expected::Failure(
                Kind::DeadlineExceeded,
                &[
                    Phase::Queued,
                    Phase::Connect,
                    Phase::Request,
                    Phase::Redirect,
                    Phase::Body,
                ],
            ),
            Act::Cancelled => Expected::Failure(
                Kind::Cancelled,
                &[Phase::Queued, Phase::Request, Phase::Redirect],
            ),
            Act::Dropped => Expected::Silence,
            _ => Expected::Answer(200, self.range()),
        }
    }

    /// Says what is wrong with how the fetch ended; nothing when it ended as it must.
    pub fn judge(&self, ended: &Result<Response, FetchError>) -> Option<String> {
        let wrong = match (self.expected(), ended) {
            (Expected::Answer(status, range), Ok(response)) => {
                let is_whole = response.content == CONTENT[range];
                if response.status == status && is_whole && !response.was_truncated {
                    return None;
                }
                format!(
                    "status {}, {} bytes, equal: {is_whole}",
                    response.status,
                    response.content.len()
                )
            }
            (Expected::Failure(kind, phases), Err(error)) => {
                if error.kind == kind && phases.contains(&error.phase) {
                    return None;
                }
                format!("{:?} in {:?}: {}", error.kind, error.phase, error.detail)
            }
            (_, Ok(response)) => format!("status {}", response.status),
            (_, Err(error)) => format!("{:?} in {:?}: {}", error.kind, error.phase, error.detail),
        };
        Some(format!("{}: {wrong}", self.path()))
    }
}

fn noise() -> Vec<u8> {
    let mut random = Random::new(0);
    // Half of it repeats, so that gzip has something to do.
    let byte = |number: u64| {
        if number >> 63 == 0 {
            b'a'
        } else {
            number as u8
        }
    };
    (0..1 << 19).map(|_| byte(random.draw())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_the_whole_plan() {
        let mut random = Random::new(7);
        for _ in 0..10_000 {
            let plan = Plan::random(&mut random);
            assert_eq!(Plan::parse(&plan.path()), Some(plan));
        }
        assert_eq!(Plan::parse("/0/sized/0/600000"), None);
        assert_eq!(Plan::parse("/0/other/0/1"), None);
    }

    #[test]
    fn the_shares_are_those_of_a_thousand() {
        assert_eq!(Act::ALL.iter().map(|(_, share)| share).sum::<u64>(), 1_000);
    }
}
