//! The sender as the host uses it for itself: whole answers, within a time and a size.

use super::Sender;
use crate::fetching::{Fetch, MOST, PATIENCE};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use std::sync::Arc;
use tokio::time::timeout;

impl Sender {
    /// What asks by this sender, under its policy. Redirects are answers.
    pub(crate) fn fetching(&self) -> Fetch {
        let sender = self.clone();
        Arc::new(move |request| {
            let sender = sender.clone();
            let exchange = async move {
                let request = request.map(|body: Bytes| {
                    Full::new(body)
                        .map_err(|never| match never {})
                        .boxed_unsync()
                });
                let response = sender.send(request, None).await;
                let (head, body) = response.map_err(|fault| fault.to_string())?.into_parts();
                let body = Limited::new(body, MOST).collect().await;
                let body = body.map_err(|error| error.to_string())?;
                Ok(http::Response::from_parts(head, body.to_bytes()))
            };
            Box::pin(async move {
                let answered = timeout(PATIENCE, exchange).await;
                answered.unwrap_or_else(|_| Err("does not answer".into()))
            })
        })
    }
}
