//! Numbers that stand in line by age. One small type for every queue of core: a tree for each weighs ten times as much.
use alloc::collections::VecDeque;

/// Pairs of an age and a number, the smallest age first. Adding the youngest and taking the oldest, which is what mostly happens, costs
/// the same however long the line is.
#[derive(Debug, Default)]
pub(crate) struct Line(VecDeque<(u64, usize)>);

impl Line {
    fn place(&self, age: u64) -> Result<usize, usize> {
        match self.0.back() {
            Some((last, _)) if *last >= age => self.0.binary_search_by_key(&age, |(age, _)| *age),
            _ => Err(self.0.len()),
        }
    }

    /// Adds a number; of an age that is there already, it takes the place.
    pub(crate) fn insert(&mut self, age: u64, number: usize) {
        match self.place(age) {
            Ok(place) => self.0[place] = (age, number),
            Err(place) => self.0.insert(place, (age, number)),
        }
    }

    /// Takes the number of this age out.
    pub(crate) fn remove(&mut self, age: u64) {
        if let Ok(place) = self.place(age) {
            self.0.remove(place);
        }
    }

    /// The oldest.
    pub(crate) fn first(&self) -> Option<(u64, usize)> {
        self.0.front().copied()
    }

    /// Takes the oldest out.
    pub(crate) fn pop_first(&mut self) -> Option<(u64, usize)> {
        self.0.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The numbers, the oldest first.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(_, number)| *number)
    }
}
