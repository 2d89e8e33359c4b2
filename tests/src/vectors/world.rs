//! The worlds a vector is played in, and what each has.

use super::model::Need;
use std::fmt;

/// Where a vector is played (decision D7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorldName {
    /// The scripted origin in memory, under virtual time.
    Virtual,
    /// Sockets on this machine, through our pooled sender.
    Pooled,
    /// The same through wasmtime's own sender.
    Stock,
}

impl WorldName {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Virtual, Self::Pooled, Self::Stock];

    /// In data and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            WorldName::Virtual => "virtual",
            WorldName::Pooled => "pooled",
            WorldName::Stock => "stock",
        }
    }

    /// Whether it has what a vector needs.
    pub fn has(self, need: Need) -> bool {
        (self == WorldName::Virtual) != (need == Need::Sockets)
    }

    /// Whether times are exact.
    pub fn is_exact(self) -> bool {
        self == WorldName::Virtual
    }
}

impl fmt::Display for WorldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
