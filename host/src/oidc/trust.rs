//! Whether a token is one of an issuer that is trusted: what it says first, which costs nothing, and then who signed it.

use super::jws::{Jws, PublicKey};
use super::seconds;
use crate::fetching::Fetch;
use http::header::{CACHE_CONTROL, HeaderMap};
use http::{Request, StatusCode};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

/// How far clocks may differ, in seconds.
const SKEW: u64 = 60;
/// How long keys are kept when nobody says, and the bounds of what somebody says.
const LIFETIME: Duration = Duration::from_secs(3_600);
const LIFETIMES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3_600));
/// How soon keys are asked for again because a token names one that is not known: strangers may name what they like.
const AGAIN: Duration = Duration::from_secs(60);
/// The same while there are none.
const NOTHING_YET: Duration = Duration::from_secs(1);

/// Whose tokens are trusted, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// What its tokens may call it.
    pub issuers: Vec<String>,
    /// Where its keys are; none asks the first issuer's discovery document.
    pub jwks_uri: Option<String>,
    /// Whom a token must be for: one of these.
    pub audiences: Vec<String>,
    /// Whose it must be: the e-mail address of one of these service accounts.
    pub emails: Vec<String>,
}

impl TrustedIssuer {
    /// Google's accounts. Everybody has one, and gets tokens for any audience: it is the address that tells.
    pub fn google(audiences: Vec<String>, emails: Vec<String>) -> Self {
        TrustedIssuer {
            issuers: vec![
                "https://accounts.google.com".into(),
                "accounts.google.com".into(),
            ],
            jwks_uri: Some("https://www.googleapis.com/oauth2/v3/certs".into()),
            audiences,
            emails,
        }
    }
}

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Good,
    /// Why not.
    Bad(&'static str),
    /// Its issuer's keys cannot be had.
    Unknown(String),
}

/// Judges tokens.
pub(crate) struct Trust {
    source: Arc<Source>,
    keys: Arc<Mutex<Keys>>,
}

/// Whose keys they are, and what asks for them.
struct Source {
    config: TrustedIssuer,
    fetch: Fetch,
}

#[derive(Default)]
struct Keys {
    keys: Vec<PublicKey>,
    /// When they were asked for last, and until when they are good.
    asked: Option<Instant>,
    until: Option<Instant>,
}

impl Trust {
    pub(crate) fn new(config: TrustedIssuer, fetch: Fetch) -> Self {
        Trust {
            source: Arc::new(Source { config, fetch }),
            keys: Arc::default(),
        }
    }

    /// Judges a token at this time.
    pub(crate) async fn judge(&self, token: &str, now: SystemTime) -> Judged {
        let Some(jws) = Jws::read(token) else {
            return Judged::Bad("it is no token by RS256");
        };
        if let Some(reason) = self.source.objection(&jws.claims, seconds(now)) {
            return Judged::Bad(reason);
        }
        let mut kept = self.keys.clone().lock_owned().await;
        let now = Instant::now();
        let fits = |key: &&PublicKey| jws.kid.is_none() || key.kid == jws.kid;
        let is_stale = kept.until.is_none_or(|until| now >= until);
        let is_new = !kept.keys.iter().any(|key| fits(&key));
        let pause = if kept.keys.is_empty() {
            NOTHING_YET
        } else {
            AGAIN
        };
        let may_ask = kept.asked.is_none_or(|asked| now >= asked + pause);
        if (is_stale || is_new) && may_ask {
            kept.asked = Some(now);
            // By a task of its own: who came with the token may leave, and nobody would ask again for a minute.
            let asking = tokio::spawn(self.source.clone().renew(kept, now));
            kept = match asking.await {
                Ok((kept, Ok(()))) => kept,
                // The old ones were good until now.
                Ok((kept, Err(reason))) if !kept.keys.is_empty() => {
                    tracing::warn!(target: "tasks", reason, "keys of tokens are kept longer than they should be");
                    kept
                }
                Ok((_, Err(reason))) => return Judged::Unknown(reason),
                Err(_) => return Judged::Unknown("the server stops".into()),
            };
        }
        if kept.keys.is_empty() {
            return Judged::Unknown("its issuer's keys could not be had a moment ago".into());
        }
        let signed = kept
            .keys
            .iter()
            .filter(fits)
            .any(|key| jws.is_signed_by(key));
        match signed {
            true => Judged::Good,
            false => Judged::Bad("its signature is not the issuer's"),
        }
    }
}

impl Source {
    /// What is wrong with what a token says.
    fn objection(&self, claims: &Map<String, Value>, now: u64) -> Option<&'static str> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let one_of = |known: &[String], said: Option<&str>| {
            said.is_some_and(|said| known.iter().any(|known| known == said))
        };
        if !one_of(&self.config.issuers, text("iss")) {
            return Some("its issuer is not trusted");
        }
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(all)) => all
                .iter()
                .any(|it| one_of(&self.config.audiences, it.as_str())),
            _ => one_of(&self.config.audiences, text("aud")),
        };
        if !is_for_us {
            return Some("it is for somebody else");
        }
        let verified = claims.get("email_verified") == Some(&Value::Bool(true));
        if !verified || !one_of(&self.config.emails, text("email")) {
            return Some("it is not of an account that delivers");
        }
        let at = |name: &str| claims.get(name).and_then(Value::as_u64);
        let (Some(issued), Some(expires)) = (at("iat"), at("exp")) else {
            return Some("it does not say when it is good");
        };
        if now >= expires.saturating_add(SKEW) {
            return Some("it has expired");
        }
        if issued > now.saturating_add(SKEW)
            || at("nbf").is_some_and(|from| from > now.saturating_add(SKEW))
        {
            return Some("it is not good yet");
        }
        None
    }

    /// Asks for keys, and puts them in the place of those that were kept until `now`.
    async fn renew(
        self: Arc<Self>,
        mut kept: OwnedMutexGuard<Keys>,
        now: Instant,
    ) -> (OwnedMutexGuard<Keys>, Result<(), String>) {
        let renewed = self.ask().await.map(|(keys, lifetime)| {
            kept.keys = keys;
            kept.until = Some(now + lifetime);
        });
        (kept, renewed)
    }

    /// Asks the issuer for its keys.
    async fn ask(&self) -> Result<(Vec<PublicKey>, Duration), String> {
        let uri = match &self.config.jwks_uri {
            Some(uri) => uri.clone(),
            None => {
                let issuer = self.config.issuers.first().map_or("", String::as_str);
                let issuer = issuer.trim_end_matches('/');
                let at = format!("{issuer}/.well-known/openid-configuration");
                let (_, document) = self.get(&at).await?;
                let uri = document["jwks_uri"].as_str();
                uri.ok_or_else(|| format!("{at}: has no jwks_uri"))?
                    .to_owned()
            }
        };
        let (headers, document) = self.get(&uri).await?;
        let keys = document["keys"].as_array().map(Vec::as_slice);
        let keys: Vec<_> = keys
            .unwrap_or_default()
            .iter()
            .filter_map(PublicKey::read)
            .collect();
        if keys.is_empty() {
            return Err(format!("{uri}: has no key for RS256"));
        }
        Ok((keys, lifetime(&headers)))
    }

    async fn get(&self, uri: &str) -> Result<(HeaderMap, Value), String> {
        let request = Request::get(uri).body(bytes::Bytes::new());
        let request = request.map_err(|error| format!("{uri}: {error}"))?;
        let response = (self.fetch)(request).await;
        let response = response.map_err(|reason| format!("{uri}: {reason}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("{uri}: answered {}", response.status()));
        }
        let document = serde_json::from_slice(response.body());
        let document = document.map_err(|error| format!("{uri}: {error}"))?;
        Ok((response.headers().clone(), document))
    }
}

/// How long an answer may be kept.
fn lifetime(headers: &HeaderMap) -> Duration {
    let said = headers.get(CACHE_CONTROL).and_then(|it| it.to_str().ok());
    let directives = said.unwrap_or_default().split(',');
    let age = directives
        .filter_map(|it| it.trim().strip_prefix("max-age="))
        .find_map(|age| age.parse().ok());
    age.map_or(LIFETIME, Duration::from_secs)
        .clamp(LIFETIMES.0, LIFETIMES.1)
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trust").field(&self.source.config).finish()
    }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
