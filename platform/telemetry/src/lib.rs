//! Logs: lines on standard error, pretty for people or JSON for programs. Everything that is logged is a sentence
//! with fields; bodies and headers never are, and secrets are `kernel::Secret`, which prints as `***`.

use std::io::{self, IsTerminal as _};
use std::str::FromStr;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::util::SubscriberInitExt as _;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Pretty on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Coloured where it is a terminal.
    Pretty,
    /// One object a line: `timestamp`, `level`, `message` and the fields.
    Json,
}

/// A word that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a log format is one of: auto, pretty, json")]
pub struct InvalidFormat;

impl FromStr for Format {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        match text {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(InvalidFormat),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not understood.
    #[error("the log filter {filter:?} is not understood")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// This process has set up its logging before.
    #[error("logging is set up already")]
    Again(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up this process's logging, panics included. `filter` is a level (`info`) or a list as in
/// `info,platform_http=debug`.
pub fn init(format: Format, filter: &str) -> Result<(), TelemetryError> {
    let is_terminal = io::stderr().is_terminal();
    subscriber(format, filter, is_terminal, io::stderr)?.try_init().map_err(TelemetryError::Again)?;
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, panic = text.unwrap_or("no message"), "a task panicked");
    }));
    Ok(())
}

type Boxed = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(format: Format, filter: &str, is_terminal: bool, writer: W) -> Result<Boxed, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let parsed = EnvFilter::try_new(filter);
    let filter = parsed.map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let lines = fmt::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    let is_pretty = format == Format::Pretty || format == Format::Auto && is_terminal;
    Ok(if is_pretty {
        Box::new(lines.with_ansi(is_terminal).finish())
    } else {
        Box::new(lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, filter: &str, is_terminal: bool) -> String {
        let lines = Lines::default();
        let made = lines.clone();
        let subscriber = subscriber(format, filter, is_terminal, move || made.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(account.id = "acc_1", count = 2, "account\nopened");
            tracing::debug!("not shown");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_carry_time_level_message_and_fields() {
        let text = written(Format::Auto, "info", false);
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "account\nopened");
        assert_eq!(line["account.id"], "acc_1");
        assert_eq!(line["count"], 2);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn pretty_lines_are_plain_where_it_is_no_terminal() {
        let text = written(Format::Pretty, "info", false);
        assert!(text.contains("INFO") && text.contains("account.id=\"acc_1\""), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(written(Format::Auto, "info", true).contains('\u{1b}'));
        assert_eq!(written(Format::Json, "error", false), "");
    }

    #[test]
    fn words_are_checked() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("xml".parse::<Format>(), Err(InvalidFormat));
        assert!(matches!(init(Format::Auto, "a=b=c"), Err(TelemetryError::Filter { .. })));
    }
}
