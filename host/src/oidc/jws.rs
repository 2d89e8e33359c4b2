//! JSON Web Signatures in their compact form, by RSA with SHA-256 and nothing else (RFC 7515; `RS256` of RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Map, Value, json};

/// The longest token that is looked at.
const MAX: usize = 16 * 1024;

/// Signs claims. Fails when the system has no randomness.
pub(crate) fn sign(pair: &RsaKeyPair, kid: &str, claims: &Value) -> Option<String> {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    let mut token = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        token.as_bytes(),
        &mut signature,
    )
    .ok()?;
    token.push('.');
    token.push_str(&encode(signature));
    Some(token)
}

/// Bytes as a token writes them.
pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A token that was read. Nothing in it is true before its signature was checked.
pub(super) struct Jws<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    pub(super) kid: Option<String>,
    pub(super) claims: Map<String, Value>,
}

impl<'a> Jws<'a> {
    /// Reads a token; none when it is none, is signed in another way, or has something in its header that must be understood.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        if token.len() > MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Map<String, Value> = serde_json::from_slice(&decode(header)?).ok()?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") || header.contains_key("crit")
        {
            return None;
        }
        Some(Jws {
            signed,
            signature: decode(signature)?,
            kid: header.get("kid").and_then(Value::as_str).map(str::to_owned),
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
        })
    }

    /// Whether the owner of this key has signed it.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let PublicKey { n, e, .. } = key;
        RsaPublicKeyComponents { n, e }
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                self.signed.as_bytes(),
                &self.signature,
            )
            .is_ok()
    }
}

/// A key to check signatures with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    pub(super) kid: Option<String>,
    n: Vec<u8>,
    e: Vec<u8>,
}

impl PublicKey {
    /// Reads a JWK; none when it is for something else.
    pub(super) fn read(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk[name].as_str();
        let fits = text("kty") == Some("RSA")
            && text("use").is_none_or(|it| it == "sig")
            && text("alg").is_none_or(|it| it == "RS256");
        if !fits {
            return None;
        }
        Some(PublicKey {
            kid: text("kid").map(str::to_owned),
            n: decode(text("n")?)?,
            e: decode(text("e")?)?,
        })
    }
}
