//! What a command prints, for people or for scripts, and how it fails.

use std::error::Error as StdError;
use std::io::{self, Write as _};
use std::path::Path;

/// The exit code of a failure.
pub const FAILED: u8 = 1;
/// The exit code of a wrong command line or configuration.
pub const USAGE: u8 = 2;

/// Whom to print for.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// For scripts.
    pub json: bool,
}

/// An answer in both forms.
pub struct Printed {
    /// For people.
    pub text: String,
    /// For scripts.
    pub json: serde_json::Value,
}

impl Output {
    /// Prints an answer to standard output.
    pub fn answer(self, printed: Printed) -> Result<(), Failure> {
        let text = if self.json { format!("{}\n", printed.json) } else { printed.text };
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Whoever reads us had enough.
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|source| Failure::io("writing the answer", source)),
        }
    }

    /// Says something beside the answer.
    pub fn aside(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says why a command failed.
    pub fn failure(self, failure: &Failure) {
        let mut text = failure.to_string();
        let mut source = failure.source();
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        let mut err = io::stderr().lock();
        let _ = match self.json {
            true => writeln!(err, "{}", serde_json::json!({ "error": text })),
            false => writeln!(err, "error: {text}"),
        };
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::Invalid),
    /// A flag's value makes no sense.
    #[error("{flag}: {what}")]
    Flag {
        /// The flag or argument.
        flag: &'static str,
        /// What it must be.
        what: String,
    },
    /// Refused, in words that say what to do.
    #[error("{0}")]
    Refused(String),
    /// The operating system failed.
    #[error("{doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Keys failed or were refused.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The log cannot be set up as asked.
    #[error(transparent)]
    Telemetry(#[from] platform_telemetry::TelemetryError),
    /// A file of rows failed.
    #[error(transparent)]
    Store(#[from] platform_store::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Flag { .. } | Self::Telemetry(_) => USAGE,
            Self::Refused(_) | Self::Io { .. } | Self::Identity(_) | Self::Store(_) => FAILED,
        }
    }

    /// A flag's value that makes no sense.
    pub fn flag(flag: &'static str) -> impl FnOnce(&dyn StdError) -> Self {
        move |why| Self::Flag { flag, what: why.to_string() }
    }

    /// A failure of the operating system.
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }

    /// The same, about a path.
    pub fn path(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        move |source| Self::Io { doing, source }
    }
}
