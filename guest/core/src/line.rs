//! Numbers that stand in line by age. One small type for every queue of core: a tree for each weighs ten times as much.
use alloc::collections::VecDeque;

/// From how many entries on it is worth the while to look for some that can be forgotten.
pub(crate) const FORGETTING: usize = 256;

/// Pairs of an age and a number, the smallest first, each of them once. Adding the youngest and taking the oldest, which is what mostly
/// happens, costs the same however long the line is.
#[derive(Debug, Default)]
pub(crate) struct Line(VecDeque<(u64, usize)>);

impl Line {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    fn place(&self, entry: (u64, usize)) -> Result<usize, usize> {
        match (self.0.front(), self.0.back()) {
            (Some(first), _) if *first == entry => Ok(0),
            (_, Some(last)) if *last >= entry => self.0.binary_search(&entry),
            _ => Err(self.0.len()),
        }
    }

    /// Adds a number, unless it is there already.
    pub(crate) fn insert(&mut self, age: u64, number: usize) {
        match self.place((age, number)) {
            Err(end) if end == self.0.len() => self.0.push_back((age, number)),
            Err(place) => self.0.insert(place, (age, number)),
            Ok(_) => {}
        }
    }

    /// Takes a number out, if it is there.
    pub(crate) fn remove(&mut self, age: u64, number: usize) {
        if let Ok(place) = self.place((age, number)) {
            self.0.remove(place);
        }
    }

    /// Takes out those that do not stay, once they must be the many: when `most` is how many of them can.
    pub(crate) fn forget(&mut self, most: usize, stays: impl Fn(u64, usize) -> bool) {
        if self.0.len() >= FORGETTING && self.0.len() > 2 * most {
            self.0.retain(|&(age, number)| stays(age, number));
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

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
