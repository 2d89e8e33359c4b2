//! From what hyper, rustls and the kernel say to the one code of `wasi:http` that means it.

use crate::Fault;
use std::error::Error as StdError;
use std::io;

/// How far an exchange had come when it failed: the same error means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Lookup, TCP or TLS: nothing was sent.
    Connect,
    /// Sent, at least in part; no head yet.
    Head,
    /// The head has come.
    Body,
}

/// The first error in the chain of causes that means something decides.
pub(super) fn classify(error: &(dyn StdError + 'static), stage: Stage) -> Fault {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(fault) = meaning(error, stage) {
            return fault;
        }
        cause = error.source();
    }
    match stage {
        Stage::Connect => Fault::DestinationUnavailable,
        Stage::Head | Stage::Body => Fault::HttpProtocolError,
    }
}

fn meaning(error: &(dyn StdError + 'static), stage: Stage) -> Option<Fault> {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return Some(fault.clone());
    }
    if let Some(error) = error.downcast_ref::<wasmtime_wasi_http::Error>() {
        return Some(Fault::of_upload(error));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if error.is::<rustls::pki_types::InvalidDnsNameError>() {
        return Some(Fault::HttpRequestUriInvalid);
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return of_hyper(error, stage);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return of_h2(error, stage);
    }
    let error = error.downcast_ref::<io::Error>()?;
    // An io::Error that carries another error hides it from `source`.
    let carried = error.get_ref().and_then(|inner| in_chain(inner, stage));
    Some(carried.unwrap_or_else(|| of_io(error, stage)))
}

/// `classify` without its last resort.
fn in_chain(error: &(dyn StdError + 'static), stage: Stage) -> Option<Fault> {
    meaning(error, stage).or_else(|| error.source().and_then(|cause| in_chain(cause, stage)))
}

fn of_tls(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Fault::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Fault::TlsAlertReceived {
            id: Some(u8::from(*alert)),
            message: Some(format!("{alert:?}")),
        },
        _ => Fault::TlsProtocolError,
    }
}

fn of_hyper(error: &hyper::Error, stage: Stage) -> Option<Fault> {
    if error.is_parse_too_large() {
        return Some(Fault::HttpResponseHeaderSectionSize);
    }
    if error.is_parse() {
        return Some(Fault::HttpProtocolError);
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Some(ended(stage));
    }
    // The rest wraps a cause: the socket's, h2's, or the guest's.
    None
}

fn of_h2(error: &h2::Error, stage: Stage) -> Option<Fault> {
    if let Some(error) = error.get_io() {
        return Some(of_io(error, stage));
    }
    match error.reason()? {
        h2::Reason::NO_ERROR
        | h2::Reason::REFUSED_STREAM
        | h2::Reason::CANCEL
        | h2::Reason::INTERNAL_ERROR
            if error.is_remote() =>
        {
            Some(ended(stage))
        }
        h2::Reason::ENHANCE_YOUR_CALM => Some(Fault::ConnectionLimitReached),
        _ => Some(Fault::HttpProtocolError),
    }
}

fn of_io(error: &io::Error, stage: Stage) -> Fault {
    use io::ErrorKind as Kind;
    match (error.kind(), stage) {
        (Kind::ConnectionRefused, _) => Fault::ConnectionRefused,
        (Kind::TimedOut, Stage::Connect) => Fault::ConnectionTimeout,
        (Kind::NetworkUnreachable, Stage::Connect) => Fault::DestinationIpUnroutable,
        // The process ran out of ports, or of descriptors: the host has no room just now.
        (Kind::AddrNotAvailable | Kind::AddrInUse, Stage::Connect) => Fault::ConnectionLimitReached,
        (_, Stage::Connect) if out_of_descriptors(error) => Fault::ConnectionLimitReached,
        (
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof
            | Kind::NotConnected,
            _,
        ) => ended(stage),
        (_, Stage::Connect) => Fault::DestinationUnavailable,
        // hyper reports chunks that are no chunks this way.
        (Kind::InvalidData | Kind::InvalidInput, _) => Fault::HttpProtocolError,
        _ => ended(stage),
    }
}

/// The other side ended it: with a head in hand, the response is incomplete.
fn ended(stage: Stage) -> Fault {
    match stage {
        Stage::Body => Fault::HttpResponseIncomplete,
        Stage::Connect | Stage::Head => Fault::ConnectionTerminated,
    }
}

#[cfg(unix)]
fn out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS))
}

#[cfg(not(unix))]
fn out_of_descriptors(_: &io::Error) -> bool {
    false
}
