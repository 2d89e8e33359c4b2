//! The requests that run, and the last ones that ended: what a console shows.

use super::record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many requests that ended are kept.
pub const KEPT_REQUESTS: usize = 1_000;

/// A bounded memory of requests. Reading it does not hold the requests up.
#[derive(Debug, Default)]
pub struct Journal {
    next: AtomicU64,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    live: BTreeMap<u64, Arc<Record>>,
    ended: VecDeque<Arc<Record>>,
}

impl Journal {
    /// The requests that run, the oldest first.
    pub fn live(&self) -> Vec<Arc<Record>> {
        self.with(|pages| pages.live.values().cloned().collect())
    }

    /// The requests that ended, the last one first; [`KEPT_REQUESTS`] at most.
    pub fn ended(&self) -> Vec<Arc<Record>> {
        self.with(|pages| pages.ended.iter().rev().cloned().collect())
    }

    /// The request with this number, while it runs or is kept.
    pub fn find(&self, id: u64) -> Option<Arc<Record>> {
        self.with(|pages| {
            let ended = || pages.ended.iter().find(|record| record.id == id);
            pages.live.get(&id).or_else(ended).cloned()
        })
    }

    pub(super) fn open<B>(&self, peer: SocketAddr, request: &http::Request<B>) -> Arc<Record> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let record = Arc::new(Record::begin(id, peer, request));
        self.with(|pages| pages.live.insert(id, record.clone()));
        record
    }

    pub(super) fn close(&self, id: u64) {
        self.with(|pages| {
            let Some(record) = pages.live.remove(&id) else {
                return;
            };
            if pages.ended.len() == KEPT_REQUESTS {
                pages.ended.pop_front();
            }
            pages.ended.push_back(record);
        });
    }

    fn with<T>(&self, read: impl FnOnce(&mut Pages) -> T) -> T {
        read(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(journal: &Journal) -> Arc<Record> {
        journal.open(([127, 0, 0, 1], 1).into(), &http::Request::new(()))
    }

    #[test]
    fn a_request_is_live_until_it_is_closed_and_kept_afterwards() {
        let journal = Journal::default();
        let (one, two) = (open(&journal), open(&journal));
        journal.close(one.id);
        assert_eq!(
            journal
                .live()
                .iter()
                .map(|live| live.id)
                .collect::<Vec<_>>(),
            [two.id]
        );
        assert_eq!(journal.ended()[0].id, one.id);
        assert!(journal.find(one.id).is_some() && journal.find(two.id).is_some());
    }

    #[test]
    fn the_oldest_of_too_many_is_forgotten() {
        let journal = Journal::default();
        for _ in 0..=KEPT_REQUESTS {
            journal.close(open(&journal).id);
        }
        assert_eq!(journal.ended().len(), KEPT_REQUESTS);
        assert!(journal.find(1).is_none() && journal.find(2).is_some());
    }
}
