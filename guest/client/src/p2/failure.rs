//! The host's error codes in core's words. What they mean is decided there.
use alloc::string::String;

use urlfetch_core::{Failure, FailureCode};
use wasi::{
    http::types::{ErrorCode, http_error_code},
    io::error::Error,
};

/// What `handle` or the answer's future reported.
pub(super) fn from_code(code: ErrorCode) -> Failure {
    use FailureCode as To;
    let mut detail = None;
    let code = match code {
        ErrorCode::DnsTimeout => To::DnsTimeout,
        ErrorCode::DnsError(payload) => {
            detail = payload.rcode;
            To::DnsError
        }
        ErrorCode::DestinationNotFound => To::DestinationNotFound,
        ErrorCode::DestinationUnavailable => To::DestinationUnavailable,
        ErrorCode::DestinationIpProhibited => To::DestinationIpProhibited,
        ErrorCode::DestinationIpUnroutable => To::DestinationIpUnroutable,
        ErrorCode::ConnectionRefused => To::ConnectionRefused,
        ErrorCode::ConnectionTerminated => To::ConnectionTerminated,
        ErrorCode::ConnectionTimeout => To::ConnectionTimeout,
        ErrorCode::ConnectionReadTimeout => To::ConnectionReadTimeout,
        ErrorCode::ConnectionWriteTimeout => To::ConnectionWriteTimeout,
        ErrorCode::ConnectionLimitReached => To::ConnectionLimitReached,
        ErrorCode::TlsProtocolError => To::TlsProtocolError,
        ErrorCode::TlsCertificateError => To::TlsCertificateError,
        ErrorCode::TlsAlertReceived(payload) => {
            detail = payload.alert_message;
            To::TlsAlertReceived
        }
        ErrorCode::HttpRequestDenied => To::HttpRequestDenied,
        ErrorCode::HttpRequestLengthRequired => To::HttpRequestLengthRequired,
        ErrorCode::HttpRequestBodySize(_) => To::HttpRequestBodySize,
        ErrorCode::HttpRequestMethodInvalid => To::HttpRequestMethodInvalid,
        ErrorCode::HttpRequestUriInvalid => To::HttpRequestUriInvalid,
        ErrorCode::HttpRequestUriTooLong => To::HttpRequestUriTooLong,
        ErrorCode::HttpRequestHeaderSectionSize(_) => To::HttpRequestHeaderSectionSize,
        ErrorCode::HttpRequestHeaderSize(field) => {
            detail = field.and_then(|field| field.field_name);
            To::HttpRequestHeaderSize
        }
        ErrorCode::HttpRequestTrailerSectionSize(_) => To::HttpRequestTrailerSectionSize,
        ErrorCode::HttpRequestTrailerSize(_) => To::HttpRequestTrailerSize,
        ErrorCode::HttpResponseIncomplete => To::HttpResponseIncomplete,
        ErrorCode::HttpResponseHeaderSectionSize(_) => To::HttpResponseHeaderSectionSize,
        ErrorCode::HttpResponseHeaderSize(field) => {
            detail = field.field_name;
            To::HttpResponseHeaderSize
        }
        ErrorCode::HttpResponseBodySize(_) => To::HttpResponseBodySize,
        ErrorCode::HttpResponseTrailerSectionSize(_) => To::HttpResponseTrailerSectionSize,
        ErrorCode::HttpResponseTrailerSize(_) => To::HttpResponseTrailerSize,
        ErrorCode::HttpResponseTransferCoding(coding) => {
            detail = coding;
            To::HttpResponseTransferCoding
        }
        ErrorCode::HttpResponseContentCoding(coding) => {
            detail = coding;
            To::HttpResponseContentCoding
        }
        ErrorCode::HttpResponseTimeout => To::HttpResponseTimeout,
        ErrorCode::HttpUpgradeFailed => To::HttpUpgradeFailed,
        ErrorCode::HttpProtocolError => To::HttpProtocolError,
        ErrorCode::LoopDetected => To::LoopDetected,
        ErrorCode::ConfigurationError => To::ConfigurationError,
        ErrorCode::InternalError(text) => {
            detail = text;
            To::InternalError
        }
    };
    Failure {
        code,
        detail: detail.unwrap_or_default(),
    }
}

/// What a stream reported: by its code, or on hosts that lose the code of a body, by its text.
pub(super) fn from_stream(error: &Error) -> Failure {
    http_error_code(error).map_or_else(|| from_text(error.to_debug_string()), from_code)
}

fn from_text(detail: String) -> Failure {
    Failure {
        code: FailureCode::from_debug_text(&detail),
        detail,
    }
}
