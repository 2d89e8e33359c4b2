//! What a transport reports when an exchange fails, and what that means to the caller: table W-MAP of semantics.md section 9.
use alloc::string::String;

use crate::{ErrorKind, Phase};

/// A failed exchange, in the transport's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the transport's failures.
    pub code: FailureCode,
    /// More than the code says, or nothing.
    pub detail: String,
}

impl From<FailureCode> for Failure {
    fn from(code: FailureCode) -> Self {
        Self {
            code,
            detail: String::new(),
        }
    }
}

/// What a failure means, before the method and the hop are considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The kind the caller sees.
    pub kind: ErrorKind,
    /// The service code the caller sees.
    pub code: u32,
    /// Where it happened; none means where the call was.
    pub phase: Option<Phase>,
    /// Whether another try may help.
    pub retry: Retry,
}

/// Whether a failed exchange may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// It may have been acted on: only what is idempotent.
    Idempotent,
    /// It was certainly not acted on: anything.
    Always,
}

macro_rules! failure_codes {
    ($($name:ident $text:literal $kind:ident $code:literal $phase:expr, $retry:ident;)*) => {
        /// The failures of wasi:http 0.2, without their payloads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is what its name says; wasi:http documents them")]
        pub enum FailureCode { $($name),* }

        impl FailureCode {
            /// Every code, in the order of wasi:http.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name wasi:http gives it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What it means to the caller.
            pub const fn verdict(self) -> Verdict {
                match self {
                    $(Self::$name => Verdict { kind: ErrorKind::$kind, code: $code, phase: $phase, retry: Retry::$retry },)*
                }
            }
        }
    };
}

const RESOLVE: Option<Phase> = Some(Phase::Resolve);
const CONNECT: Option<Phase> = Some(Phase::Connect);
const TLS: Option<Phase> = Some(Phase::Tls);

failure_codes! {
    DnsTimeout "DNS-timeout" DnsLookupFailed 7 RESOLVE, Always;
    DnsError "DNS-error" DnsLookupFailed 7 RESOLVE, Always;
    DestinationNotFound "destination-not-found" DnsLookupFailed 7 RESOLVE, Always;
    DestinationUnavailable "destination-unavailable" Download 12 CONNECT, Always;
    DestinationIpProhibited "destination-IP-prohibited" Download 12 CONNECT, Never;
    DestinationIpUnroutable "destination-IP-unroutable" Download 12 CONNECT, Always;
    ConnectionRefused "connection-refused" Download 12 CONNECT, Always;
    ConnectionTerminated "connection-terminated" ConnectionClosed 8 None, Idempotent;
    ConnectionTimeout "connection-timeout" DeadlineExceeded 5 CONNECT, Always;
    ConnectionReadTimeout "connection-read-timeout" DeadlineExceeded 5 None, Idempotent;
    ConnectionWriteTimeout "connection-write-timeout" DeadlineExceeded 5 None, Idempotent;
    ConnectionLimitReached "connection-limit-reached" InternalTransient 9 CONNECT, Always;
    TlsProtocolError "TLS-protocol-error" SslCertificate 6 TLS, Never;
    TlsCertificateError "TLS-certificate-error" SslCertificate 6 TLS, Never;
    TlsAlertReceived "TLS-alert-received" SslCertificate 6 TLS, Never;
    HttpRequestDenied "HTTP-request-denied" Download 12 CONNECT, Never;
    HttpRequestLengthRequired "HTTP-request-length-required" PayloadTooLarge 13 None, Never;
    HttpRequestBodySize "HTTP-request-body-size" PayloadTooLarge 13 None, Never;
    HttpRequestMethodInvalid "HTTP-request-method-invalid" InvalidUrl 1 None, Never;
    HttpRequestUriInvalid "HTTP-request-URI-invalid" InvalidUrl 1 None, Never;
    HttpRequestUriTooLong "HTTP-request-URI-too-long" InvalidUrl 1 None, Never;
    HttpRequestHeaderSectionSize "HTTP-request-header-section-size" PayloadTooLarge 13 None, Never;
    HttpRequestHeaderSize "HTTP-request-header-size" PayloadTooLarge 13 None, Never;
    HttpRequestTrailerSectionSize "HTTP-request-trailer-section-size" PayloadTooLarge 13 None, Never;
    HttpRequestTrailerSize "HTTP-request-trailer-size" PayloadTooLarge 13 None, Never;
    HttpResponseIncomplete "HTTP-response-incomplete" ConnectionClosed 8 None, Idempotent;
    HttpResponseHeaderSectionSize "HTTP-response-header-section-size" MalformedReply 11 None, Never;
    HttpResponseHeaderSize "HTTP-response-header-size" MalformedReply 11 None, Never;
    HttpResponseBodySize "HTTP-response-body-size" ResponseTooLarge 4 None, Never;
    HttpResponseTrailerSectionSize "HTTP-response-trailer-section-size" MalformedReply 11 None, Never;
    HttpResponseTrailerSize "HTTP-response-trailer-size" MalformedReply 11 None, Never;
    HttpResponseTransferCoding "HTTP-response-transfer-coding" MalformedReply 11 None, Never;
    HttpResponseContentCoding "HTTP-response-content-coding" MalformedReply 11 None, Never;
    HttpResponseTimeout "HTTP-response-timeout" DeadlineExceeded 5 None, Idempotent;
    HttpUpgradeFailed "HTTP-upgrade-failed" MalformedReply 11 None, Never;
    // Hosts report a connection that closes early by this as well, so it may be the transport's fault.
    HttpProtocolError "HTTP-protocol-error" MalformedReply 11 None, Idempotent;
    LoopDetected "loop-detected" Download 3 None, Never;
    ConfigurationError "configuration-error" Download 3 None, Never;
    InternalError "internal-error" Download 3 None, Idempotent;
}

impl FailureCode {
    /// The code behind a host's debug text, for hosts that lose the code of a failed body (hosts.md, section 1): by the words that
    /// wasmtime and Spin use. `InternalError` when the text says nothing.
    pub fn from_debug_text(text: &str) -> Self {
        const WORDS: [(&str, FailureCode); 14] = [
            ("read timeout", FailureCode::ConnectionReadTimeout),
            ("ConnectionReadTimeout", FailureCode::ConnectionReadTimeout),
            ("write timeout", FailureCode::ConnectionWriteTimeout),
            ("terminated", FailureCode::ConnectionTerminated),
            ("ConnectionTerminated", FailureCode::ConnectionTerminated),
            ("incomplete", FailureCode::HttpResponseIncomplete),
            ("Incomplete", FailureCode::HttpResponseIncomplete),
            ("end of file", FailureCode::HttpResponseIncomplete),
            ("UnexpectedEof", FailureCode::HttpResponseIncomplete),
            ("reset by peer", FailureCode::ConnectionTerminated),
            ("response body size", FailureCode::HttpResponseBodySize),
            ("protocol error", FailureCode::HttpProtocolError),
            ("ProtocolError", FailureCode::HttpProtocolError),
            ("hyper", FailureCode::HttpProtocolError),
        ];
        let says = |word: &str| {
            let mut places = text.as_bytes().windows(word.len());
            places.any(|place| place == word.as_bytes())
        };
        let known = WORDS.iter().find(|(word, _)| says(word));
        known.map_or(Self::InternalError, |(_, code)| *code)
    }
}
