//! What can go wrong, as callers see it: kind, service code, phase, and whether another try may help. Semantics.md section 9.
use alloc::{boxed::Box, string::String};
use core::fmt;

use crate::Response;

/// Why a call failed. The first twelve are App Engine's exceptions, the rest what a component needs besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// Could not be fetched, for a reason that has no kind of its own.
    Download,
    /// The deadline passed: one deadline over queueing, every hop and the body.
    DeadlineExceeded,
    /// The name of the host was not resolved.
    DnsLookupFailed,
    /// The connection ended before the answer was complete.
    ConnectionClosed,
    /// One redirect more than the policy follows.
    TooManyRedirects,
    /// The answer is not HTTP, or contradicts itself.
    MalformedReply,
    /// The URL, or that of a redirect, is not one that may be fetched.
    InvalidUrl,
    /// The request has more than 10 MiB, or its headers more than 16 KiB.
    PayloadTooLarge,
    /// There was no room for the call just now.
    InternalTransient,
    /// TLS failed: the certificate, the name in it, or the handshake.
    SslCertificate,
    /// The content exceeds the policy's size and truncation was not allowed.
    ResponseTooLarge,
    /// The method is not one of the six.
    InvalidMethod,
    /// The call was cancelled.
    Cancelled,
    /// The policy forbids this destination.
    Refused,
    /// The host cannot do what was asked.
    Unsupported,
    /// An argument has no meaning. Nothing changed.
    InvalidArgument,
    /// The call is out of order. Nothing changed.
    Misuse,
    /// Nothing in this wait could ever end it.
    Deadlock,
}

impl ErrorKind {
    /// Every kind, in the order of the WIT.
    pub const ALL: [Self; 18] = [
        Self::Download,
        Self::DeadlineExceeded,
        Self::DnsLookupFailed,
        Self::ConnectionClosed,
        Self::TooManyRedirects,
        Self::MalformedReply,
        Self::InvalidUrl,
        Self::PayloadTooLarge,
        Self::InternalTransient,
        Self::SslCertificate,
        Self::ResponseTooLarge,
        Self::InvalidMethod,
        Self::Cancelled,
        Self::Refused,
        Self::Unsupported,
        Self::InvalidArgument,
        Self::Misuse,
        Self::Deadlock,
    ];

    /// The name the WIT gives it, such as `deadline-exceeded`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::DnsLookupFailed => "dns-lookup-failed",
            Self::ConnectionClosed => "connection-closed",
            Self::TooManyRedirects => "too-many-redirects",
            Self::MalformedReply => "malformed-reply",
            Self::InvalidUrl => "invalid-url",
            Self::PayloadTooLarge => "payload-too-large",
            Self::InternalTransient => "internal-transient",
            Self::SslCertificate => "ssl-certificate",
            Self::ResponseTooLarge => "response-too-large",
            Self::InvalidMethod => "invalid-method",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::InvalidArgument => "invalid-argument",
            Self::Misuse => "misuse",
            Self::Deadlock => "deadlock",
        }
    }

    /// App Engine's service code for the kind (section 9.2); 0 for the kinds it does not know. `Download` stands for three codes:
    /// this is the general one, 2, and a [`FetchError`] may carry 3 or 12 instead.
    pub const fn code(self) -> u32 {
        match self {
            Self::InvalidUrl => 1,
            Self::Download => 2,
            Self::ResponseTooLarge => 4,
            Self::DeadlineExceeded => 5,
            Self::SslCertificate => 6,
            Self::DnsLookupFailed => 7,
            Self::ConnectionClosed => 8,
            Self::InternalTransient => 9,
            Self::TooManyRedirects => 10,
            Self::MalformedReply => 11,
            Self::PayloadTooLarge => 13,
            _ => 0,
        }
    }

    /// The kind of a service code: of one that nobody knows, as of the codes 3 and 12, the general one.
    pub fn of_code(code: u32) -> Self {
        let mut kinds = Self::ALL.into_iter();
        let known = kinds.find(|kind| code != 0 && kind.code() == code);
        known.unwrap_or(Self::Download)
    }

    /// Whether App Engine's `DownloadError` would catch it (section 9.1).
    pub const fn is_download(self) -> bool {
        matches!(
            self,
            Self::Download
                | Self::DeadlineExceeded
                | Self::DnsLookupFailed
                | Self::ConnectionClosed
                | Self::TooManyRedirects
                | Self::MalformedReply
        )
    }

    /// Whether App Engine's `InvalidURLError` would catch it (section 9.1).
    pub const fn is_invalid_url(self) -> bool {
        matches!(self, Self::InvalidUrl | Self::PayloadTooLarge)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for ErrorKind {}

/// Where a call was when it failed. Behind wasi:http a guest sees only `Queued`, `Request`, `Body`, `Redirect` and `Decode`;
/// `Resolve`, `Connect` and `Tls` are told by the transport's failure, never by a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// In this component, before anything was sent.
    Local,
    /// Waiting for a place among the calls in flight.
    Queued,
    /// Resolving the host's name.
    Resolve,
    /// Connecting.
    Connect,
    /// In the TLS handshake.
    Tls,
    /// Handed to the transport, no head yet.
    Request,
    /// Reading the body.
    Body,
    /// Judging a redirect, or waiting to follow it.
    Redirect,
    /// Decoding the content.
    Decode,
}

impl Phase {
    /// Every phase, in the order of the WIT.
    pub const ALL: [Self; 9] = [
        Self::Local,
        Self::Queued,
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Request,
        Self::Body,
        Self::Redirect,
        Self::Decode,
    ];

    /// The name the WIT gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Queued => "queued",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Request => "request",
            Self::Body => "body",
            Self::Redirect => "redirect",
            Self::Decode => "decode",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure, with everything that is known of it. One value serves `check-success` and `get-result` (semantics.md 20.4).
#[derive(Clone, Debug, PartialEq)]
pub struct FetchError {
    /// Why.
    pub kind: ErrorKind,
    /// App Engine's service code 1 to 13; 0 when there is none. What a service raised by a number that nobody knows is here as well.
    pub code: u32,
    /// Where.
    pub phase: Phase,
    /// The same request may succeed later, and sending it again does no harm.
    pub retryable: bool,
    /// The URL of the hop at fault; empty when no call is concerned.
    pub url: String,
    /// What happened, for a person. Names the argument, where one is at fault.
    pub detail: String,
    /// The truncated response, when the kind is `ResponseTooLarge` and the body was received.
    pub response: Option<Box<Response>>,
}

impl FetchError {
    /// A failure before anything was sent: phase `Local`, not retryable, no URL.
    pub fn local(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code: kind.code(),
            phase: Phase::Local,
            retryable: false,
            url: String::new(),
            detail: detail.into(),
            response: None,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        for part in [&self.url, &self.detail] {
            if !part.is_empty() {
                f.write_str(": ")?;
                f.write_str(part)?;
            }
        }
        Ok(())
    }
}

impl core::error::Error for FetchError {}
