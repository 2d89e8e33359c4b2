//! Whom the sender trusts.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The extra roots are not usable.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// Text was given, but no certificate is in it.
    #[error("there is no certificate in the extra roots (expected PEM)")]
    Empty,
    /// A block is not PEM.
    #[error("the extra roots are not readable as PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// A certificate cannot be a root.
    #[error("an extra root is no certificate: {0}")]
    Certificate(#[from] rustls::Error),
}

/// Mozilla's roots and the extra ones; certificates are always validated. ALPN is left to the connector.
pub(crate) fn client_config(extra_roots_pem: &[u8]) -> Result<ClientConfig, RootsError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    let mozilla = roots.len();
    for certificate in CertificateDer::pem_slice_iter(extra_roots_pem) {
        roots.add(certificate?)?;
    }
    if roots.len() == mozilla && !extra_roots_pem.is_empty() {
        return Err(RootsError::Empty);
    }
    // Named, because a process may hold several providers and then has no default one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_certificate_is_refused() {
        assert!(matches!(client_config(b"hello"), Err(RootsError::Empty)));
        assert!(client_config(b"").is_ok());
    }

    #[test]
    fn a_block_that_is_no_certificate_is_refused() {
        let pem = b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            client_config(pem),
            Err(RootsError::Certificate(_))
        ));
    }
}
