//! One request and its response: judged, timed, and told apart when it fails.

use super::call::{Call, CallOutcome, Recording};
use super::classify::{Stage, classify};
use super::{Sender, response_body::ResponseBody};
use crate::Fault;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

/// What an absent timeout stands for, as in wasmtime.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

impl Sender {
    /// Sends `request`, whose URI is absolute, and gives the response when its head has come; its body fails with the same codes.
    ///
    /// The connect timeout runs from here until a connection is there, handshake and lookup included; the first-byte timeout from
    /// there to the head, upload included; the between-bytes timeout while a reader waits for a frame of the body. Dropping the
    /// future or the body ends the exchange, and its connection is used again only if nothing was left on it.
    pub async fn send(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<http::Response<WasiBody>, Fault> {
        let call = Call::begin(request.method().clone(), request.uri());
        self.send_recorded(request, options, call).await
    }

    /// Does what [`send`](Self::send) does, and notes in `call` what happened when, until the body has been read or dropped.
    pub async fn send_recorded(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        call: Arc<Call>,
    ) -> Result<http::Response<WasiBody>, Fault> {
        let recording = Recording(call);
        let between_bytes = options.and_then(|options| options.between_bytes_timeout);
        match self.exchange(request, options, &recording.0).await {
            Ok((head, place)) => Ok(head.map(|incoming| {
                let between_bytes = between_bytes.unwrap_or(DEFAULT_TIMEOUT);
                ResponseBody::new(incoming, between_bytes, place, recording).boxed_unsync()
            })),
            Err(fault) => {
                recording.0.end(CallOutcome::Failed(fault.clone()));
                Err(fault)
            }
        }
    }

    async fn exchange(
        &self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        call: &Arc<Call>,
    ) -> Result<(http::Response<Incoming>, Option<OwnedSemaphorePermit>), Fault> {
        self.0.egress.judge_uri(request.uri())?;
        let options = options.unwrap_or_default();
        let mut captured = capture_connection(&mut request);

        let response = call.dialling(async {
            let place = match &self.0.places {
                // The semaphore is never closed; were it, going on without a place would be right.
                Some(places) => places.clone().acquire_owned().await.ok(),
                None => None,
            };
            call.placed();
            self.0
                .client
                .request(request)
                .await
                .map(|head| (head, place))
        });
        let mut response = pin!(response);

        // hyper-util tells through `captured` when the exchange has a connection; only this side of that is connecting.
        let connecting = async {
            tokio::select! {
                biased;
                early = &mut response => Some(early),
                connection = captured.wait_for_connection_metadata() => {
                    call.ready(connection.as_ref());
                    None
                }
            }
        };
        let early = timeout(
            options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            connecting,
        )
        .await
        .map_err(|_| Fault::ConnectionTimeout)?;
        let head = match early {
            Some(head) => {
                if head.is_ok() {
                    call.ready(captured.connection_metadata().as_ref());
                }
                head
            }
            None => timeout(
                options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT),
                &mut response,
            )
            .await
            .map_err(|_| Fault::ConnectionReadTimeout)?,
        };
        let (head, place) = head.map_err(|error| {
            let stage = if error.is_connect() {
                Stage::Connect
            } else {
                Stage::Head
            };
            tracing::debug!(?error, ?stage, "exchange failed");
            classify(&error, stage)
        })?;
        call.head(head.status(), head.version());
        Ok((head, place))
    }
}
