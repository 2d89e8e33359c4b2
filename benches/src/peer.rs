//! Who is measured, how it is started, and what it cannot do.

use std::path::PathBuf;
use std::time::Duration;

/// One way to fetch URLs.
#[derive(Debug)]
pub(crate) struct Peer {
    /// In figures, and in the record.
    pub(crate) name: &'static str,
    /// In tables.
    pub(crate) shown: &'static str,
    pub(crate) kind: Kind,
    /// How many fetches it has out at once, when that is less than it is asked for.
    pub(crate) at_once: usize,
}

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command over WASI 0.2: a file below the folder of the benchmark.
    Guest(&'static str),
    /// A command over WASI 0.3.
    Guest3(&'static str),
    /// A program of the machine.
    Native(&'static str),
    /// A script for Python 3.
    Python(&'static str),
}

const ALL: usize = usize::MAX;

/// Ours first, then the floor, which all of them are compared with.
pub(crate) const PEERS: [Peer; 10] = [
    peer(
        "linked",
        "urlfetch, linked",
        Kind::Guest("peers/wasm32-wasip2/release/linked.wasm"),
        ALL,
    ),
    peer(
        "composed",
        "urlfetch, composed",
        Kind::Guest("composed.wasm"),
        ALL,
    ),
    peer(
        "raw",
        "raw 0.2",
        Kind::Guest("peers/wasm32-wasip2/release/raw.wasm"),
        ALL,
    ),
    peer(
        "wstd",
        "wstd",
        Kind::Guest("peers/wasm32-wasip2/release/on-wstd.wasm"),
        ALL,
    ),
    peer(
        "waki",
        "waki",
        Kind::Guest("peers/wasm32-wasip2/release/on-waki.wasm"),
        1,
    ),
    peer(
        "wasip3",
        "wasip3 (0.3)",
        Kind::Guest3("peers/wasm32-wasip2/release/on_wasip3.wasm"),
        ALL,
    ),
    peer(
        "spin",
        "spin-sdk (0.3)",
        Kind::Guest3("peers/wasm32-wasip2/release/on_spin.wasm"),
        ALL,
    ),
    peer(
        "native",
        "reqwest",
        Kind::Native("peers/release/native"),
        ALL,
    ),
    peer(
        "requests",
        "requests, threads",
        Kind::Python("benches/peers/python/requests_threads.py"),
        6,
    ),
    peer(
        "pool",
        "asynchttp's pool",
        Kind::Python("benches/peers/python/worker_pool.py"),
        100,
    ),
];

/// Those of them that are urlfetch.
pub(crate) const OURS: &[Peer] = PEERS.split_at(2).0;

/// The floor.
pub(crate) const FLOOR: &str = "raw";

const fn peer(name: &'static str, shown: &'static str, kind: Kind, at_once: usize) -> Peer {
    Peer {
        name,
        shown,
        kind,
        at_once,
    }
}

impl Peer {
    /// The peer of this name.
    ///
    /// # Panics
    /// When there is none: names are ours.
    pub(crate) fn named(name: &str) -> &'static Peer {
        let found = PEERS.iter().find(|peer| peer.name == name);
        found.expect("a name of the list")
    }

    /// Where its program is.
    pub(crate) fn file(&self) -> PathBuf {
        match self.kind {
            Kind::Guest(file) | Kind::Guest3(file) | Kind::Native(file) => {
                crate::folder().join(file)
            }
            Kind::Python(file) => crate::root().join(file),
        }
    }

    /// Whether so many fetches, each of which is answered after `delay`, are over in a time that one can wait for.
    pub(crate) fn is_worth_asking(&self, count: usize, delay: Duration) -> bool {
        let rounds = count.div_ceil(self.at_once) as u32;
        let most = match self.kind {
            Kind::Python(_) => 1_000,
            _ if self.at_once == 1 => 1_000,
            _ => ALL,
        };
        count <= most && delay * rounds <= Duration::from_secs(3)
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;
    use std::time::Duration;

    #[test]
    fn whoever_fetches_one_by_one_is_not_asked_for_a_thousand_slow_ones() {
        let delay = Duration::from_millis(100);
        assert!(!Peer::named("waki").is_worth_asking(1_000, delay));
        assert!(Peer::named("waki").is_worth_asking(1_000, Duration::ZERO));
        assert!(Peer::named("linked").is_worth_asking(10_000, delay));
    }
}
