//! The server's own log lines, on standard output beside the access log's.

use std::ffi::OsString;
use std::io::{IsTerminal as _, stdout};

use portcullis_observability_layers::admin::LogLevel;
use portcullis_secrets::redact::tracing::{RedactMakeWriter, redacted_json, redacted_text};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, reload};

use crate::redaction::redactor;
use crate::settings::{LogFilter, LogFormat};

/// Writes what `filter` lets through, from now on and from everywhere in the process. The filter can
/// be changed by what is returned.
pub(crate) fn start(filter: Targets, format: LogFormat) -> LogLevel {
    let redactor = redactor();
    // Values are redacted before they are formatted, and the line once more: it also has names of
    // spans and targets, and puts side by side what was apart.
    let writer = RedactMakeWriter::new(redactor.clone(), stdout);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => redacted_json(lines.json().flatten_event(true), redactor).boxed(),
        LogFormat::Pretty => {
            redacted_text(lines.with_ansi(stdout().is_terminal()), redactor).boxed()
        }
    };
    let (filter, handle) = reload::Layer::new(filter);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .init();
    warn_of_ignored(std::env::vars_os().map(|(name, _)| name));
    let current = handle.clone();
    LogLevel::new(
        move || {
            current
                .with_current(ToString::to_string)
                .unwrap_or_default()
        },
        move |text| {
            let LogFilter(filter) = text.parse().map_err(|error| format!("{error}"))?;
            handle.reload(filter).map_err(|error| error.to_string())
        },
    )
}

/// OpenTelemetry's variables are often set for all processes of a machine, so they are no fault; but
/// whoever set them for this one should know.
fn warn_of_ignored(variables: impl Iterator<Item = OsString>) {
    let mut ignored: Vec<_> = variables
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("OTEL_"))
        .collect();
    ignored.sort_unstable();
    if !ignored.is_empty() {
        tracing::warn!(
            variables = ignored.join(", "),
            "OpenTelemetry is not supported by this version yet"
        );
    }
}
