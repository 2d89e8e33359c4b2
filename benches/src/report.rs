//! The report: what was measured now, what an earlier run has measured, and what is written of it.

use crate::figure::{Figure, Unit};
use crate::peer::PEERS;
use crate::targets::{Target, judge};
use crate::{Measure, Mode, exact, folder, markdown, plot, root, timed};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// Everything that target/bench/report.json has.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) mode: Mode,
    pub(crate) machine: Machine,
    pub(crate) targets: Vec<Target>,
    pub(crate) figures: Vec<Figure>,
}

/// Where it was measured: ratios carry over to another machine, times do not.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) system: String,
    /// Processes that wanted to run, on the average of the last five minutes, beside which this was measured. More than cores is busy.
    pub(crate) load: Option<f64>,
}

/// What one measure came to, as it is kept between runs.
#[derive(Serialize, Deserialize)]
struct Kept {
    mode: Mode,
    load: Option<f64>,
    figures: Vec<Figure>,
}

/// Measures what is asked for, and takes the rest from the last run.
pub(crate) fn measure(mode: Mode, only: &[Measure], resumes: bool) -> Result<Report> {
    let mut figures = Vec::new();
    let mut load = None::<f64>;
    for &measure in Measure::value_variants() {
        let file = kept_file(measure);
        let kept = fs::read(&file).ok();
        let kept: Option<Kept> = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let is_wanted = only.is_empty() || only.contains(&measure);
        let is_done = resumes && kept.as_ref().is_some_and(|kept| kept.mode == mode);
        let of_this = if is_wanted && !is_done {
            eprintln!("== {}", measure.name());
            let measured = match measure.is_exact() {
                true => exact::measure(measure, &PEERS),
                false => timed::measure(measure, mode),
            };
            let kept = Kept {
                mode,
                load: load_of_machine(),
                figures: measured.with_context(|| measure.name())?,
            };
            write(&file, &serde_json::to_vec_pretty(&kept)?)?;
            Some(kept)
        } else {
            kept
        };
        if let Some(of_this) = of_this {
            if !measure.is_exact() {
                load = load.into_iter().chain(of_this.load).reduce(f64::max);
            }
            figures.extend(of_this.figures);
        }
    }
    Ok(Report {
        mode,
        machine: Machine {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            load,
        },
        targets: judge(&figures),
        figures,
    })
}

/// Puts `content` between the marks of a page.
fn mark(page: &str, content: &str) -> Result<()> {
    let file = root().join(page);
    let text = fs::read_to_string(&file)?;
    let marked = markdown::between_marks(&text, content)
        .with_context(|| format!("{page} has no lines `<!-- bench -->` and `<!-- /bench -->`"))?;
    write(&file, marked.as_bytes())
}

fn kept_file(measure: Measure) -> PathBuf {
    let name = format!("{}.json", measure.name());
    folder().join("measures").join(name)
}

fn load_of_machine() -> Option<f64> {
    let averages = fs::read_to_string("/proc/loadavg").ok()?;
    averages.split_whitespace().nth(1)?.parse().ok()
}

fn write(file: &std::path::Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, bytes).with_context(|| file.display().to_string())
}

impl Report {
    /// The figures of a measure in one unit.
    pub(crate) fn of<'a>(
        &'a self,
        measure: &'a str,
        unit: Unit,
    ) -> impl Iterator<Item = &'a Figure> {
        let figures = self.figures.iter();
        figures.filter(move |figure| figure.measure == measure && figure.unit == unit)
    }

    /// Writes report.json, report.md and growth.svg; after a full run also what README.md shows.
    pub(crate) fn write(&self) -> Result<()> {
        write(
            &folder().join("report.json"),
            &serde_json::to_vec_pretty(self)?,
        )?;
        write(
            &folder().join("report.md"),
            markdown::tables(self).as_bytes(),
        )?;
        let growth = plot::growth(self);
        write(&folder().join("growth.svg"), growth.as_bytes())?;
        if self.mode == Mode::Full {
            write(&root().join("benches/growth.svg"), growth.as_bytes())?;
            mark("README.md", &markdown::summary(self))?;
            mark("benches/README.md", &markdown::tables(self))?;
        }
        Ok(())
    }
}
