//! Origins that speak TLS, well or not.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde::Deserialize;
use std::error::Error;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// What becomes of a client that wants to speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Handshake {
    /// It is shown a certificate that holds, by a root that our sender is told to trust.
    Trusted,
    /// It is shown a certificate that nobody but itself vouches for.
    SelfSigned,
    /// A certificate of a trusted issuer, which has expired.
    Expired,
    /// One that begins to hold in another century.
    NotYetValid,
    /// One for another name.
    WrongName,
    /// One by an issuer that nobody knows.
    UnknownIssuer,
    /// It is asked for a certificate of its own, and has none.
    WantsCertificate,
    /// The answer to its hello is a fatal alert.
    Alert,
    /// The answer to its hello is one of plain HTTP.
    PlainHttp,
    /// Its hello is read, and the connection closed.
    Closes,
    /// Its hello is never answered.
    Stalls,
}

/// An issuer of certificates, with its own.
type Issuer = CertifiedIssuer<'static, KeyPair>;

/// The issuer that is trusted in one play.
pub(super) struct Trust(Issuer);

impl Trust {
    /// One that did not exist before.
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        Ok(Trust(issuer("trusted")?))
    }

    /// Its certificate, for those who are to trust it.
    pub(super) fn root_pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// What a listener needs for this handshake; none where no certificate is shown.
    pub(super) fn acceptor(
        &self,
        handshake: Handshake,
    ) -> Result<Option<TlsAcceptor>, Box<dyn Error>> {
        let name = match handshake {
            Handshake::WrongName => "elsewhere.test",
            Handshake::Alert | Handshake::PlainHttp | Handshake::Closes | Handshake::Stalls => {
                return Ok(None);
            }
            _ => "127.0.0.1",
        };
        let mut params = CertificateParams::new([name.to_owned()])?;
        match handshake {
            Handshake::Expired => params.not_after = rcgen::date_time_ymd(2001, 1, 1),
            Handshake::NotYetValid => params.not_before = rcgen::date_time_ymd(2101, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate()?;
        let certificate = match handshake {
            Handshake::SelfSigned => params.self_signed(&key)?,
            Handshake::UnknownIssuer => {
                let unknown = issuer("unknown")?;
                params.signed_by(&key, &unknown)?
            }
            _ => params.signed_by(&key, &self.0)?,
        };
        // Named, because a process may hold several providers and then has no default one.
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let config = if handshake == Handshake::WantsCertificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone())?;
            config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?,
            )
        } else {
            config.with_no_client_auth()
        };
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        Ok(Some(Arc::new(config.with_single_cert(chain, key)?).into()))
    }
}

fn issuer(name: &str) -> Result<Issuer, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Issuer::self_signed(params, KeyPair::generate()?)
}

/// Shakes hands in this way; none when that is all there is to it.
pub(super) async fn accept(
    handshake: Handshake,
    acceptor: Option<TlsAcceptor>,
    mut stream: TcpStream,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    if let Some(acceptor) = acceptor {
        return acceptor.accept(stream).await.map(Some);
    }
    let mut hello = [0; 4096];
    let _ = stream.read(&mut hello).await?;
    match handshake {
        Handshake::Alert => stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]).await?,
        Handshake::PlainHttp => {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .await?;
            // Read on: a reset would discard what was written.
            while stream.read(&mut hello).await? > 0 {}
        }
        Handshake::Stalls => std::future::pending().await,
        _ => {}
    }
    Ok(None)
}
