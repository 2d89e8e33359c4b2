//! Runs of several contenders in turn, so that what disturbs one round disturbs all of them, and what they come to.

use crate::figure::{Figure, Spread, Unit};
use crate::origin::Origin;
use crate::peer::Peer;
use crate::sample::{Host, Sample, take};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody in a contest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    /// In figures.
    pub(crate) name: &'static str,
    pub(crate) peer: &'static Peer,
    pub(crate) host: Host,
}

impl Contender {
    /// A peer on the stock host.
    pub(crate) fn of(peer: &'static Peer) -> Self {
        Self {
            name: peer.name,
            peer,
            host: Host::Stock,
        }
    }
}

/// One thing that all are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Contest {
    pub(crate) measure: String,
    pub(crate) case: String,
    /// `fetch`, `keep`, ...
    pub(crate) what: &'static str,
    pub(crate) count: usize,
    pub(crate) path: String,
    pub(crate) upload: usize,
    /// Bytes that each fetch gives.
    pub(crate) bytes: u64,
    /// With whom all are compared in each round.
    pub(crate) floor: &'static str,
}

/// How often, and how long at most: a round that has begun is finished.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
}

impl Contest {
    /// Runs everybody in turn, round by round.
    pub(crate) async fn hold(
        &self,
        contenders: &[Contender],
        limits: Limits,
        origin: &Origin,
    ) -> Result<Vec<Figure>> {
        let mut args = vec![
            self.what.to_owned(),
            self.count.to_string(),
            origin.url(&self.path),
        ];
        if self.upload > 0 {
            args.push(self.upload.to_string());
        }
        let started = Instant::now();
        let mut rounds: Vec<BTreeMap<&str, Sample>> = Vec::new();
        let mut out: BTreeMap<&str, String> = BTreeMap::new();
        while rounds.len() < limits.rounds && (rounds.is_empty() || started.elapsed() < limits.time)
        {
            eprint!(
                "\r{} {}: round {} of {}  ",
                self.measure,
                self.case,
                rounds.len() + 1,
                limits.rounds
            );
            let mut round = BTreeMap::new();
            for contender in contenders {
                if out.contains_key(contender.name) {
                    continue;
                }
                match take(contender.peer, contender.host, &args, PATIENCE).await {
                    Ok(sample) => drop(round.insert(contender.name, sample)),
                    // Once is enough: the others are not made to wait for it again.
                    Err(error) => drop(out.insert(contender.name, format!("{error:#}"))),
                }
            }
            rounds.push(round);
        }
        eprintln!("{:.0} s", started.elapsed().as_secs_f64());
        for (name, why) in &out {
            eprintln!("  {name}: {why}");
        }
        let figures = contenders
            .iter()
            .map(|contender| self.figures(contender.name, &rounds, out.get(contender.name)));
        Ok(figures.flatten().collect())
    }

    fn figures(
        &self,
        name: &str,
        rounds: &[BTreeMap<&str, Sample>],
        out: Option<&String>,
    ) -> Vec<Figure> {
        let samples: Vec<&Sample> = rounds.iter().filter_map(|round| round.get(name)).collect();
        let ratios = rounds.iter().filter_map(|round| {
            let (own, floor) = (round.get(name)?, round.get(self.floor)?);
            Some(own.nanos as f64 / floor.nanos as f64)
        });
        let ratio = Spread::of(ratios.collect());
        let expected = self.bytes * self.count as u64;
        let lost: u64 = samples
            .iter()
            .map(|sample| {
                // What came and is not whole is lost too.
                let short = sample.lost == 0 && sample.bytes != expected;
                sample.lost + u64::from(short)
            })
            .sum();
        let why = samples.iter().find(|sample| !sample.why.is_empty());
        let why = out.cloned().or(why.map(|sample| sample.why.clone()));
        let figure = |measure: &str, unit, values: Vec<f64>| {
            Some(Figure {
                measure: measure.to_owned(),
                case: self.case.clone(),
                peer: name.to_owned(),
                unit,
                value: Spread::of(values)?,
                ratio,
                samples: samples.len(),
                exact: false,
                lost,
                why: why.clone().unwrap_or_default(),
            })
        };
        let values =
            |of: fn(&Sample) -> u64| samples.iter().map(|sample| of(sample) as f64).collect();
        let times: Vec<f64> = samples
            .iter()
            .map(|sample| sample.nanos as f64 / 1e6)
            .collect();
        let time = figure(&self.measure, Unit::Milliseconds, times);
        let rss = figure(
            &format!("{}-rss", self.measure),
            Unit::Bytes,
            values(|sample| sample.rss * 1024),
        );
        let memory = figure(
            &format!("{}-memory", self.measure),
            Unit::Bytes,
            values(|sample| sample.memory),
        );
        let memory = memory.filter(|memory| memory.value.high > 0.0);
        let without_ratio = |figure: Figure| Figure {
            ratio: None,
            ..figure
        };
        [time, rss.map(without_ratio), memory.map(without_ratio)]
            .into_iter()
            .flatten()
            .collect()
    }
}
