//! Google's Application Default Credentials: a file that the environment names, the one that `gcloud` writes, or the metadata server.

use crate::oidc::{pair_of, sign};
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use ring::signature::RsaKeyPair;
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a token is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Where tokens are had, when a file does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// Where the metadata server is, unless GCE_METADATA_HOST says otherwise.
const METADATA: &str = "metadata.google.internal";
/// How long what is signed for a token is good, in seconds.
const LIFETIME: u64 = 3_600;

/// By what the host gets tokens. It shows no secret by `{:?}`.
#[derive(Clone)]
pub struct Credentials(Source);

#[derive(Clone)]
enum Source {
    ServiceAccount(Arc<Account>),
    User(Arc<User>),
    /// The host and perhaps the port of the metadata server.
    Metadata(String),
}

struct Account {
    email: String,
    key: RsaKeyPair,
    key_id: String,
    token_uri: String,
}

#[derive(Deserialize)]
struct User {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    token_uri: Option<String>,
}

/// Why there are no credentials: one line that names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CredentialsError(String);

/// What a file of credentials says.
#[derive(Deserialize)]
struct File {
    r#type: String,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

impl Credentials {
    /// Those of the environment, in the order in which Google's own libraries look: the file in GOOGLE_APPLICATION_CREDENTIALS, the one
    /// that `gcloud auth application-default login` writes, the metadata server at GCE_METADATA_HOST or where Google's machines have it.
    /// `variable` reads a variable. Fails when there is a file that says nothing useful; who is asked later is not asked now.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let said = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(file) = said("GOOGLE_APPLICATION_CREDENTIALS") {
            return Self::of_file(Path::new(&file)).map_err(|CredentialsError(reason)| {
                CredentialsError(format!("GOOGLE_APPLICATION_CREDENTIALS {reason}"))
            });
        }
        let config = said("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(|| {
            let (root, below) = match cfg!(windows) {
                true => (said("APPDATA")?, "gcloud"),
                false => (said("HOME")?, ".config/gcloud"),
            };
            Some(Path::new(&root).join(below))
        });
        let file = config.map(|folder| folder.join("application_default_credentials.json"));
        if let Some(file) = file.filter(|file| file.exists()) {
            return Self::of_file(&file);
        }
        let host = said("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
        Ok(Credentials(Source::Metadata(host)))
    }

    /// Those of a file: of a service account, or of a user of `gcloud`.
    pub fn of_file(path: &Path) -> Result<Self, CredentialsError> {
        let named =
            |reason: &dyn fmt::Display| CredentialsError(format!("'{}': {reason}", path.display()));
        let text = std::fs::read(path).map_err(|error| named(&error))?;
        let file: File = serde_json::from_slice(&text).map_err(|error| named(&error))?;
        let source = match file.r#type.as_str() {
            "service_account" => {
                let (Some(email), Some(pem)) = (file.client_email, file.private_key) else {
                    return Err(named(&"has no client_email or no private_key"));
                };
                let key = pair_of(pem.as_bytes());
                Source::ServiceAccount(Arc::new(Account {
                    email,
                    key: key.map_err(|reason| named(&format!("its private_key {reason}")))?,
                    key_id: file.private_key_id.unwrap_or_default(),
                    token_uri: file.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned()),
                }))
            }
            "authorized_user" => {
                let user = serde_json::from_slice(&text).map_err(|error| named(&error))?;
                Source::User(Arc::new(user))
            }
            other => {
                return Err(named(&format!(
                    "is of the type {other}, not service_account or authorized_user"
                )));
            }
        };
        Ok(Credentials(source))
    }

    /// What asks for a token at this time, in seconds since 1970. Says in words why there is nothing to ask.
    pub(super) fn request(&self, now: u64) -> Result<Request<Bytes>, String> {
        let (uri, form) = match &self.0 {
            Source::Metadata(host) => {
                let uri = format!(
                    "http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
                );
                let request = Request::get(uri).header("metadata-flavor", "Google");
                return request
                    .body(Bytes::new())
                    .map_err(|error| error.to_string());
            }
            Source::ServiceAccount(account) => {
                let claims = json!({
                    "iss": account.email, "scope": SCOPE, "aud": account.token_uri, "iat": now, "exp": now + LIFETIME,
                });
                let signed = sign(&account.key, &account.key_id, &claims);
                let signed = signed.ok_or("there is no randomness to sign with")?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                (
                    &account.token_uri,
                    vec![("grant_type", grant.to_owned()), ("assertion", signed)],
                )
            }
            Source::User(user) => {
                let form = [
                    ("grant_type", "refresh_token"),
                    ("client_id", &user.client_id),
                    ("client_secret", &user.client_secret),
                    ("refresh_token", &user.refresh_token),
                ];
                let uri = user.token_uri.as_deref().unwrap_or(TOKEN_URI);
                let form = form.map(|(name, value)| (name, value.to_owned()));
                return post(uri, form);
            }
        };
        post(uri, form)
    }
}

fn post(
    uri: &str,
    form: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Request<Bytes>, String> {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    Request::post(uri)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into())
        .map_err(|error| format!("{uri}: {error}"))
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::ServiceAccount(account) => write!(f, "service account {}", account.email),
            Source::User(_) => f.write_str("user of gcloud"),
            Source::Metadata(host) => write!(f, "metadata server {host}"),
        }
    }
}
