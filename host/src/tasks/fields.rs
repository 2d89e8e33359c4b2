//! Reading protobuf's JSON: names in camelCase or snake_case, enums by name or number, numbers as text, base64 in four spellings.

use super::moment::{Moment, parse_duration};
use super::status::Status;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// Padded or not.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The fields of an object, taken out one by one. What is left over is unknown.
pub(crate) struct Fields {
    left: Map<String, Value>,
    /// Where it lies, in snake_case and dots, as Google's errors say it.
    path: String,
}

impl Fields {
    /// The object that a body is; an empty body is an empty object.
    pub(crate) fn of_body(body: &[u8]) -> Result<Self, Status> {
        let left = match body.trim_ascii() {
            [] => Map::new(),
            text => match serde_json::from_slice(text) {
                Ok(Value::Object(left)) => left,
                Ok(_) => {
                    return Err(Status::malformed(
                        "Invalid JSON payload received. The body is not an object.",
                    ));
                }
                Err(error) => {
                    return Err(Status::malformed(format!(
                        "Invalid JSON payload received. {error}."
                    )));
                }
            },
        };
        Ok(Fields {
            left,
            path: String::new(),
        })
    }

    /// Takes a field out, by its name in snake_case; null is absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        let camel = self.left.remove(&camel(name));
        let snake = self.left.remove(name);
        camel.or(snake).filter(|value| !value.is_null())
    }

    fn at(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// Why a value is refused.
    fn invalid(&self, name: &str, value: &Value) -> Status {
        let mut shown = value.to_string();
        if shown.len() > 100 {
            shown = shown.chars().take(100).chain("...".chars()).collect();
        }
        Status::malformed(format!("Invalid value at '{}', {shown}", self.at(name)))
    }

    /// An object inside this one.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Fields>, Status> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(left)) => Ok(Some(Fields {
                left,
                path: self.at(name),
            })),
            Some(other) => Err(self.invalid(name, &other)),
        }
    }

    /// The objects of a list.
    pub(crate) fn objects(&mut self, name: &str) -> Result<Vec<Fields>, Status> {
        let items = self.list(name)?.into_iter().enumerate();
        items
            .map(|(index, item)| match item {
                Value::Object(left) => Ok(Fields {
                    left,
                    path: format!("{}[{index}]", self.at(name)),
                }),
                other => Err(self.invalid(&format!("{name}[{index}]"), &other)),
            })
            .collect()
    }

    /// The texts of a list.
    pub(crate) fn list_of_texts(&mut self, name: &str) -> Result<Vec<String>, Status> {
        let items = self.list(name)?.into_iter().enumerate();
        items
            .map(|(index, item)| match item {
                Value::String(text) => Ok(text),
                other => Err(self.invalid(&format!("{name}[{index}]"), &other)),
            })
            .collect()
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, Status> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.invalid(name, &other)),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Status> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.invalid(name, &other)),
        }
    }

    /// An integer, as a number or as text.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Status> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = match &value {
            Value::Number(number) => number.as_i64().or_else(|| {
                number
                    .as_f64()
                    .filter(|n| n.fract() == 0.0 && n.abs() < 9e15)
                    .map(|n| n as i64)
            }),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.invalid(name, &value))
    }

    pub(crate) fn float(&mut self, name: &str) -> Result<Option<f64>, Status> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .map(Some)
            .ok_or_else(|| self.invalid(name, &value))
    }

    /// One of `names`, whose numbers are their places.
    pub(crate) fn name_of(
        &mut self,
        name: &str,
        names: &[&'static str],
    ) -> Result<Option<&'static str>, Status> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let found = match &value {
            Value::Number(number) => number
                .as_u64()
                .and_then(|place| names.get(usize::try_from(place).ok()?)),
            Value::String(text) => names.iter().find(|name| *name == text),
            _ => None,
        };
        found
            .map(|name| Some(*name))
            .ok_or_else(|| self.invalid(name, &value))
    }

    pub(crate) fn moment(&mut self, name: &str) -> Result<Option<Moment>, Status> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        Moment::parse(&text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, &text.into()))
    }

    /// Microseconds.
    pub(crate) fn duration(&mut self, name: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        parse_duration(&text)
            .map(Some)
            .ok_or_else(|| self.invalid(name, &text.into()))
    }

    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let alphabet = if text.contains(['-', '_']) {
            &URL_SAFE
        } else {
            &STANDARD
        };
        let decoded = GeneralPurpose::new(alphabet, LENIENT).decode(&text);
        decoded
            .map(Some)
            .map_err(|_| self.invalid(name, &text.into()))
    }

    /// Text by text, in the order of the names.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<(String, String)>, Status> {
        let Some(inner) = self.object(name)? else {
            return Ok(Vec::new());
        };
        let mut pairs = Vec::new();
        for (key, value) in &inner.left {
            match value {
                Value::String(text) => pairs.push((key.clone(), text.clone())),
                other => return Err(inner.invalid(key, other)),
            }
        }
        Ok(pairs)
    }

    /// Whether it was said at all. Its value does not matter.
    pub(crate) fn is_said(&mut self, name: &str) -> bool {
        self.take(name).is_some()
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Status> {
        let Some(name) = self.left.keys().next() else {
            return Ok(());
        };
        let at = match self.path.as_str() {
            "" => String::new(),
            path => format!(" at '{path}'"),
        };
        Err(Status::malformed(format!(
            "Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."
        )))
    }
}

fn camel(name: &str) -> String {
    let mut upper = false;
    let mut camel = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            _ if std::mem::take(&mut upper) => camel.push(letter.to_ascii_uppercase()),
            _ => camel.push(letter),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of_body(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_are_read_in_both_spellings() {
        for text in [r#"{"http_method": "x"}"#, r#"{"httpMethod": "x"}"#] {
            let mut fields = fields(text);
            assert_eq!(fields.text("http_method").unwrap().as_deref(), Some("x"));
            assert_eq!(fields.end(), Ok(()));
        }
    }

    #[test]
    fn an_unknown_name_is_named_with_its_place() {
        let mut outer = fields(r#"{"task": {"x": 1}}"#);
        let inner = outer.object("task").unwrap().unwrap();
        let message =
            "Invalid JSON payload received. Unknown name \"x\" at 'task': Cannot find field.";
        assert_eq!(inner.end().unwrap_err().message, message);
    }

    #[test]
    fn base64_is_read_in_four_spellings() {
        // 0xfb 0xff is "+/8=" or "-_8=".
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            let mut fields = fields(&format!(r#"{{"body": "{text}"}}"#));
            assert_eq!(
                fields.bytes("body").unwrap(),
                Some(vec![0xfb, 0xff]),
                "{text}"
            );
        }
        for text in ["+_8=", "a b", "====", "A"] {
            let mut fields = fields(&format!(r#"{{"body": "{text}"}}"#));
            assert!(fields.bytes("body").is_err(), "{text}");
        }
    }

    #[test]
    fn enums_come_as_names_and_as_numbers() {
        const NAMES: &[&str] = &["UNSET", "POST", "GET"];
        for (value, name) in [("1", "POST"), ("\"GET\"", "GET"), ("0", "UNSET")] {
            let mut fields = fields(&format!(r#"{{"m": {value}}}"#));
            assert_eq!(fields.name_of("m", NAMES), Ok(Some(name)));
        }
        for value in ["3", "-1", "\"get\"", "1.5", "true"] {
            let mut fields = fields(&format!(r#"{{"m": {value}}}"#));
            assert!(fields.name_of("m", NAMES).is_err(), "{value}");
        }
    }

    #[test]
    fn numbers_come_as_text_too_and_null_is_nothing() {
        let mut fields = fields(r#"{"a": "12", "b": 12, "c": null, "d": 1.5, "e": "0.5"}"#);
        assert_eq!(fields.integer("a"), Ok(Some(12)));
        assert_eq!(fields.integer("b"), Ok(Some(12)));
        assert_eq!(fields.integer("c"), Ok(None));
        assert!(fields.integer("d").is_err());
        assert_eq!(fields.float("e"), Ok(Some(0.5)));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["[]", "1", "{", "{\"a\":}", "\u{0}"] {
            assert!(Fields::of_body(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Fields::of_body(b" \n").is_ok());
    }
}
