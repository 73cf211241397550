//! The events of `portcullis::audit` that tell of secrets and keys. None has a value; a version is no help in guessing one.

use std::time::Duration;

use super::{RotateError, RotateErrorKind};
use crate::source::Version;

pub(super) fn loaded(name: &str, version: Version) {
    tracing::info!(
        target: "portcullis::audit",
        event = "secret_loaded",
        outcome = "success",
        secret_name = name,
        secret_version = %version,
    );
}

pub(super) fn rotated(name: &str, version: Version, previous: Option<Version>, keep: Duration) {
    tracing::info!(
        target: "portcullis::audit",
        event = "secret_rotated",
        outcome = "success",
        secret_name = name,
        secret_version = %version,
        previous_version = previous.map(tracing::field::display),
        previous_kept_seconds = keep.as_secs(),
    );
}

/// `age` is that of the value which stays in force; none, if there is none to stay.
pub(super) fn failed(name: &str, error: &RotateError, age: Option<Duration>) {
    use std::error::Error;
    if error.kind() == RotateErrorKind::Weak {
        tracing::warn!(
            target: "portcullis::audit",
            event = "secret_weak",
            outcome = "blocked",
            secret_name = name,
            detail = %error,
        );
    }
    tracing::warn!(
        target: "portcullis::audit",
        event = "secret_rotation_failed",
        outcome = "failure",
        reason = error.kind().as_str(),
        secret_name = name,
        detail = %error,
        cause = error.source().map(tracing::field::display),
        age_seconds = age.map(|age| age.as_secs()),
    );
}

pub(super) fn stale(name: &str, age: Duration, reason: &'static str) {
    tracing::warn!(
        target: "portcullis::audit",
        event = "secret_stale",
        outcome = "failure",
        reason,
        secret_name = name,
        age_seconds = age.as_secs(),
    );
}
