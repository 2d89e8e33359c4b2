//! Which of a client's calls may be out: at most so many in total and to one origin, the oldest first. Semantics.md 3.3.
use alloc::{collections::BTreeMap, rc::Rc};

use slab::Slab;

/// The calls of one client that are out, and those that wait for a place, each named by `T`.
///
/// A ticket is the age of a call: it keeps its own over all its hops, so a redirect goes before every younger call.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    total: u32,
    per_origin: u32,
    out: u32,
    lanes: Slab<Lane<T>>,
    by_origin: BTreeMap<Rc<str>, LaneKey>,
    /// The oldest waiting call of every lane that has room.
    heads: BTreeMap<u64, LaneKey>,
}

/// Names the calls to one origin, as long as there are any.
pub(crate) type LaneKey = usize;

#[derive(Debug)]
struct Lane<T> {
    origin: Rc<str>,
    out: u32,
    waiting: BTreeMap<u64, T>,
}

impl<T: Copy> Queue<T> {
    pub(crate) fn new((total, per_origin): (u32, u32)) -> Self {
        let (lanes, by_origin, heads) = (Slab::new(), BTreeMap::new(), BTreeMap::new());
        Self {
            total,
            per_origin,
            out: 0,
            lanes,
            by_origin,
            heads,
        }
    }

    /// Changes the limits. Calls that are out stay out.
    pub(crate) fn set_limits(&mut self, (total, per_origin): (u32, u32)) {
        (self.total, self.per_origin) = (total, per_origin);
        self.heads.clear();
        for (key, lane) in &self.lanes {
            if let (true, Some((&ticket, _))) =
                (lane.out < per_origin, lane.waiting.first_key_value())
            {
                self.heads.insert(ticket, key);
            }
        }
    }

    /// A call wants to ask this origin: it stands in the lane that is returned.
    pub(crate) fn push(&mut self, origin: &str, ticket: u64, call: T) -> LaneKey {
        let key = self.by_origin.get(origin).copied().unwrap_or_else(|| {
            let origin: Rc<str> = origin.into();
            let key = self.lanes.insert(Lane {
                origin: Rc::clone(&origin),
                out: 0,
                waiting: BTreeMap::new(),
            });
            self.by_origin.insert(origin, key);
            key
        });
        let lane = &mut self.lanes[key];
        if let Some((head, _)) = lane.waiting.first_key_value() {
            self.heads.remove(head);
        }
        lane.waiting.insert(ticket, call);
        self.mend(key);
        key
    }

    /// The next call that may go out, from now on counted as being out.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.out >= self.total {
            return None;
        }
        let (ticket, key) = self.heads.pop_first()?;
        let lane = &mut self.lanes[key];
        let call = lane.waiting.remove(&ticket)?;
        lane.out += 1;
        self.out += 1;
        self.mend(key);
        Some(call)
    }

    /// A call of this lane is out no more.
    pub(crate) fn release(&mut self, key: LaneKey) {
        self.lanes[key].out -= 1;
        self.out -= 1;
        self.mend(key);
    }

    /// A waiting call of this lane gives up.
    pub(crate) fn withdraw(&mut self, key: LaneKey, ticket: u64) {
        self.lanes[key].waiting.remove(&ticket);
        self.heads.remove(&ticket);
        self.mend(key);
    }

    /// Calls that are out.
    #[cfg(test)]
    pub(crate) fn out(&self) -> u32 {
        self.out
    }

    /// Whether no call is known.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.by_origin.is_empty() && self.heads.is_empty()
    }

    /// Makes `heads` true again for a lane that changed, and forgets it when it is empty.
    fn mend(&mut self, key: LaneKey) {
        let lane = &self.lanes[key];
        match lane.waiting.first_key_value() {
            Some((&oldest, _)) if lane.out < self.per_origin => {
                self.heads.insert(oldest, key);
            }
            None if lane.out == 0 => {
                let lane = self.lanes.remove(key);
                self.by_origin.remove(&lane.origin);
            }
            _ => {}
        }
    }
}
