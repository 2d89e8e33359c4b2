//! What the suite says: known failures, one outcome for each vector and world, and which cases nothing shows.

use super::load::{Case, Malformed, folder};
use super::play::{Ended, play};
use super::world::WorldName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How a vector did in a world, known failures considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it must be.
    Passed,
    /// It failed, as the world's expectations say.
    ExpectedFailure,
    /// It failed.
    Failed,
    /// It passed, though the world's expectations say it cannot.
    UnexpectedPass,
    /// Not played: the world has not what it needs.
    NotHere,
}

/// One line of `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The vector's name.
    pub vector: String,
    /// The ids it shows.
    pub cases: Vec<String>,
    /// Where it was played: a world, or a host.
    pub world: String,
    /// How it did.
    pub outcome: Outcome,
    /// What was seen instead, or why it is expected to fail; nothing for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Known failures of a world, with their reasons.
pub type Expectations = BTreeMap<String, String>;

/// `tests/expectations/NAME.toml`: a vector's name, and why it fails in the world or on the host of that name. `like = "OTHER"` stands
/// for everything in the file of another one, which is never like a third.
///
/// # Errors
/// When the file cannot be read, is malformed, or names no vector.
pub fn expectations(name: &str, cases: &[Case]) -> Result<Expectations, Malformed> {
    let mut known = read(name)?;
    let like = known.remove("like").map(|other| read(&other)).transpose()?;
    known.extend(like.into_iter().flatten());
    let stranger = known
        .keys()
        .find(|name| !cases.iter().any(|case| case.name == **name));
    match stranger {
        Some(vector) => Err(Malformed::Key {
            file: format!("expectations/{name}.toml"),
            key: vector.clone(),
            message: "there is no such vector".into(),
        }),
        None => Ok(known),
    }
}

fn read(name: &str) -> Result<Expectations, Malformed> {
    let path = folder().join("expectations").join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).map_err(|error| Malformed::Unreadable { path, error })?;
    toml::from_str(&text).map_err(|error| Malformed::Key {
        file: format!("expectations/{name}.toml"),
        key: "expectations".into(),
        message: error.message().replace('\n', " "),
    })
}

/// `tests/expectations/cases.toml`: the id of a case that no vector can show, and what shows it instead.
///
/// # Errors
/// When the file cannot be read, is malformed, or names what is no id of `cases.txt` or is shown by a vector.
pub fn shown_elsewhere(cases: &[Case]) -> Result<BTreeMap<String, String>, Malformed> {
    let path = folder().join("expectations").join("cases.toml");
    let text = fs::read_to_string(&path).map_err(|error| Malformed::Unreadable { path, error })?;
    let malformed = |key: &str, message: &str| Malformed::Key {
        file: "expectations/cases.toml".into(),
        key: key.into(),
        message: message.replace('\n', " "),
    };
    let elsewhere: BTreeMap<String, String> =
        toml::from_str(&text).map_err(|error| malformed("cases", error.message()))?;
    let ids = ids()?;
    for id in elsewhere.keys() {
        if !ids.contains(id) {
            return Err(malformed(id, "it is not among the cases"));
        }
        if cases.iter().any(|case| case.vector.cases.contains(id)) {
            return Err(malformed(id, "there is a vector of it"));
        }
    }
    Ok(elsewhere)
}

/// The ids of `tests/vectors/cases.txt`.
fn ids() -> Result<Vec<String>, Malformed> {
    let path = folder().join("vectors").join("cases.txt");
    let text = fs::read_to_string(&path).map_err(|error| Malformed::Unreadable { path, error })?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// Plays vectors in a world, several at a time, and judges each by the known failures.
pub fn run(cases: &[Case], world: &WorldName, known: &Expectations) -> Vec<Entry> {
    let next = AtomicUsize::new(0);
    let entries = Mutex::new(BTreeMap::new());
    let workers = thread::available_parallelism().map_or(2, |count| count.get().min(8));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let entry = judge(case, world, known, play(case, world));
                    let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
                    entries.insert(case.name.clone(), entry);
                }
            });
        }
    });
    let entries = entries.into_inner().unwrap_or_else(PoisonError::into_inner);
    entries.into_values().collect()
}

fn judge(case: &Case, world: &WorldName, known: &Expectations, ended: Ended) -> Entry {
    let (outcome, reason) = match (ended, known.get(&case.name)) {
        (Ended::NotHere, None) => (Outcome::NotHere, None),
        (Ended::NotHere, Some(_)) => (
            Outcome::UnexpectedPass,
            Some("it is not played here, and need not be expected".into()),
        ),
        (Ended::Passed, None) => (Outcome::Passed, None),
        (Ended::Passed, Some(why)) => (Outcome::UnexpectedPass, Some(why.clone())),
        (Ended::Failed(_), Some(why)) => (Outcome::ExpectedFailure, Some(why.clone())),
        (Ended::Failed(surprise), None) => (Outcome::Failed, Some(surprise)),
    };
    Entry {
        vector: case.name.clone(),
        cases: case.vector.cases.clone(),
        world: world.name().to_owned(),
        outcome,
        reason,
    }
}

impl Entry {
    /// Whether the suite is red by it.
    pub fn is_surprise(&self) -> bool {
        matches!(self.outcome, Outcome::Failed | Outcome::UnexpectedPass)
    }
}

/// `virtual: 12 passed, 1 expected failures, 0 failed`, and how many were not played.
pub fn summary(world: &WorldName, entries: &[Entry]) -> String {
    let count = |outcome| entries.iter().filter(|e| e.outcome == outcome).count();
    let surprises = entries.iter().filter(|entry| entry.is_surprise()).count();
    let mut line = format!(
        "{world}: {} passed, {} expected failures, {surprises} failed",
        count(Outcome::Passed),
        count(Outcome::ExpectedFailure),
    );
    let elsewhere = count(Outcome::NotHere);
    if elsewhere > 0 {
        line += &format!(" ({elsewhere} need what this world has not)");
    }
    line
}

/// The ids of `tests/vectors/cases.txt` that no vector shows, among those that passed somewhere.
///
/// # Errors
/// When the list cannot be read.
pub fn uncovered(entries: &[Entry]) -> Result<Vec<String>, Malformed> {
    let shown: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry.outcome == Outcome::Passed)
        .flat_map(|entry| entry.cases.iter().map(String::as_str))
        .collect();
    let mut ids = ids()?;
    ids.retain(|id| !shown.contains(id.as_str()));
    Ok(ids)
}
