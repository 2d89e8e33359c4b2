//! What came of a run.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::memory::Memory;

/// As many surprises as are told.
const TOLD: usize = 20;

/// Counted as it goes.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// With which the run repeats.
    pub seed: u64,
    /// Fetches that were started.
    pub fetches: u64,
    /// Fetches that ended as the origin said they must.
    pub as_told: u64,
    /// Fetches of which nothing was heard any more.
    pub lost: u64,
    /// How many ended otherwise.
    pub surprises: u64,
    /// The first of them.
    pub told: Vec<String>,
    /// Fetches by what the origin did.
    pub acts: BTreeMap<&'static str, u64>,
    /// Requests that the origin got, redirects included.
    pub requests: u64,
    /// Connections that the origin accepted.
    pub connections: u64,
    /// What was held meanwhile.
    pub memory: Memory,
    /// How long it took.
    pub seconds: f64,
    /// How many processors the machine has.
    pub processors: usize,
}

impl Report {
    pub(super) fn surprise(&mut self, what: String) {
        self.surprises += 1;
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }

    /// What is wrong with the run; nothing when it passed.
    pub fn fault(&self) -> Option<String> {
        if self.surprises > 0 {
            return Some(format!(
                "{} fetches ended otherwise than they must",
                self.surprises
            ));
        }
        if self.lost > 0 {
            return Some(format!("{} fetches were lost", self.lost));
        }
        if self.as_told != self.fetches {
            return Some(format!(
                "{} fetches were started, {} ended",
                self.fetches, self.as_told
            ));
        }
        self.memory.growth()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fetches,
            as_told,
            lost,
            surprises,
            ..
        } = self;
        writeln!(
            f,
            "{fetches} fetches: {as_told} as told, {surprises} otherwise, {lost} lost"
        )?;
        let rate = self.as_told as f64 / self.seconds.max(0.001);
        writeln!(
            f,
            "{:.0} s on {} processors, {rate:.0} a second, seed {}",
            self.seconds, self.processors, self.seed
        )?;
        writeln!(
            f,
            "{} requests over {} connections",
            self.requests, self.connections
        )?;
        let samples = &self.memory.samples;
        for (name, sample) in [
            ("start", samples.first()),
            ("warm", samples.get(self.memory.warm)),
            ("end", samples.last()),
        ] {
            let Some(sample) = sample else { continue };
            let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
            write!(f, "{name:>5}: guest {:.1} MiB", mib(sample.guest))?;
            if let Some(process) = sample.process {
                write!(f, ", process {:.1} MiB", mib(process))?;
            }
            writeln!(f, ", {} resources", sample.resources)?;
        }
        for (act, count) in &self.acts {
            writeln!(f, "{count:>9} {act}")?;
        }
        for surprise in &self.told {
            writeln!(f, "{surprise}")?;
        }
        Ok(())
    }
}
