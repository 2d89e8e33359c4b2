//! Which of a client's calls may be out: at most so many in total and to one origin, the oldest first. Semantics.md 3.3.
use alloc::{boxed::Box, vec::Vec};

use slab::Slab;

use crate::line::Line;

/// The calls of one client that are out, and those that wait for a place, each named by a number.
///
/// A ticket is the age of a call: it keeps its own over all its hops, so a redirect goes before every younger call.
#[derive(Debug)]
pub(crate) struct Queue {
    total: u32,
    per_origin: u32,
    out: u32,
    lanes: Slab<Lane>,
    /// The lanes, by the text of their origin.
    by_origin: Vec<LaneKey>,
    /// The oldest waiting call's lane, of every lane that has room, by that call's ticket.
    heads: Line,
}

/// Names the calls to one origin, as long as there are any.
pub(crate) type LaneKey = usize;

#[derive(Debug)]
struct Lane {
    origin: Box<str>,
    out: u32,
    waiting: Line,
}

impl Queue {
    pub(crate) fn new((total, per_origin): (u32, u32)) -> Self {
        Self {
            total,
            per_origin,
            out: 0,
            lanes: Slab::new(),
            by_origin: Vec::new(),
            heads: Line::default(),
        }
    }

    /// Changes the limits. Calls that are out stay out.
    pub(crate) fn set_limits(&mut self, (total, per_origin): (u32, u32)) {
        (self.total, self.per_origin) = (total, per_origin);
        self.heads.clear();
        for (key, lane) in &self.lanes {
            if let (true, Some((ticket, _))) = (lane.out < per_origin, lane.waiting.first()) {
                self.heads.insert(ticket, key);
            }
        }
    }

    fn place(&self, origin: &str) -> Result<usize, usize> {
        self.by_origin
            .binary_search_by(|&key| (*self.lanes[key].origin).cmp(origin))
    }

    /// A call wants to ask this origin: it stands in the lane that is returned.
    pub(crate) fn push(&mut self, origin: &str, ticket: u64, call: usize) -> LaneKey {
        let key = match self.place(origin) {
            Ok(place) => self.by_origin[place],
            Err(place) => {
                let key = self.lanes.insert(Lane {
                    origin: origin.into(),
                    out: 0,
                    waiting: Line::default(),
                });
                self.by_origin.insert(place, key);
                key
            }
        };
        let lane = &mut self.lanes[key];
        if let Some((head, _)) = lane.waiting.first() {
            self.heads.remove(head, key);
        }
        lane.waiting.insert(ticket, call);
        self.mend(key);
        key
    }

    /// The next call that may go out, from now on counted as being out.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        if self.out >= self.total {
            return None;
        }
        let (_, key) = self.heads.pop_first()?;
        let lane = &mut self.lanes[key];
        let (_, call) = lane.waiting.pop_first()?;
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
    pub(crate) fn withdraw(&mut self, key: LaneKey, ticket: u64, call: usize) {
        self.lanes[key].waiting.remove(ticket, call);
        self.heads.remove(ticket, key);
        self.mend(key);
    }

    /// Calls that are out.
    #[cfg(test)]
    pub(crate) fn out(&self) -> u32 {
        self.out
    }

    /// Calls that are out, to each origin that is known.
    #[cfg(test)]
    pub(crate) fn out_by_origin(&self) -> Vec<(&str, u32)> {
        let lanes = self.lanes.iter();
        lanes.map(|(_, lane)| (&*lane.origin, lane.out)).collect()
    }

    /// Whether no call is known.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.by_origin.is_empty() && self.heads.is_empty()
    }

    /// Makes `heads` true again for a lane that changed, and forgets it when it is empty.
    fn mend(&mut self, key: LaneKey) {
        let lane = &self.lanes[key];
        match lane.waiting.first() {
            Some((oldest, _)) if lane.out < self.per_origin => self.heads.insert(oldest, key),
            None if lane.out == 0 => {
                if let Ok(place) = self.place(&lane.origin) {
                    self.by_origin.remove(place);
                }
                self.lanes.remove(key);
            }
            _ => {}
        }
    }
}
