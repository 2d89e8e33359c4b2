//! The log: lines on stderr, for people or for machines.

use serde_json::Value;
use std::fmt::{self, Debug};
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text: time, level, what it is about, and `key=value`.
    #[default]
    Text,
    /// A JSON object: `time`, `level`, `target`, `message` when there is one, and the other keys beside them.
    Json,
}

/// What is logged unless the environment variable `RUST_LOG` says otherwise.
const FILTER: &str = "info";

/// Sends what this process logs to stderr, from now on and for good. Does nothing when somebody did it before.
pub fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // The only failure is that there is a log already.
    let _ = match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.event_format(JsonLines).try_init(),
    };
}

/// Events as JSON objects. A field that was given by `%` and writes JSON under `{:#}` becomes what it is; see [`RAW`].
struct JsonLines;

/// The one field whose value is JSON already.
const RAW: &str = "outbound";

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"time\":\"")?;
        SystemTime.format_time(&mut writer)?;
        let metadata = event.metadata();
        write!(
            writer,
            "\",\"level\":\"{}\",\"target\":{}",
            metadata.level(),
            Value::from(metadata.target())
        )?;
        let mut fields = Fields {
            writer,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        fields.writer.write_str("}\n")
    }
}

struct Fields<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if self.result.is_ok() {
            self.result = write!(self.writer, ",\"{}\":{}", field.name(), value.into());
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == RAW {
            if self.result.is_ok() {
                self.result = write!(self.writer, ",\"{RAW}\":{value:#?}");
            }
            return;
        }
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

/// What a closure logs on its own thread, by the JSON format.
#[cfg(test)]
pub(super) fn logged(log: impl FnOnce()) -> Vec<Value> {
    use std::io;
    use std::sync::{Arc, Mutex};
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .event_format(JsonLines)
        .finish();
    tracing::subscriber::with_default(subscriber, log);
    let bytes = written.0.lock().unwrap();
    let lines = std::str::from_utf8(&bytes).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_with_the_fields_as_they_are() {
        let lines = logged(|| {
            tracing::warn!(target: "here", text = "a \"b\"\n", number = 3, is = true, shown = ?Some(1), none = None::<u64>, "said");
        });
        let [line] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert_eq!(
            (&line["level"], &line["target"], &line["message"]),
            (&"WARN".into(), &"here".into(), &"said".into())
        );
        assert_eq!(
            (&line["text"], &line["number"], &line["is"]),
            (&"a \"b\"\n".into(), &3.into(), &true.into())
        );
        assert_eq!(
            (&line["shown"], &line["none"]),
            (&"Some(1)".into(), &Value::Null)
        );
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }
}
