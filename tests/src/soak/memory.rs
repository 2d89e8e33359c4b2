//! What guest and host hold, over the run, and whether they grew.

use serde::Serialize;

/// How much a guest may take after the warm-up: what a coincidence of large contents needs.
const GUEST_SLACK: usize = 4 << 20;
/// How much the process may take after the warm-up. A leak of 34 bytes a fetch shows in a million.
const HOST_SLACK: usize = 32 << 20;
/// From how many fetches on the process is judged: below, its allocator is still filling.
const JUDGED_FROM: u64 = 100_000;

/// Bytes held at one moment.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// Fetches that were over by then.
    pub fetches: u64,
    /// Linear memory of the instance.
    pub guest: usize,
    /// Resident memory of the whole process, origin included; none where the system does not say.
    pub process: Option<usize>,
    /// Entries of the host's resource table. What is under way holds some, so that only the first sample and the last compare.
    pub resources: usize,
}

/// The samples of a run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Memory {
    /// In order of time: the start, the end of the warm-up, and every so often.
    pub samples: Vec<Sample>,
    /// The place of the sample that ends the warm-up.
    pub warm: usize,
}

impl Memory {
    pub(super) fn sample(&mut self, fetches: u64, guest: usize, resources: usize) {
        self.samples.push(Sample {
            fetches,
            guest,
            process: resident(),
            resources,
        });
    }

    /// What follows is compared with what there is now.
    pub(super) fn end_warm_up(&mut self) {
        self.warm = self.samples.len().saturating_sub(1);
    }

    /// Says what grew; nothing when nothing did.
    pub fn growth(&self) -> Option<String> {
        let after = self.samples.get(self.warm..)?;
        let (first, last) = (after.first()?, after.last()?);
        if last.guest > first.guest + GUEST_SLACK {
            return Some(format!(
                "the guest grew from {} to {} bytes",
                first.guest, last.guest
            ));
        }
        let at_rest = self.samples.first()?.resources;
        if last.resources > at_rest {
            return Some(format!(
                "the host kept {at_rest} resources, and then {}",
                last.resources
            ));
        }
        let (before, now) = (first.process?, last.process?);
        let is_long = last.fetches >= JUDGED_FROM;
        (is_long && now > before + HOST_SLACK)
            .then(|| format!("the process grew from {before} to {now} bytes"))
    }
}

/// Resident memory of this process, where Linux tells it.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(change: impl Fn(&mut Sample)) -> Option<String> {
        let sample = Sample {
            fetches: JUDGED_FROM,
            guest: 1 << 20,
            process: Some(1 << 20),
            resources: 9,
        };
        let mut last = sample;
        change(&mut last);
        Memory {
            samples: vec![sample, last],
            warm: 0,
        }
        .growth()
    }

    #[test]
    fn growth_is_seen_wherever_it_is() {
        assert_eq!(grown(|_| {}), None);
        assert!(grown(|last| last.guest = 6 << 20).is_some_and(|what| what.contains("guest")));
        assert!(
            grown(|last| last.process = Some(34 << 20))
                .is_some_and(|what| what.contains("process"))
        );
        assert!(grown(|last| last.resources = 10).is_some_and(|what| what.contains("resources")));
    }
}
