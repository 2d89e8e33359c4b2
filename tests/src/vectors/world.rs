//! The worlds a vector is played in, and what each has.

use super::model::Need;
use super::served::Target;
use std::fmt;

/// Where a vector is played (decision D7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorldName {
    /// The scripted origin in memory, under virtual time.
    Virtual,
    /// Sockets on this machine, through our pooled sender.
    Pooled,
    /// The same through wasmtime's own sender.
    Stock,
    /// The same on a host that serves the conformance app.
    Served {
        /// What the host is called: its known failures are those of `tests/expectations/HOST.toml`.
        host: String,
        /// Where it serves the app.
        target: Target,
    },
}

impl WorldName {
    /// Those that are there by themselves.
    pub const ALL: [Self; 3] = [Self::Virtual, Self::Pooled, Self::Stock];

    /// In data and on the command line.
    pub fn name(&self) -> &str {
        match self {
            WorldName::Virtual => "virtual",
            WorldName::Pooled => "pooled",
            WorldName::Stock => "stock",
            WorldName::Served { host, .. } => host,
        }
    }

    /// Whether it has what a vector needs.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Sockets => !self.is_exact(),
            Need::VirtualTime | Need::AnyAuthority | Need::FaultCodes => self.is_exact(),
            Need::Untyped => !matches!(self, WorldName::Served { .. }),
            Need::OurSender => *self == WorldName::Pooled,
        }
    }

    /// Whether times are exact.
    pub fn is_exact(&self) -> bool {
        *self == WorldName::Virtual
    }
}

impl fmt::Display for WorldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
