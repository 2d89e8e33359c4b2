//! One `wasi:http` error code as a plain value: what a script injects, and what the pooled sender reports.

use serde::{Deserialize, Serialize};
use std::fmt;
use wasmtime_wasi_http::Error;

/// A `wasi:http/types.error-code`, spelled in data as WIT spells it (`"DNS-timeout"`, `"connection-refused"`).
///
/// wasmtime's own error is neither cloned nor read from data, so this is what a host keeps until the moment it answers a guest.
/// Payloads that nothing reads (sizes, codings) are left out and reach the guest as `none`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names are those of wasi:http, which documents them"
)]
pub enum Fault {
    #[serde(rename = "DNS-timeout")]
    DnsTimeout,
    #[serde(rename = "DNS-error")]
    DnsError { rcode: Option<String> },
    #[serde(rename = "destination-not-found")]
    DestinationNotFound,
    #[serde(rename = "destination-unavailable")]
    DestinationUnavailable,
    #[serde(rename = "destination-IP-prohibited")]
    DestinationIpProhibited,
    #[serde(rename = "destination-IP-unroutable")]
    DestinationIpUnroutable,
    #[serde(rename = "connection-refused")]
    ConnectionRefused,
    #[serde(rename = "connection-terminated")]
    ConnectionTerminated,
    #[serde(rename = "connection-timeout")]
    ConnectionTimeout,
    #[serde(rename = "connection-read-timeout")]
    ConnectionReadTimeout,
    #[serde(rename = "connection-write-timeout")]
    ConnectionWriteTimeout,
    #[serde(rename = "connection-limit-reached")]
    ConnectionLimitReached,
    #[serde(rename = "TLS-protocol-error")]
    TlsProtocolError,
    #[serde(rename = "TLS-certificate-error")]
    TlsCertificateError,
    #[serde(rename = "TLS-alert-received")]
    TlsAlertReceived {
        id: Option<u8>,
        message: Option<String>,
    },
    #[serde(rename = "HTTP-request-denied")]
    HttpRequestDenied,
    #[serde(rename = "HTTP-request-length-required")]
    HttpRequestLengthRequired,
    #[serde(rename = "HTTP-request-body-size")]
    HttpRequestBodySize(Option<u64>),
    #[serde(rename = "HTTP-request-method-invalid")]
    HttpRequestMethodInvalid,
    #[serde(rename = "HTTP-request-URI-invalid")]
    HttpRequestUriInvalid,
    #[serde(rename = "HTTP-request-URI-too-long")]
    HttpRequestUriTooLong,
    #[serde(rename = "HTTP-request-header-section-size")]
    HttpRequestHeaderSectionSize,
    #[serde(rename = "HTTP-request-header-size")]
    HttpRequestHeaderSize,
    #[serde(rename = "HTTP-request-trailer-section-size")]
    HttpRequestTrailerSectionSize,
    #[serde(rename = "HTTP-request-trailer-size")]
    HttpRequestTrailerSize,
    #[serde(rename = "HTTP-response-incomplete")]
    HttpResponseIncomplete,
    #[serde(rename = "HTTP-response-header-section-size")]
    HttpResponseHeaderSectionSize,
    #[serde(rename = "HTTP-response-header-size")]
    HttpResponseHeaderSize,
    #[serde(rename = "HTTP-response-body-size")]
    HttpResponseBodySize,
    #[serde(rename = "HTTP-response-trailer-section-size")]
    HttpResponseTrailerSectionSize,
    #[serde(rename = "HTTP-response-trailer-size")]
    HttpResponseTrailerSize,
    #[serde(rename = "HTTP-response-transfer-coding")]
    HttpResponseTransferCoding,
    #[serde(rename = "HTTP-response-content-coding")]
    HttpResponseContentCoding,
    #[serde(rename = "HTTP-response-timeout")]
    HttpResponseTimeout,
    #[serde(rename = "HTTP-upgrade-failed")]
    HttpUpgradeFailed,
    #[serde(rename = "HTTP-protocol-error")]
    HttpProtocolError,
    #[serde(rename = "loop-detected")]
    LoopDetected,
    #[serde(rename = "configuration-error")]
    ConfigurationError,
    #[serde(rename = "internal-error")]
    InternalError(Option<String>),
}

impl Fault {
    /// What a failed upload is reported as: the sizes the guest declared and sent disagree, or it gave the upload up.
    pub(crate) fn of_upload(error: &Error) -> Fault {
        match error {
            Error::HttpRequestBodySize(size) => Fault::HttpRequestBodySize(*size),
            _ => Fault::HttpProtocolError,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        let none = (None, None);
        match fault {
            Fault::DnsTimeout => Error::DnsTimeout,
            Fault::DnsError { rcode } => Error::DnsError {
                rcode,
                info_code: None,
            },
            Fault::DestinationNotFound => Error::DestinationNotFound,
            Fault::DestinationUnavailable => Error::DestinationUnavailable,
            Fault::DestinationIpProhibited => Error::DestinationIpProhibited,
            Fault::DestinationIpUnroutable => Error::DestinationIpUnroutable,
            Fault::ConnectionRefused => Error::ConnectionRefused,
            Fault::ConnectionTerminated => Error::ConnectionTerminated,
            Fault::ConnectionTimeout => Error::ConnectionTimeout,
            Fault::ConnectionReadTimeout => Error::ConnectionReadTimeout,
            Fault::ConnectionWriteTimeout => Error::ConnectionWriteTimeout,
            Fault::ConnectionLimitReached => Error::ConnectionLimitReached,
            Fault::TlsProtocolError => Error::TlsProtocolError,
            Fault::TlsCertificateError => Error::TlsCertificateError,
            Fault::TlsAlertReceived { id, message } => Error::TlsAlertReceived {
                alert_id: id,
                alert_message: message,
            },
            Fault::HttpRequestDenied => Error::HttpRequestDenied,
            Fault::HttpRequestLengthRequired => Error::HttpRequestLengthRequired,
            Fault::HttpRequestBodySize(size) => Error::HttpRequestBodySize(size),
            Fault::HttpRequestMethodInvalid => Error::HttpRequestMethodInvalid,
            Fault::HttpRequestUriInvalid => Error::HttpRequestUriInvalid,
            Fault::HttpRequestUriTooLong => Error::HttpRequestUriTooLong,
            Fault::HttpRequestHeaderSectionSize => Error::HttpRequestHeaderSectionSize(None),
            Fault::HttpRequestHeaderSize => Error::HttpRequestHeaderSize {
                field_name: none.0,
                field_size: none.1,
            },
            Fault::HttpRequestTrailerSectionSize => Error::HttpRequestTrailerSectionSize(None),
            Fault::HttpRequestTrailerSize => Error::HttpRequestTrailerSize {
                field_name: none.0,
                field_size: none.1,
            },
            Fault::HttpResponseIncomplete => Error::HttpResponseIncomplete,
            Fault::HttpResponseHeaderSectionSize => Error::HttpResponseHeaderSectionSize(None),
            Fault::HttpResponseHeaderSize => Error::HttpResponseHeaderSize {
                field_name: none.0,
                field_size: none.1,
            },
            Fault::HttpResponseBodySize => Error::HttpResponseBodySize(None),
            Fault::HttpResponseTrailerSectionSize => Error::HttpResponseTrailerSectionSize(None),
            Fault::HttpResponseTrailerSize => Error::HttpResponseTrailerSize {
                field_name: none.0,
                field_size: none.1,
            },
            Fault::HttpResponseTransferCoding => Error::HttpResponseTransferCoding(None),
            Fault::HttpResponseContentCoding => Error::HttpResponseContentCoding(None),
            Fault::HttpResponseTimeout => Error::HttpResponseTimeout,
            Fault::HttpUpgradeFailed => Error::HttpUpgradeFailed,
            Fault::HttpProtocolError => Error::HttpProtocolError,
            Fault::LoopDetected => Error::LoopDetected,
            Fault::ConfigurationError => Error::ConfigurationError,
            Fault::InternalError(text) => Error::InternalError(text),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_spelled_in_data_as_wit_spells_it() {
        let plain: Fault = serde_json::from_str(r#""HTTP-response-incomplete""#).unwrap();
        assert_eq!(plain, Fault::HttpResponseIncomplete);
        let payload: Fault =
            serde_json::from_str(r#"{"DNS-error": {"rcode": "NXDOMAIN"}}"#).unwrap();
        assert_eq!(
            payload,
            Fault::DnsError {
                rcode: Some("NXDOMAIN".into())
            }
        );
    }
}
