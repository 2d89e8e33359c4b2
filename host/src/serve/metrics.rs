//! What is counted, in the words of Prometheus.

use super::record::{Answer, Record, RequestOutcome};
use crate::{Call, CallOutcome};
use http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Upper bounds of the durations, in seconds: half a millisecond to a minute.
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// The counters of one server.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    seconds: Histogram,
    calls: Family<Labels<2>, Counter>,
    call_seconds: Histogram,
    in_flight: Gauge,
    connections: Gauge,
    rejected: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("urlfetch");
        let metrics = Metrics {
            requests: Family::default(),
            seconds: Histogram::new(SECONDS),
            calls: Family::default(),
            call_seconds: Histogram::new(SECONDS),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            rejected: Counter::default(),
            registry: Registry::default(),
        };
        registry.register(
            "requests",
            "Requests that ended, by outcome and class of status",
            metrics.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "From a request's head to the end of its answer and its instance",
            metrics.seconds.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests whose answer or instance has not ended",
            metrics.in_flight.clone(),
        );
        registry.register(
            "outbound_calls",
            "Outbound calls of requests that ended, by outcome and kind of connection",
            metrics.calls.clone(),
        );
        registry.register(
            "outbound_call_duration_seconds",
            "From the moment a guest hands a call over to the end of its response",
            metrics.call_seconds.clone(),
        );
        registry.register(
            "connections",
            "Open inbound connections",
            metrics.connections.clone(),
        );
        registry.register(
            "malformed_requests",
            "Inbound messages that could not be read as a request",
            metrics.rejected.clone(),
        );
        Metrics {
            registry,
            ..metrics
        }
    }

    pub(super) fn began(&self) {
        self.in_flight.inc();
    }

    pub(super) fn ended(&self, record: &Record, answer: &Answer) {
        self.in_flight.dec();
        let outcome = answer.outcome.unwrap_or(RequestOutcome::Answered).name();
        let labels = [("outcome", outcome), ("status", class(answer.status))];
        self.requests.get_or_create(&labels).inc();
        self.seconds
            .observe(answer.ended.unwrap_or_default().as_secs_f64());
        for call in record.calls().0 {
            self.call_ended(&call);
        }
    }

    fn call_ended(&self, call: &Call) {
        let moments = call.moments();
        let outcome = match moments.outcome {
            Some(CallOutcome::Complete) => "complete",
            Some(CallOutcome::Failed(_)) => "failed",
            Some(CallOutcome::Abandoned) | None => "abandoned",
        };
        let connection = match moments.reused {
            Some(true) => "reused",
            Some(false) => "new",
            None => "none",
        };
        self.calls
            .get_or_create(&[("outcome", outcome), ("connection", connection)])
            .inc();
        if let Some(ended) = moments.ended {
            self.call_seconds.observe(ended.as_secs_f64());
        }
    }

    pub(super) fn connected(&self) {
        self.connections.inc();
    }

    pub(super) fn disconnected(&self) {
        self.connections.dec();
    }

    pub(super) fn malformed(&self) {
        self.rejected.inc();
    }

    /// Everything, as OpenMetrics text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn class(status: Option<StatusCode>) -> &'static str {
    match status.map(|status| status.as_u16() / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(5) => "5xx",
        Some(_) => "other",
        None => "none",
    }
}
