//! Planting falsehoods: every expectation of a vector, one at a time, made wrong. A suite that stays green then looks at nothing.

use super::fill::to_line;
use super::load::Case;
use toml::{Table, Value};

/// A copy of a vector in which one expectation is false.
#[derive(Clone, Debug)]
pub struct Falsehood {
    /// Where, and what it says instead.
    pub planted: String,
    /// The vector with it, its first row only.
    pub case: Case,
}

/// What a step expects, by the keys that say so. `error`, `response`, `requests` and `hops` are expectations all through.
const EXPECTATIONS: [&str; 20] = [
    "due",
    "is",
    "was-running",
    "bytes",
    "names",
    "finished",
    "ready",
    "interrupted",
    "nothing",
    "callbacks",
    "count",
    "took",
    "error",
    "response",
    "hops",
    "requests",
    "seconds",
    "called",
    "taken",
    "refused",
];

/// One falsehood for each expectation in the first row.
pub fn falsehoods(case: &Case) -> Vec<Falsehood> {
    let Some(row) = case.rows.first() else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    collect(&row.tree, &mut Vec::new(), false, &mut paths);
    let plant = |path: &Vec<Place>| {
        let mut case = case.clone();
        case.rows.truncate(1);
        let tree = &mut case.rows[0].tree;
        let now = match path.as_slice() {
            [above @ .., Place::Key(key), Place::Index(_)] if key == "absent" => {
                present(at(tree, above)?)?
            }
            _ => falsified(at(tree, path)?, path)?,
        };
        let planted = format!("{}: {}", shown(path), to_line(&now));
        *at(tree, path)? = now;
        Some(Falsehood { planted, case })
    };
    paths.iter().filter_map(plant).collect()
}

/// One step down a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Key(String),
    Index(usize),
}

fn collect(tree: &Value, path: &mut Vec<Place>, expects: bool, into: &mut Vec<Vec<Place>>) {
    match tree {
        Value::Table(table) => {
            for (key, item) in table {
                let inside = expects || is_expectation(key, path, table);
                path.push(Place::Key(key.clone()));
                if key != "origin" {
                    collect(item, path, inside, into);
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Place::Index(index));
                collect(item, path, expects, into);
                path.pop();
            }
        }
        _ if expects => into.push(path.clone()),
        _ => {}
    }
}

/// Some keys are an argument of one step and an expectation of another.
fn is_expectation(key: &str, path: &[Place], table: &Table) -> bool {
    let does = table.get("do").and_then(Value::as_str).unwrap_or_default();
    match key {
        "requests" => path.is_empty(),
        "seconds" => matches!(does, "deadline" | "default-deadline"),
        _ => path.len() == 2 && EXPECTATIONS.contains(&key),
    }
}

fn at<'a>(tree: &'a mut Value, path: &[Place]) -> Option<&'a mut Value> {
    path.iter().try_fold(tree, |tree, place| match place {
        Place::Key(key) => tree.get_mut(key),
        Place::Index(index) => tree.get_mut(index),
    })
}

fn shown(path: &[Place]) -> String {
    let parts = path.iter().map(|place| match place {
        Place::Key(key) => format!(".{key}"),
        Place::Index(index) => format!("[{index}]"),
    });
    parts.collect::<String>().trim_start_matches('.').to_owned()
}

/// The name of a header that must be there, as one that must not.
fn present(table: &Value) -> Option<Value> {
    table.get("headers")?.get(0)?.get(0).cloned()
}

fn falsified(value: &Value, path: &[Place]) -> Option<Value> {
    let key = path.iter().rev().find_map(|place| match place {
        Place::Key(key) => Some(key.as_str()),
        Place::Index(_) => None,
    });
    let other = |options: [&str; 2], text: &str| {
        let other = options.into_iter().find(|option| *option != text);
        Value::String(other.unwrap_or_default().to_owned())
    };
    Some(match value {
        Value::Boolean(truth) => Value::Boolean(!truth),
        Value::Integer(number) => Value::Integer(number + 1),
        Value::Float(number) => Value::Float(number + 1.0),
        Value::String(text) => match key? {
            "kind" => other(["misuse", "download"], text),
            "error" => other(["misuse", "invalid-argument"], text),
            "phase" => other(["tls", "local"], text),
            "is" => other(["idle", "finishing"], text),
            "outcome" => other(["open", "failed"], text),
            _ => Value::String(format!("{text}-not")),
        },
        _ => return None,
    })
}
