//! The requests that run, and the last ones that ended: what a console shows.

use super::record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// How many requests that ended are kept.
pub const KEPT_REQUESTS: usize = 1_000;
/// How many requests are kept beside them because something went wrong, and how many messages that were none.
pub const KEPT_ERRORS: usize = 200;
/// How many bytes the kept requests may take, about, those beside them as many again: their URLs may be long, and their calls many.
const KEPT_BYTES: usize = 32 << 20;

/// A bounded memory of requests. Reading it does not hold the requests up.
#[derive(Debug)]
pub struct Journal {
    next: AtomicU64,
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    live: BTreeMap<u64, Arc<Record>>,
    ended: Ring<Arc<Record>>,
    errors: Ring<Arc<Record>>,
    malformed: Ring<Arc<Malformed>>,
}

/// Something that came in and was not a request.
#[derive(Debug)]
pub struct Malformed {
    /// When it was given up.
    pub at: SystemTime,
    /// Who sent it.
    pub peer: SocketAddr,
    /// What it was answered.
    pub status: u16,
    /// What is wrong with it, on one line.
    pub reason: String,
}

impl Default for Journal {
    fn default() -> Self {
        let pages = Pages {
            live: BTreeMap::new(),
            ended: Ring::of(KEPT_REQUESTS),
            errors: Ring::of(KEPT_ERRORS),
            malformed: Ring::of(KEPT_ERRORS),
        };
        Journal {
            next: AtomicU64::new(0),
            pages: Mutex::new(pages),
        }
    }
}

impl Journal {
    /// The requests that run, the oldest first.
    pub fn live(&self) -> Vec<Arc<Record>> {
        self.with(|pages| pages.live.values().cloned().collect())
    }

    /// The requests that ended, the last one first; [`KEPT_REQUESTS`] at most.
    pub fn ended(&self) -> Vec<Arc<Record>> {
        self.with(|pages| pages.ended.kept.iter().rev().cloned().collect())
    }

    /// The requests that ended after the first `seen` ones, the oldest first, as far as they are kept; and how many have ended by now.
    pub fn ended_after(&self, seen: u64) -> (Vec<Arc<Record>>, u64) {
        self.with(|pages| {
            let Ring { kept, taken, .. } = &pages.ended;
            let new = usize::try_from(taken.saturating_sub(seen)).unwrap_or(usize::MAX);
            let known = kept.len().saturating_sub(new);
            (kept.iter().skip(known).cloned().collect(), *taken)
        })
    }

    /// The last requests that ended with something wrong about them or their calls, the last one first; [`KEPT_ERRORS`] at most.
    /// They stay when many others end after them.
    pub fn errors(&self) -> Vec<Arc<Record>> {
        self.with(|pages| pages.errors.kept.iter().rev().cloned().collect())
    }

    /// What came in and was no request, the last one first; [`KEPT_ERRORS`] at most.
    pub fn not_requests(&self) -> Vec<Arc<Malformed>> {
        self.with(|pages| pages.malformed.kept.iter().rev().cloned().collect())
    }

    /// The request with this number, while it runs or is kept.
    pub fn find(&self, id: u64) -> Option<Arc<Record>> {
        self.with(|pages| {
            let mut ended = pages.ended.kept.iter().chain(&pages.errors.kept);
            let live = pages.live.get(&id);
            live.or_else(|| ended.find(|record| record.id == id))
                .cloned()
        })
    }

    pub(super) fn open<B>(&self, peer: SocketAddr, request: &http::Request<B>) -> Arc<Record> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let record = Arc::new(Record::begin(id, peer, request));
        self.with(|pages| pages.live.insert(id, record.clone()));
        record
    }

    pub(super) fn close(&self, id: u64) {
        let Some(record) = self.with(|pages| pages.live.remove(&id)) else {
            return;
        };
        let (weight, is_error) = (record.weight(), record.is_error());
        self.with(|pages| {
            if is_error {
                pages.errors.take(record.clone(), weight);
            }
            pages.ended.take(record, weight);
        });
    }

    pub(super) fn malformed(&self, peer: SocketAddr, status: u16, reason: &str) {
        let malformed = Malformed {
            at: SystemTime::now(),
            peer,
            status,
            reason: reason.to_owned(),
        };
        let weight = reason.len();
        self.with(|pages| pages.malformed.take(Arc::new(malformed), weight));
    }

    fn with<T>(&self, read: impl FnOnce(&mut Pages) -> T) -> T {
        read(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The last that were taken, bounded by their number and by what they weigh.
#[derive(Debug)]
struct Ring<T> {
    kept: VecDeque<T>,
    weights: VecDeque<usize>,
    weight: usize,
    most: usize,
    taken: u64,
}

impl<T> Ring<T> {
    fn of(most: usize) -> Self {
        Ring {
            kept: VecDeque::new(),
            weights: VecDeque::new(),
            weight: 0,
            most,
            taken: 0,
        }
    }

    fn take(&mut self, one: T, weight: usize) {
        self.kept.push_back(one);
        self.weights.push_back(weight);
        self.weight += weight;
        self.taken += 1;
        // The last one stays, whatever it weighs.
        while self.kept.len() > self.most || (self.weight > KEPT_BYTES && self.kept.len() > 1) {
            self.kept.pop_front();
            self.weight -= self.weights.pop_front().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::RequestOutcome;

    fn open(journal: &Journal) -> Arc<Record> {
        journal.open(([127, 0, 0, 1], 1).into(), &http::Request::new(()))
    }

    fn ids(records: Vec<Arc<Record>>) -> Vec<u64> {
        records.iter().map(|record| record.id).collect()
    }

    #[test]
    fn a_request_is_live_until_it_is_closed_and_kept_afterwards() {
        let journal = Journal::default();
        let (one, two) = (open(&journal), open(&journal));
        journal.close(one.id);
        assert_eq!(ids(journal.live()), [two.id]);
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

    #[test]
    fn who_says_how_many_he_has_seen_gets_the_others() {
        let journal = Journal::default();
        let (one, two, three) = (open(&journal), open(&journal), open(&journal));
        assert_eq!(journal.ended_after(0).1, 0);
        // In the order in which they end.
        journal.close(two.id);
        journal.close(one.id);
        let (ended, seen) = journal.ended_after(0);
        assert_eq!((ids(ended), seen), (vec![two.id, one.id], 2));
        journal.close(three.id);
        let (ended, seen) = journal.ended_after(seen);
        assert_eq!((ids(ended), seen), (vec![three.id], 3));
        // Of a server that ran before this one.
        assert_eq!(journal.ended_after(1_000_000).0.len(), 0);
        for _ in 0..2 * KEPT_REQUESTS {
            journal.close(open(&journal).id);
        }
        assert_eq!(journal.ended_after(3).0.len(), KEPT_REQUESTS);
    }

    #[test]
    fn what_went_wrong_outlives_what_went_well() {
        let journal = Journal::default();
        let wrong = open(&journal);
        wrong.ended_by(RequestOutcome::Trapped, "unreachable");
        journal.close(wrong.id);
        for _ in 0..KEPT_REQUESTS {
            journal.close(open(&journal).id);
        }
        assert_eq!(ids(journal.errors()), [wrong.id]);
        assert!(journal.find(wrong.id).is_some());
        assert!(journal.ended().iter().all(|record| record.id != wrong.id));
    }

    #[test]
    fn long_urls_are_forgotten_sooner() {
        let journal = Journal::default();
        let path = format!("/{}", "x".repeat(60_000));
        let request = http::Request::get(path).body(()).unwrap();
        for _ in 0..KEPT_REQUESTS {
            let record = journal.open(([127, 0, 0, 1], 1).into(), &request);
            journal.close(record.id);
        }
        let kept = journal.ended();
        let bytes: usize = kept.iter().map(|record| record.path.len()).sum();
        assert!(bytes < KEPT_BYTES && kept.len() < 600, "{}", kept.len());
        assert_eq!(kept[0].id, KEPT_REQUESTS as u64);
    }
}
