//! Everything outstanding, as `poll` wants it: one dense list of pollables, each with the exchange it belongs to.
use alloc::vec::Vec;

use slab::Slab;

use super::abi::Pollables;
use crate::transport::Pollable;

/// Pollables that can be added and removed in constant time, and listed without gaps.
pub(super) struct PollList {
    pollables: Pollables,
    /// Whose they are, in the same places.
    entries: Vec<Entry>,
    /// The place of each slot.
    places: Slab<usize>,
}

struct Entry {
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
            pollables: Pollables::new(),
            entries: Vec::new(),
            places: Slab::new(),
        }
    }

    pub(super) fn add(&mut self, pollable: Pollable, exchange: usize) -> Slot {
        let slot = self.places.insert(self.entries.len());
        self.pollables.push(pollable);
        self.entries.push(Entry { exchange, slot });
        Slot(slot)
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let place = self.places.remove(slot.0);
        self.pollables.swap_remove(place);
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places[moved.slot] = place;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Blocks until one of these or of the others is ready; the places of those that are, the others behind these.
    pub(super) fn poll<'a>(&mut self, others: impl Iterator<Item = &'a Pollable>) -> Vec<u32> {
        self.pollables.poll(others)
    }

    /// Whose the pollable at this place of the list is.
    pub(super) fn exchange(&self, place: usize) -> usize {
        self.entries[place].exchange
    }
}
