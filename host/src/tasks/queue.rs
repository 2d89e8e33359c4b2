//! Queues: how fast they go, how they try again, and how the API reads and writes them.

use super::fields::Fields;
use super::moment::{Moment, duration_text};
use super::policy::{MAX_CONCURRENT, MAX_RATE, RateLimits, RetryConfig, burst_of};
use super::status::Status;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A queue on file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) limits: RateLimits,
    pub(crate) retry: RetryConfig,
    pub(crate) paused: bool,
    pub(crate) purged: Option<Moment>,
}

/// What a task says about its own retries; what it does not say its queue says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryWish {
    max_attempts: Option<i64>,
    max_duration: Option<i64>,
    min_backoff: Option<i64>,
    max_backoff: Option<i64>,
    max_doublings: Option<i64>,
}

impl Queue {
    /// One that goes as fast as the service permits, and tries as often as it does by default.
    pub(crate) fn ordinary(name: String) -> Self {
        Queue {
            name,
            limits: RateLimits::default(),
            retry: RetryConfig::default(),
            paused: false,
            purged: None,
        }
    }

    /// Changes what the fields say; with a mask only what it names.
    pub(crate) fn change(
        &mut self,
        mut fields: Fields,
        mask: Option<&[String]>,
    ) -> Result<(), Status> {
        let names =
            |path: &str| mask.is_none_or(|mask| mask.iter().any(|named| covers(named, path)));
        if fields.is_said("app_engine_routing_override") || fields.is_said("http_target") {
            return Err(Status::invalid(
                "Queue: only tasks say where they go: no appEngineRoutingOverride, no httpTarget.",
            ));
        }
        for output in ["name", "state", "purge_time", "stackdriver_logging_config"] {
            fields.is_said(output);
        }
        let limits = fields.object("rate_limits")?;
        let retry = fields.object("retry_config")?;
        fields.end()?;

        let (mut rate, mut concurrent) = (None, None);
        if let Some(mut fields) = limits {
            rate = fields.float("max_dispatches_per_second")?;
            concurrent = fields.integer("max_concurrent_dispatches")?;
            fields.is_said("max_burst_size");
            fields.end()?;
        }
        let wish = retry.map(RetryWish::read).transpose()?.unwrap_or_default();

        let usual = RateLimits::default();
        if names("rateLimits.maxDispatchesPerSecond") {
            self.limits.rate = rate.filter(|rate| *rate != 0.0).unwrap_or(usual.rate);
            self.limits.burst = burst_of(self.limits.rate);
        }
        if names("rateLimits.maxConcurrentDispatches") {
            self.limits.concurrent = concurrent
                .filter(|most| *most != 0)
                .unwrap_or(usual.concurrent);
        }
        let (usual, retry) = (RetryConfig::default(), &mut self.retry);
        if names("retryConfig.maxAttempts") {
            retry.max_attempts = wish.max_attempts.unwrap_or(usual.max_attempts);
        }
        if names("retryConfig.maxRetryDuration") {
            retry.max_duration = wish.max_duration.unwrap_or(usual.max_duration);
        }
        if names("retryConfig.minBackoff") {
            retry.min_backoff = wish.min_backoff.unwrap_or(usual.min_backoff);
        }
        if names("retryConfig.maxBackoff") {
            retry.max_backoff = wish.max_backoff.unwrap_or(usual.max_backoff);
        }
        if names("retryConfig.maxDoublings") {
            retry.max_doublings = wish.max_doublings.unwrap_or(usual.max_doublings);
        }
        self.judge()
    }

    fn judge(&self) -> Result<(), Status> {
        let RateLimits {
            rate, concurrent, ..
        } = self.limits;
        if rate > MAX_RATE {
            return Err(Status::invalid(
                "RateLimits.maxDispatchesPerSecond must be less than or equal to 500.",
            ));
        }
        if rate < 0.0 {
            return Err(Status::invalid(
                "RateLimits.maxDispatchesPerSecond cannot be negative.",
            ));
        }
        if concurrent > MAX_CONCURRENT {
            return Err(Status::invalid(
                "RateLimits.maxConcurrentDispatches must be less than or equal to 5000.",
            ));
        }
        if concurrent < 0 {
            return Err(Status::invalid(
                "RateLimits.maxConcurrentDispatches cannot be negative.",
            ));
        }
        self.retry.judge()
    }

    /// As the API shows it.
    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "name": self.name,
            "rateLimits": {
                "maxDispatchesPerSecond": self.limits.rate,
                "maxBurstSize": self.limits.burst,
                "maxConcurrentDispatches": self.limits.concurrent,
            },
            "retryConfig": self.retry.json(),
            "state": if self.paused { "PAUSED" } else { "RUNNING" },
        });
        if let Some(purged) = self.purged {
            json["purgeTime"] = purged.text().into();
        }
        json
    }
}

/// Whether a path of an update mask, in either spelling, names this field or what it lies in.
fn covers(named: &str, path: &str) -> bool {
    let plain = |text: &str| text.replace('_', "").to_ascii_lowercase();
    let (named, path) = (plain(named), plain(path));
    named == "*"
        || path == named
        || path
            .strip_prefix(&named)
            .is_some_and(|rest| rest.starts_with('.'))
}

impl RetryWish {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Status> {
        // A number that is nought was not said: protobuf cannot tell.
        let said = |number: Option<i64>| number.filter(|number| *number != 0);
        let wish = RetryWish {
            max_attempts: said(fields.integer("max_attempts")?),
            max_duration: fields.duration("max_retry_duration")?,
            min_backoff: fields.duration("min_backoff")?,
            max_backoff: fields.duration("max_backoff")?,
            max_doublings: fields.integer("max_doublings")?,
        };
        fields.end()?;
        Ok(wish)
    }

    /// What applies where it was wished for on top of `config`.
    pub(crate) fn over(&self, config: RetryConfig) -> RetryConfig {
        RetryConfig {
            max_attempts: self.max_attempts.unwrap_or(config.max_attempts),
            max_duration: self.max_duration.unwrap_or(config.max_duration),
            min_backoff: self.min_backoff.unwrap_or(config.min_backoff),
            max_backoff: self
                .max_backoff
                .unwrap_or(config.max_backoff.max(self.min_backoff.unwrap_or(0))),
            max_doublings: self.max_doublings.unwrap_or(config.max_doublings),
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut json = serde_json::Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            value.map(|value| json.insert(name.to_owned(), value));
        };
        put("maxAttempts", self.max_attempts.map(Value::from));
        put(
            "maxRetryDuration",
            self.max_duration.map(|micros| duration_text(micros).into()),
        );
        put(
            "minBackoff",
            self.min_backoff.map(|micros| duration_text(micros).into()),
        );
        put(
            "maxBackoff",
            self.max_backoff.map(|micros| duration_text(micros).into()),
        );
        put("maxDoublings", self.max_doublings.map(Value::from));
        json.into()
    }
}

impl RetryConfig {
    /// Whether it makes sense.
    pub(super) fn judge(&self) -> Result<(), Status> {
        if self.max_attempts < -1 {
            return Err(Status::invalid(
                "RetryConfig.maxAttempts must be greater or equal to -1.",
            ));
        }
        for (name, value) in [
            ("maxRetryDuration", self.max_duration),
            ("minBackoff", self.min_backoff),
            ("maxBackoff", self.max_backoff),
            ("maxDoublings", self.max_doublings),
        ] {
            if value < 0 {
                return Err(Status::invalid(format!(
                    "RetryConfig.{name} cannot be negative."
                )));
            }
        }
        if self.min_backoff > self.max_backoff {
            return Err(Status::invalid(
                "RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.",
            ));
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!({
            "maxAttempts": self.max_attempts,
            "maxRetryDuration": duration_text(self.max_duration),
            "minBackoff": duration_text(self.min_backoff),
            "maxBackoff": duration_text(self.max_backoff),
            "maxDoublings": self.max_doublings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "projects/p/locations/l/queues/default";

    #[test]
    fn a_mask_changes_what_it_names_and_nothing_else() {
        let mut queue = Queue::ordinary(QUEUE.into());
        let mut change = |body: Value, mask: Option<&[&str]>| {
            let mask = mask.map(|mask| {
                mask.iter()
                    .map(|path| (*path).to_owned())
                    .collect::<Vec<_>>()
            });
            let fields = Fields::of_body(body.to_string().as_bytes()).unwrap();
            queue
                .change(fields, mask.as_deref())
                .map(|()| queue.clone())
        };
        let body = json!({"rateLimits": {"maxDispatchesPerSecond": 10, "maxConcurrentDispatches": 3}, "retryConfig": {"maxAttempts": 7}});
        let changed = change(
            body.clone(),
            Some(&["rate_limits.max_dispatches_per_second"]),
        )
        .unwrap();
        assert_eq!(
            (
                changed.limits.rate,
                changed.limits.burst,
                changed.limits.concurrent
            ),
            (10.0, 2, 1_000)
        );
        let changed = change(body, Some(&["retryConfig"])).unwrap();
        assert_eq!(
            (changed.retry.max_attempts, changed.limits.concurrent),
            (7, 1_000)
        );
        for (limits, message) in [
            (
                json!({"maxDispatchesPerSecond": 501}),
                "RateLimits.maxDispatchesPerSecond must be less than or equal to 500.",
            ),
            (
                json!({"maxDispatchesPerSecond": -1}),
                "RateLimits.maxDispatchesPerSecond cannot be negative.",
            ),
            (
                json!({"maxConcurrentDispatches": 5001}),
                "RateLimits.maxConcurrentDispatches must be less than or equal to 5000.",
            ),
        ] {
            let error = change(json!({"rateLimits": limits}), None).unwrap_err();
            assert_eq!(error.message, message);
        }
    }
}
