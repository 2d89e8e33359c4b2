//! Everything outstanding, as `poll` wants it: one dense list of pollables, each with the exchange it belongs to.
use alloc::vec::Vec;

use slab::Slab;

use crate::transport::Pollable;

/// Pollables that can be added and removed in constant time, and listed without gaps.
pub(super) struct PollList {
    entries: Vec<Entry>,
    /// Where in `entries` each slot is.
    places: Slab<usize>,
}

struct Entry {
    pollable: Pollable,
    exchange: usize,
    slot: usize,
}

/// A place in a [`PollList`]. It is given back by [`PollList::remove`], before what the pollable came from is touched: a pollable
/// is a child of that, and a host traps when the parent goes first.
#[derive(Debug)]
pub(super) struct Slot(usize);

impl PollList {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            places: Slab::new(),
        }
    }

    pub(super) fn add(&mut self, pollable: Pollable, exchange: usize) -> Slot {
        let slot = self.places.insert(self.entries.len());
        self.entries.push(Entry {
            pollable,
            exchange,
            slot,
        });
        Slot(slot)
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let place = self.places.remove(slot.0);
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places[moved.slot] = place;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn pollables(&self) -> impl Iterator<Item = &Pollable> {
        self.entries.iter().map(|entry| &entry.pollable)
    }

    /// Whose the pollable at this place of the list is.
    pub(super) fn exchange(&self, place: usize) -> usize {
        self.entries[place].exchange
    }
}
