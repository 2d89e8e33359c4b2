//! The key that signs tokens: RSA, in a file that its owner alone may read, and made when it is needed first.

use super::jws::{encode, sign};
use crate::tasks::secret_file;
use ring::digest::{SHA256, digest};
use ring::rsa::PublicKeyComponents;
use ring::signature::RsaKeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::path::Path;

/// A key pair, and the name that its public half goes by.
pub(super) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    n: String,
    e: String,
}

impl SigningKey {
    /// The key in this file, which is made with a new one, and its folder with it, when it is not there. Says in words what is wrong.
    pub(super) fn of_file(path: &Path) -> Result<Self, String> {
        let named = |error: std::io::Error| error.to_string();
        if let Some(pem) = secret_file::read(path).map_err(named)? {
            return Self::of_pem(pem.as_bytes());
        }
        let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", generate()?));
        secret_file::make(path, &pem).map_err(named)?;
        Self::of_pem(pem.as_bytes())
    }

    pub(super) fn of_pem(pem: &[u8]) -> Result<Self, String> {
        let pair = pair_of(pem)?;
        let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
        let (n, e) = (encode(public.n), encode(public.e));
        // RFC 7638: what every reader of the key would call it.
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let kid = encode(digest(&SHA256, members.as_bytes()));
        Ok(SigningKey { pair, kid, n, e })
    }

    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        sign(&self.pair, &self.kid, claims)
    }

    /// Its public half, as others read it.
    pub(super) fn jwk(&self) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": self.n, "e": self.e})
    }
}

/// A key pair in PEM, as OpenSSL and Google write it.
pub(crate) fn pair_of(pem: &[u8]) -> Result<RsaKeyPair, String> {
    let key = PrivateKeyDer::from_pem_slice(pem);
    let pair = match &key.map_err(|_| "has no private key in PEM")? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err("has no RSA key".into()),
    };
    pair.map_err(|rejected| format!("has no RSA key of 2048 bits or more: {rejected}"))
}

/// A new key, in PKCS #8. Ring signs and checks, but makes no RSA keys; graviola does, where it runs.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn generate() -> Result<Vec<u8>, String> {
    use graviola::signing::rsa::{KeySize, SigningKey};
    if !is_supported() {
        return Err(NOT_HERE.into());
    }
    let key = SigningKey::generate(KeySize::Rsa2048);
    let key = key.map_err(|error| format!("no key could be made: {error:?}"))?;
    let mut buffer = [0; 4_096];
    let der = key.to_pkcs8_der(&mut buffer);
    let der = der.map_err(|error| format!("no key could be made: {error:?}"))?;
    Ok(der.to_vec())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn generate() -> Result<Vec<u8>, String> {
    Err(NOT_HERE.into())
}

const NOT_HERE: &str = "is not there, and this machine cannot make one: `openssl genrsa` can";

/// Whether the processor has what graviola is written for; without it, it ends the process.
#[cfg(target_arch = "x86_64")]
fn is_supported() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("aes")
        && has!("ssse3")
        && has!("pclmulqdq")
        && has!("avx")
        && has!("avx2")
        && has!("adx")
        && has!("bmi2")
}

#[cfg(target_arch = "aarch64")]
fn is_supported() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_key_is_made_once_and_read_by_its_owner_only() {
        let folder = std::env::temp_dir().join(format!("urlfetch-key-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let path = folder.join("deeper").join("tasks.pem");
        let made = SigningKey::of_file(&path).unwrap();
        assert_eq!(SigningKey::of_file(&path).unwrap().kid, made.kid);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        for wrong in [
            "",
            "short",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(SigningKey::of_file(&path).is_err(), "{wrong}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
