//! Reading single arguments, and saying in one line what is wrong with one.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::net::SocketAddr;

/// The six methods. What else the component may refuse, it refuses itself; this list is for `--help` and for naming the option.
pub(crate) const METHODS: [&str; 6] = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH"];

/// A length of time in seconds.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        Ok(_) => Err("must be a number of seconds greater than zero".into()),
        Err(_) => Err("is not a number of seconds".into()),
    }
}

/// An address to listen at.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
    })
}

/// A method, in any case.
pub(crate) fn method(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        Ok(upper)
    } else {
        Err(format!("is none of {}", METHODS.join(", ")))
    }
}

/// A header line.
pub(crate) fn header(text: &str) -> Result<(String, Vec<u8>), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("is not of the form 'Name: value'")?;
    let value = value.trim_matches([' ', '\t']);
    http::HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{name}' is not a name for a header"))?;
    http::HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| "its value has a control character (CR, LF, NUL, ...)")?;
    Ok((name.to_owned(), value.as_bytes().to_vec()))
}

/// What clap has to say, without its hints: `invalid value 'x' for '--deadline <SECONDS>': reason`.
pub(crate) fn reason(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // clap's words are the whole help.
        return "a subcommand is missing: fetch, serve, tasks, compose, component or demo (see urlfetch --help)"
            .into();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = [
        "\n\nUsage:",
        "\n\nFor more information",
        "\n\n  tip:",
        "\n\ntip:",
    ]
    .iter()
    .filter_map(|mark| text.find(mark))
    .min();
    let text = &text[..end.unwrap_or(text.len())];
    // Values with control characters are shown as they were given; on one line they must not break it.
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => {
            text.replace(value.as_str(), &value.escape_debug().to_string())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{header, method, seconds};

    #[test]
    fn a_deadline_is_finite_and_greater_than_zero() {
        assert_eq!(seconds("0.25"), Ok(0.25));
        for bad in ["0", "-0", "-1", "NaN", "inf", "1e999", "", "1s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn methods_are_caseless() {
        assert_eq!(method("patch").as_deref(), Ok("PATCH"));
        assert!(method("OPTIONS").is_err());
        assert!(method("").is_err());
    }

    #[test]
    fn a_header_keeps_the_spelling_of_its_name_and_loses_the_space_around_its_value() {
        assert_eq!(
            header("X-Trace:  a: b \t"),
            Ok(("X-Trace".into(), b"a: b".to_vec()))
        );
        assert_eq!(header("Empty:"), Ok(("Empty".into(), vec![])));
        for bad in ["no colon", ": x", "a b: c", "x: a\0b", "x: a\nb"] {
            assert!(header(bad).is_err(), "{bad:?}");
        }
    }
}
