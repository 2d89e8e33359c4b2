//! Rows and placeholders: what makes many plays of one file.

use toml::{Table, Value};

/// Fills in one row: a text that is `$name` becomes the row's value, `$name` in a text its text; then `<x*3>` becomes `xxx`.
pub(super) fn fill(tree: &Value, row: &Table) -> Result<Value, String> {
    Ok(match tree {
        Value::String(text) => match text.strip_prefix('$').and_then(|name| row.get(name)) {
            Some(Value::String(text)) => Value::String(repeated(text)),
            Some(value) => value.clone(),
            None => Value::String(repeated(&filled(text, row)?)),
        },
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| fill(item, row))
                .collect::<Result<_, _>>()?,
        ),
        Value::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, item)| Ok((filled(key, row)?, fill(item, row)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

fn filled(text: &str, row: &Table) -> Result<String, String> {
    if row.is_empty() {
        return Ok(text.to_owned());
    }
    let mut parts = text.split('$');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = part.find(|c| !is_name(c)).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        match row.get(name) {
            Some(Value::String(value)) => filled += value,
            Some(value) => filled += &to_line(value),
            None => return Err(format!("${name} is in no row, or not in each")),
        }
        filled += rest;
    }
    Ok(filled)
}

/// `<x*3>` stands for `xxx`.
fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, after) = rest.split_at(start);
        out += before;
        let found = after.find('>').and_then(|end| {
            let (what, count) = after.get(1..end)?.split_once('*')?;
            Some((what.repeat(count.parse().ok()?), end + 1))
        });
        let (text, end) = found.unwrap_or_else(|| ("<".to_owned(), 1));
        out += &text;
        rest = &after[end..];
    }
    out + rest
}

/// A row is known by its first text, in the order of the keys; by all of it when there is none.
pub(super) fn label(row: &Table) -> String {
    let text = row
        .get("name")
        .or_else(|| row.values().find(|value| value.is_str()));
    match text.and_then(Value::as_str) {
        Some(text) => text.chars().take(80).collect(),
        None => to_line(&Value::Table(row.clone())),
    }
}

/// A value in one line.
pub(super) fn to_line(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
