//! The end of a request: when the last that has to do with it lets go.

use super::journal::Journal;
use super::line;
use super::metrics::Metrics;
use super::record::Record;
use std::sync::Arc;

/// Held by the answer and by the guest. When both have let go, the request has ended: it is written down, once.
pub(super) struct Ending {
    pub(super) record: Arc<Record>,
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
}

impl Ending {
    pub(super) fn of(
        record: Arc<Record>,
        journal: &Arc<Journal>,
        metrics: &Arc<Metrics>,
    ) -> Arc<Self> {
        metrics.began();
        Arc::new(Ending {
            record,
            journal: journal.clone(),
            metrics: metrics.clone(),
        })
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let answer = self.record.end();
        self.metrics.ended(&self.record, &answer);
        self.journal.close(self.record.id);
        line::write(&self.record, &answer);
    }
}
