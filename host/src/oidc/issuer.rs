//! Who makes the tokens of deliveries here, and how others check them: discovery and keys, as OpenID Connect has them.

use super::key::SigningKey;
use super::seconds;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, Uri};
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::OnceCell;

/// Where others read how its tokens are checked.
const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/jwks";
/// How long a token is good, in seconds: as long as Cloud Tasks' are.
const LIFETIME: u64 = 3_600;
/// How long others may keep the keys. There is one, and it does not change.
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Makes tokens for those who deliver. Cheap to clone; clones have the same key.
#[derive(Clone)]
pub struct Issuer(Arc<Kept>);

struct Kept {
    url: String,
    file: PathBuf,
    key: OnceCell<SigningKey>,
}

/// Why there is no key: one line that names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssuerError(String);

impl Issuer {
    /// The issuer that tokens name by this URL, which has no slash at its end; its key is in this file, an RSA key in PEM. Without one
    /// it is made, with its folder, by the first token or the first who asks for the key. Fails when the file has something else.
    pub fn open(url: &str, file: &Path) -> Result<Self, IssuerError> {
        let key = OnceCell::new();
        if file.exists() {
            let found = SigningKey::of_file(file).map_err(|reason| named(file, &reason))?;
            // It is empty.
            let _ = key.set(found);
        }
        Ok(Issuer(Arc::new(Kept {
            url: url.to_owned(),
            file: file.to_owned(),
            key,
        })))
    }

    /// What its tokens call it.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The key, which is made if need be: that takes a thread a while.
    async fn key(&self) -> Result<&SigningKey, IssuerError> {
        let make = || async {
            let file = self.0.file.clone();
            let made = tokio::task::spawn_blocking(move || {
                SigningKey::of_file(&file).map_err(|reason| named(&file, &reason))
            });
            made.await.map_err(|error| IssuerError(error.to_string()))?
        };
        self.0.key.get_or_try_init(make).await
    }

    /// Until there is a key to sign with.
    pub(crate) async fn ready(&self) -> Result<(), IssuerError> {
        self.key().await.map(drop)
    }

    /// A token that says who delivers, for `audience`, with what Cloud Tasks' tokens say.
    pub(crate) async fn token(
        &self,
        email: &str,
        audience: &str,
        now: SystemTime,
    ) -> Result<String, IssuerError> {
        let issued = seconds(now);
        let claims = json!({
            "iss": self.0.url,
            "aud": audience,
            "azp": email,
            "sub": email,
            "email": email,
            "email_verified": true,
            "iat": issued,
            "exp": issued + LIFETIME,
        });
        let token = self.key().await?.sign(&claims);
        token.ok_or_else(|| IssuerError("there is no randomness to sign with".into()))
    }

    /// The document that it has at this path; none when it has none.
    pub(crate) async fn document(&self, path: &str) -> Option<Response<Bytes>> {
        let document = match path {
            DISCOVERY => self.discovery(),
            KEYS => match self.key().await {
                Ok(key) => json!({"keys": [key.jwk()]}),
                Err(error) => {
                    tracing::error!(target: "tasks", %error, "there is no key for tokens");
                    let mut response = Response::new(Bytes::from_static(b"there is no key\n"));
                    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                    return Some(response);
                }
            },
            _ => return None,
        };
        let mut response = Response::new(Bytes::from(document.to_string()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response.headers_mut().insert(CACHE_CONTROL, FRESH);
        Some(response)
    }

    /// Whether one of its documents is at this URL.
    pub(crate) fn is_at(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        [DISCOVERY, KEYS].contains(&uri.path())
            && self
                .0
                .url
                .eq_ignore_ascii_case(&format!("{scheme}://{authority}"))
    }

    fn discovery(&self) -> Value {
        let url = &self.0.url;
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}{KEYS}"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["iss", "aud", "azp", "sub", "email", "email_verified", "iat", "exp"],
        })
    }
}

fn named(file: &Path, reason: &str) -> IssuerError {
    IssuerError(format!("'{}': {reason}", file.display()))
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Issuer").field(&self.0.url).finish()
    }
}
