//! What urlfetch has to reach, and whether it does, computed from the figures.

use crate::figure::{Figure, Unit};
use serde::Serialize;
use std::fmt::Write;

/// One thing to reach.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) measure: &'static str,
    pub(crate) target: &'static str,
    /// What was measured, in words.
    pub(crate) figure: String,
    /// None when it was not measured.
    pub(crate) reached: Option<bool>,
}

/// What was found out about a target: in words, and whether it is good.
type Finding = Option<(String, bool)>;

/// Judges all of them.
pub(crate) fn judge(figures: &[Figure]) -> Vec<Target> {
    let figures = Figures(figures);
    let target = |measure, target, finding: Finding| {
        let (figure, reached) = finding
            .map_or(("not measured".to_owned(), None), |(figure, good)| {
                (figure, Some(good))
            });
        Target {
            measure,
            target,
            figure,
            reached,
        }
    };
    vec![
        target(
            "100 to 10,000 at once, wall",
            "at most 1.10 × raw 0.2",
            figures.against_raw(),
        ),
        target(
            "100 to 10,000 at once, wall",
            "no slower than wstd, 0.3, native by more than the spread",
            figures.against_peers(),
        ),
        target("lost answers", "lost: 0", figures.lost()),
        target(
            "fuel per 1 KiB fetch, linked",
            "at most 0.5 × wstd's",
            figures.fuel(),
        ),
        target(
            "fuel as more are in flight",
            "flat within 10 % from 100 to 10,000 in flight",
            figures.flat(),
        ),
        target(
            "composed instead of linked",
            "at most 1.10 × wall at 1 KiB",
            figures.composed(),
        ),
        target(
            "composed, kept bodies",
            "no second copy of kept bodies",
            figures.copies(),
        ),
        target(
            "kept bodies of 32 MiB",
            "at most 0.8 × wstd's wall",
            figures.kept_wall(),
        ),
        target(
            "kept bodies, length known",
            "memory at most 1.15 × what is kept",
            figures.kept("length known", 1.15),
        ),
        target(
            "kept bodies, chunked",
            "memory at most 2.1 × when chunked",
            figures.kept("chunked", 2.1),
        ),
        target(
            "guest memory per rpc in flight",
            "at most 2 KiB",
            figures.in_flight(),
        ),
        target(
            "component",
            "at most 128 KiB, 48 KiB gzipped",
            figures.size(),
        ),
        target(
            "instantiate + first fetch",
            "at most 1.2 × a raw component's",
            figures.start(),
        ),
        target(
            "`urlfetch serve` against `wasmtime serve`",
            "at least 2 × requests per second",
            figures.served(),
        ),
        target(
            "`urlfetch serve` against `wasmtime serve`",
            "at the same p99 or a lower one",
            figures.p99(),
        ),
        target("callback dispatch", "at most 2 µs", figures.callbacks()),
        target(
            "enqueues of 32 callers at 1,000/s",
            "p99 at most 50 ms",
            figures.enqueues_at_a_rate(),
        ),
        target(
            "enqueues of one caller",
            "at least 150/s",
            figures.enqueues_of_one(),
        ),
        target(
            "deliveries of one queue, with 200,000 tasks that are not due",
            "500/s for ten minutes",
            figures.deliveries(),
        ),
        target(
            "from due to request",
            "p50 at most 5 ms, p99 at most 25 ms, never early",
            figures.punctual(),
        ),
        target(
            "from start to first redelivery, after SIGKILL",
            "at most 1 s",
            figures.redelivery(),
        ),
    ]
}

struct Figures<'a>(&'a [Figure]);

const OURS: [&str; 2] = ["linked", "composed"];

impl Figures<'_> {
    fn get(&self, measure: &str, case: &str, peer: &str, unit: Unit) -> Option<&Figure> {
        self.0.iter().find(|figure| {
            (&*figure.measure, &*figure.case, &*figure.peer) == (measure, case, peer)
                && figure.unit == unit
        })
    }

    fn median(&self, measure: &str, case: &str, peer: &str, unit: Unit) -> Option<f64> {
        Some(self.get(measure, case, peer, unit)?.value.median)
    }

    /// The times of fan-outs of a hundred and more.
    fn wall<'a>(&'a self, peer: &'a str) -> impl Iterator<Item = &'a Figure> {
        let is_large = |case: &str| {
            !(case == "1" || case == "10" || case.starts_with("1 ") || case.starts_with("10 "))
        };
        self.0.iter().filter(move |figure| {
            figure.measure == "wall"
                && figure.unit == Unit::Milliseconds
                && figure.peer == peer
                && is_large(&figure.case)
        })
    }

    fn against_raw(&self) -> Finding {
        let ratios = self
            .wall("linked")
            .filter_map(|figure| Some((figure.ratio?.median, &figure.case)));
        let (worst, case) = ratios.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some((format!("{worst:.2} × at worst ({case})"), worst <= 1.10))
    }

    fn against_peers(&self) -> Finding {
        let mut found = String::new();
        let mut any = false;
        for own in self.wall("linked") {
            for peer in ["wstd", "wasip3", "spin", "native"] {
                let Some(other) = self.get("wall", &own.case, peer, Unit::Milliseconds) else {
                    continue;
                };
                any = true;
                if own.value.low > other.value.high {
                    let times = own.value.median / other.value.median;
                    let _ = write!(found, "{times:.2} × {peer} at {}; ", own.case);
                }
            }
        }
        let is_good = found.is_empty();
        let text = if is_good {
            "slower than none".to_owned()
        } else {
            found.trim_end_matches("; ").to_owned()
        };
        any.then_some((text, is_good))
    }

    fn lost(&self) -> Finding {
        let own = self
            .0
            .iter()
            .filter(|figure| OURS.contains(&&*figure.peer) && !figure.exact);
        let lost: Vec<u64> = own.map(|figure| figure.lost).collect();
        let sum: u64 = lost.iter().sum();
        (!lost.is_empty()).then(|| (sum.to_string(), sum == 0))
    }

    fn fuel(&self) -> Finding {
        let own = self.median("fuel", "100", "linked", Unit::Fuel)?;
        let theirs = self.median("fuel", "100", "wstd", Unit::Fuel)?;
        let ratio = own / theirs;
        Some((
            format!("{own:.0}, {ratio:.2} × wstd's {theirs:.0} (100 in flight)"),
            ratio <= 0.5,
        ))
    }

    fn flat(&self) -> Finding {
        let fuel =
            ["100", "1000", "10000"].map(|case| self.median("fuel", case, "linked", Unit::Fuel));
        let [Some(first), Some(second), Some(third)] = fuel else {
            return None;
        };
        let growth = first.max(second).max(third) / first.min(second).min(third) - 1.0;
        Some((
            format!(
                "{first:.0}, {second:.0}, {third:.0}: {:.1} %",
                growth * 100.0
            ),
            growth <= 0.10,
        ))
    }

    fn composed(&self) -> Finding {
        let ratio = |case: &str| {
            let composed = self.median("wall", case, "composed", Unit::Milliseconds)?;
            Some(composed / self.median("wall", case, "linked", Unit::Milliseconds)?)
        };
        let ratios = ["100", "1000", "10000"]
            .into_iter()
            .filter_map(|case| Some((ratio(case)?, case)));
        let (worst, case) = ratios.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some((format!("{worst:.2} × at worst ({case})"), worst <= 1.10))
    }

    /// Each body is taken out when its rpc has finished, and what is kept is kept by the application alone.
    fn copies(&self) -> Finding {
        let kept = 4.0 * 32.0 * 1024.0 * 1024.0;
        let times = self.median("kept", "one by one", "composed", Unit::Bytes)? / kept;
        // Beside the four, the one that is being handed over.
        Some((
            format!("{times:.2} × what is kept, one of four at a time"),
            times <= 1.15 + 0.25,
        ))
    }

    fn kept_wall(&self) -> Finding {
        let ratio = |case: &str| {
            let own = self.median("bodies", case, "linked", Unit::Milliseconds)?;
            Some((
                own / self.median("bodies", case, "wstd", Unit::Milliseconds)?,
                case.to_owned(),
            ))
        };
        let ratios = ["4", "32"].into_iter().filter_map(ratio);
        let (worst, case) = ratios.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some((
            format!("{worst:.2} × at worst ({case} bodies)"),
            worst <= 0.8,
        ))
    }

    fn kept(&self, case: &str, limit: f64) -> Finding {
        let kept = 4.0 * 32.0 * 1024.0 * 1024.0;
        let times = self.median("kept", case, "linked", Unit::Bytes)? / kept;
        Some((format!("{times:.2} ×"), times <= limit))
    }

    fn in_flight(&self) -> Finding {
        let linked = self.median("in-flight", "memory", "linked", Unit::Bytes)?;
        let composed = self.median("in-flight", "memory", "composed", Unit::Bytes)?;
        Some((
            format!("{linked:.0} bytes; composed {composed:.0}"),
            linked.max(composed) <= 2048.0,
        ))
    }

    fn size(&self) -> Finding {
        let raw = self.median("size", "raw", "component", Unit::Bytes)?;
        let gzipped = self.median("size", "gzipped", "component", Unit::Bytes)?;
        Some((
            format!(
                "{:.1} KiB, {:.1} KiB gzipped",
                raw / 1024.0,
                gzipped / 1024.0
            ),
            raw <= 131_072.0 && gzipped <= 49_152.0,
        ))
    }

    fn start(&self) -> Finding {
        let ratio = |peer| {
            Some(
                self.get("start", "first fetch", peer, Unit::Milliseconds)?
                    .ratio?
                    .median,
            )
        };
        let (linked, composed) = (ratio("linked")?, ratio("composed")?);
        Some((
            format!("{linked:.2} ×; composed {composed:.2} ×"),
            linked <= 1.2,
        ))
    }

    fn served(&self) -> Finding {
        let ratio = self
            .get("serve", "requests", "urlfetch serve", Unit::PerSecond)?
            .ratio?
            .median;
        Some((format!("{ratio:.2} ×"), ratio >= 2.0))
    }

    fn p99(&self) -> Finding {
        let ratio = self
            .get("serve", "p99", "urlfetch serve", Unit::Milliseconds)?
            .ratio?
            .median;
        Some((format!("{ratio:.2} ×"), ratio <= 1.0))
    }

    /// What was measured of tasks in a file.
    fn of_tasks(&self, case: &str, unit: Unit) -> Option<&Figure> {
        self.get("tasks", case, "file", unit)
    }

    fn enqueues_at_a_rate(&self) -> Finding {
        let case = "enqueue, 32 callers at 1,000/s, p99";
        let p99 = self.of_tasks(case, Unit::Milliseconds)?.value.median;
        Some((format!("{p99:.1} ms"), p99 <= 50.0))
    }

    fn enqueues_of_one(&self) -> Finding {
        let rate = self.of_tasks("enqueues, one caller", Unit::PerSecond)?;
        let rate = rate.value.median;
        Some((format!("{rate:.0}/s"), rate >= 150.0))
    }

    fn deliveries(&self) -> Finding {
        let figure = self.of_tasks("deliveries, one queue for 600 s", Unit::PerSecond)?;
        let (rate, lost) = (figure.value.median, figure.lost);
        // They come due at 500/s: the last one is a little late, and a little less is as many.
        let reached = rate.round() >= 500.0 && lost == 0;
        Some((format!("{rate:.1}/s, {lost} lost"), reached))
    }

    fn punctual(&self) -> Finding {
        let late = |case| {
            let late = self.of_tasks(case, Unit::Milliseconds)?;
            Some(late.value.median)
        };
        let (p50, p99) = (
            late("from due to request, p50")?,
            late("from due to request, p99")?,
        );
        let early = self.of_tasks("requests before they were due", Unit::Count)?;
        let early = early.value.median;
        Some((
            format!("{p50:.1} ms, {p99:.1} ms, {early:.0} early"),
            p50 <= 5.0 && p99 <= 25.0 && early == 0.0,
        ))
    }

    fn redelivery(&self) -> Finding {
        let figure = self.of_tasks("from start to first redelivery", Unit::Milliseconds)?;
        let (millis, lost) = (figure.value.median, figure.lost);
        let reached = figure.value.high <= 1_000.0 && lost == 0;
        Some((format!("{millis:.0} ms, {lost} lost"), reached))
    }

    fn callbacks(&self) -> Finding {
        let nanos = self.median("callbacks", "1000", "linked", Unit::Nanoseconds)?;
        Some((format!("{:.2} µs", nanos / 1e3), nanos <= 2_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::figure::{Figure, Unit};

    #[test]
    fn what_was_not_measured_is_not_reached_either() {
        assert!(judge(&[]).iter().all(|target| target.reached.is_none()));
    }

    #[test]
    fn a_request_that_came_too_early_is_told_and_is_one_too_many() {
        let judged = |early: f64| {
            let figure = |case, unit, value| Figure::exact("tasks", case, "file", unit, value);
            let targets = judge(&[
                figure("from due to request, p50", Unit::Milliseconds, 5.0),
                figure("from due to request, p99", Unit::Milliseconds, 25.0),
                figure("requests before they were due", Unit::Count, early),
            ]);
            targets
                .into_iter()
                .find(|target| target.measure == "from due to request")
                .map(|target| (target.figure, target.reached))
        };
        let told = |early| format!("5.0 ms, 25.0 ms, {early} early");
        assert_eq!(judged(0.0), Some((told(0), Some(true))));
        assert_eq!(judged(1.0), Some((told(1), Some(false))));
    }

    #[test]
    fn half_of_wstds_fuel_is_the_limit() {
        let reached = |own: f64| {
            let fuel = |peer, value| Figure::exact("fuel", "100", peer, Unit::Fuel, value);
            let targets = judge(&[fuel("linked", own), fuel("wstd", 20_000.0)]);
            targets
                .iter()
                .find(|target| target.measure.starts_with("fuel"))
                .and_then(|target| target.reached)
        };
        assert_eq!(reached(10_000.0), Some(true));
        assert_eq!(reached(10_001.0), Some(false));
    }
}
