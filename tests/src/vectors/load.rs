//! Finding vectors, and reading one: placeholders, rows, and what is wrong with a file in one line.

use super::fill::{fill, label};
use super::model::{Need, Step, Surface, Vector};
use super::op::Op;
use super::tls::Handshake;
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The families, in the order of the semantics. A case's id begins with one of them, and a folder's name is one of them in small
/// letters, or `security`, or `fault`.
const FAMILIES: [&str; 15] = [
    "RPC", "MFC", "STM", "CBK", "WAN", "WAL", "CAN", "HOK", "STB", "ERR", "RED", "HDR", "SIZ",
    "URL", "DEV",
];

/// Real time that one pause of a vector over sockets may take, in seconds.
const SHORT: f64 = 0.5;

/// A vector's file, read and checked.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its path below `tests/vectors`, without `.toml`.
    pub name: String,
    /// The file with rows and placeholders filled in: one tree for each row, one in all without rows.
    pub rows: Vec<Row>,
    /// The first row.
    pub vector: Vector,
    /// What it needs, all told.
    pub needs: Vec<Need>,
}

/// One way to play a vector.
#[derive(Clone, Debug)]
pub struct Row {
    /// What tells it from the others; empty when there is only one.
    pub label: String,
    /// The vector, before names of hosts become addresses.
    pub tree: Value,
}

/// A vector cannot be played as it is written.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The file or folder cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It is not TOML.
    #[error("{file}:{line}: {message}")]
    Syntax {
        /// The vector's name.
        file: String,
        /// Where.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A key is missing, unknown, or has a value without meaning.
    #[error("{file}: {key}: {message}")]
    Key {
        /// The vector's name.
        file: String,
        /// Which key, or the step or row that holds it.
        key: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The folder `tests/`.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every vector of this repository, in the order of their names.
///
/// # Errors
/// When one of them is malformed.
pub fn load_all() -> Result<Vec<Case>, Malformed> {
    let root = folder().join("vectors");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let load = |path: &PathBuf| {
        let text = read(path)?;
        let shown = path.strip_prefix(&root).unwrap_or(path).with_extension("");
        parse(&shown.to_string_lossy().replace('\\', "/"), &text)
    };
    files.iter().map(load).collect()
}

fn read(path: &Path) -> Result<String, Malformed> {
    fs::read_to_string(path).map_err(|error| Malformed::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Malformed> {
    let unreadable = |error| Malformed::Unreadable {
        path: folder.to_owned(),
        error,
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            into.push(path);
        }
    }
    Ok(())
}

/// Reads the text of one vector.
///
/// # Errors
/// When it is malformed.
pub fn parse(name: &str, text: &str) -> Result<Case, Malformed> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        Malformed::Syntax {
            file: name.to_owned(),
            line: before.map_or(1, |before| before.matches('\n').count() + 1),
            message: one_line(error.message()),
        }
    })?;
    let malformed = |key: &str, message: String| Malformed::Key {
        file: name.to_owned(),
        key: key.to_owned(),
        message: one_line(&message),
    };
    let each = table.remove("each");
    let tree = Value::Table(table);
    let trees = match each {
        None => vec![(String::new(), fill(&tree, &Table::new()))],
        Some(Value::Array(rows)) if !rows.is_empty() => {
            let fill_row = |row: &Value| match row {
                Value::Table(row) => (label(row), fill(&tree, row)),
                _ => (String::new(), Err("a row is a table".to_owned())),
            };
            rows.iter().map(fill_row).collect()
        }
        Some(_) => {
            return Err(malformed(
                "each",
                "rows of placeholders are expected".into(),
            ));
        }
    };
    let mut rows = Vec::new();
    for (label, tree) in trees {
        let tree = tree.map_err(|message| malformed("each", message))?;
        rows.push(Row { label, tree });
    }
    let mut vectors = Vec::new();
    for row in &rows {
        vectors.push(to_vector(name, row)?);
    }
    let vector = vectors.remove(0);
    let mut needs = vector.needs.clone();
    for vector in vectors.iter().chain([&vector]) {
        check(vector).map_err(|(key, message)| malformed(key, message))?;
        needs.extend(derived_needs(vector));
    }
    needs.sort();
    needs.dedup();
    let longest = |vector: &Vector| {
        let answers = vector.origin.values().flatten();
        let pauses = answers.flat_map(|answer| answer.pauses().collect::<Vec<_>>());
        let steps = vector.steps.iter().filter_map(|step| match step.op {
            Op::Pass { seconds } | Op::Timer { after: seconds, .. } => Some(seconds),
            _ => None,
        });
        pauses.chain(steps).fold(0.0, f64::max)
    };
    if !needs.contains(&Need::VirtualTime)
        && vectors.iter().chain([&vector]).any(|v| longest(v) > SHORT)
    {
        let message = format!("\"virtual-time\" is missing: something lasts over {SHORT} s");
        return Err(malformed("needs", message));
    }
    Ok(Case {
        name: name.to_owned(),
        rows,
        vector,
        needs,
    })
}

/// The vector of one row.
///
/// # Errors
/// When it is malformed.
pub(super) fn to_vector(name: &str, row: &Row) -> Result<Vector, Malformed> {
    let malformed = |key: String, message: &str| Malformed::Key {
        file: match row.label.as_str() {
            "" => name.to_owned(),
            label => format!("{name} ({label})"),
        },
        key,
        message: one_line(message),
    };
    // Steps and answers first, one by one: what is wrong with the whole would not say where.
    let steps = row.tree.get("steps").and_then(Value::as_array);
    for (index, step) in steps.into_iter().flatten().enumerate() {
        Step::deserialize_value(step)
            .map_err(|message| malformed(format!("steps[{index}]"), &message))?;
    }
    let origin = row.tree.get("origin").and_then(Value::as_table);
    for (target, answers) in origin.into_iter().flatten() {
        for (index, answer) in answers.as_array().into_iter().flatten().enumerate() {
            super::origin::Answer::deserialize_value(answer)
                .map_err(|message| malformed(format!("origin.\"{target}\"[{index}]"), &message))?;
        }
    }
    Vector::deserialize_value(&row.tree).map_err(|message| malformed("vector".into(), &message))
}

/// Reading a copy of a tree.
trait FromTree: serde::de::DeserializeOwned {
    fn deserialize_value(tree: &Value) -> Result<Self, String> {
        Self::deserialize(tree.clone()).map_err(|error| error.message().to_owned())
    }
}

impl<T: serde::de::DeserializeOwned> FromTree for T {}

/// What no type says.
fn check(vector: &Vector) -> Result<(), (&'static str, String)> {
    if vector.cases.is_empty() {
        return Err(("cases", "at least one id is expected".into()));
    }
    for case in &vector.cases {
        let family = case.split_once('-').filter(|(_, number)| {
            number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        // What no case speaks of is in a decision: D1.
        let decision = case
            .strip_prefix('D')
            .and_then(|number| number.parse().ok());
        let known = family.is_some_and(|(family, _)| FAMILIES.contains(&family));
        if !known && !decision.is_some_and(|number: u8| (1..=9).contains(&number)) {
            return Err(("cases", format!("{case} is no id of a case")));
        }
    }
    let ends = |step: &Step| matches!(step.op, Op::End {});
    let (_, before) = vector.steps.split_last().unzip();
    if before.is_some_and(|before: &[Step]| before.iter().any(ends)) {
        return Err(("steps", "end is the last one".into()));
    }
    let needs_closures = vector.steps.iter().any(|step| step.op.needs_closures());
    if vector.surface == Surface::Wit && needs_closures {
        return Err((
            "surface",
            "callbacks, hooks, cancellers and maps of stubs need \"rust\"".into(),
        ));
    }
    Ok(())
}

fn derived_needs(vector: &Vector) -> Vec<Need> {
    let answers = || vector.origin.values().flatten();
    let mut needs = Vec::new();
    if answers().any(super::origin::Answer::fails) {
        needs.push(Need::FaultCodes);
    }
    if answers().any(|answer| answer.raw.is_some()) || !vector.tls.is_empty() {
        needs.push(Need::Sockets);
    }
    let untyped = |step: &Step| matches!(step.op, Op::Mistyped { .. } | Op::Methods { .. });
    if vector.steps.iter().any(untyped) {
        needs.push(Need::Untyped);
    }
    let holds = |handshake: &Handshake| {
        matches!(handshake, Handshake::Trusted | Handshake::WantsCertificate)
    };
    if vector.connections.is_some() || vector.tls.values().any(holds) {
        needs.push(Need::OurSender);
    }
    needs
}

fn one_line(text: &str) -> String {
    text.trim().replace('\n', " ")
}
