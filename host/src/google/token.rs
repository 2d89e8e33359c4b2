//! The token that the host shows: asked for when it is needed, kept until shortly before it expires, and asked for by one at a time.

use super::Credentials;
use crate::fetching::Fetch;
use crate::oidc::seconds;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long before its end a token is not used any more: a call under way must not find it expired. Google's libraries take as long.
const EARLY: Duration = Duration::from_secs(225);

/// Gets tokens, and keeps the last one.
pub(super) struct Tokens {
    credentials: Credentials,
    fetch: Fetch,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    /// `Bearer ...`.
    token: HeaderValue,
    until: Instant,
}

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    pub(super) fn new(credentials: Credentials, fetch: Fetch) -> Self {
        Tokens {
            credentials,
            fetch,
            kept: Mutex::default(),
        }
    }

    /// What authorizes a call; not the one that was `refused`. Says in words why there is none.
    pub(super) async fn token(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, String> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = &*kept
            && Instant::now() < kept.until
            && refused != Some(&kept.token)
        {
            return Ok(kept.token.clone());
        }
        *kept = None;
        let asked = Instant::now();
        let Granted {
            access_token,
            expires_in,
        } = self.ask().await?;
        let mut token = HeaderValue::try_from(format!("Bearer {access_token}"))
            .map_err(|_| "the token cannot be sent")?;
        token.set_sensitive(true);
        // What expires soon is good for half of its life.
        let life = Duration::from_secs(expires_in.min(24 * 3_600));
        let until = asked + life.saturating_sub(EARLY.min(life / 2));
        let token = &kept.insert(Kept { token, until }).token;
        Ok(token.clone())
    }

    async fn ask(&self) -> Result<Granted, String> {
        let request = self.credentials.request(seconds(SystemTime::now()))?;
        let uri = request.uri().to_string();
        let response = (self.fetch)(request).await;
        let response = response.map_err(|reason| format!("{uri}: {reason}"))?;
        if response.status() != StatusCode::OK {
            let said = String::from_utf8_lossy(response.body());
            let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let said: String = said.chars().take(300).collect();
            return Err(format!("{uri}: answered {}: {said}", response.status()));
        }
        // What was read is not told: it is a secret.
        serde_json::from_slice(response.body()).map_err(|_| format!("{uri}: gave no token"))
    }
}
