//! A measured number: of which peer, in which case, with its spread.

use serde::{Deserialize, Serialize};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Bytes,
    Count,
    Fuel,
    Handles,
    Milliseconds,
    Nanoseconds,
    PerSecond,
}

/// A median, and the quartiles around it. All three are the same for an exact count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// None of nothing.
    pub(crate) fn of(mut samples: Vec<f64>) -> Option<Self> {
        samples.sort_by(f64::total_cmp);
        let at = |quantile: f64| {
            // Between two samples, linearly.
            let place = quantile * (samples.len().checked_sub(1)? as f64);
            let (below, above) = (
                samples[place.floor() as usize],
                samples[place.ceil() as usize],
            );
            Some(below + (above - below) * place.fract())
        };
        Some(Self {
            low: at(0.25)?,
            median: at(0.5)?,
            high: at(0.75)?,
        })
    }
}

/// One number of the report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) measure: String,
    /// What was asked: `1000`, or `1000 after 100 ms`.
    pub(crate) case: String,
    pub(crate) peer: String,
    pub(crate) unit: Unit,
    pub(crate) value: Spread,
    /// Against the peer that the measure compares with, in the same round.
    pub(crate) ratio: Option<Spread>,
    /// How many runs it is the median of; 1 for a count.
    pub(crate) samples: usize,
    /// Repeats to the unit.
    pub(crate) exact: bool,
    /// Answers that did not come, or not whole, in all runs together.
    pub(crate) lost: u64,
    /// How the first of them was lost.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) why: String,
}

impl Figure {
    /// A count, which repeats.
    pub(crate) fn exact(measure: &str, case: &str, peer: &str, unit: Unit, value: f64) -> Self {
        Self {
            measure: measure.to_owned(),
            case: case.to_owned(),
            peer: peer.to_owned(),
            unit,
            value: Spread {
                low: value,
                median: value,
                high: value,
            },
            ratio: None,
            samples: 1,
            exact: true,
            lost: 0,
            why: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn quartiles_lie_between_the_samples() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0, 5.0]).unwrap();
        assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
        let two = Spread::of(vec![1.0, 2.0]).unwrap();
        assert_eq!((two.low, two.median, two.high), (1.25, 1.5, 1.75));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
