//! The events of `portcullis::audit` that tell of secrets and keys. None has a value; a version is no help in guessing one.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::{KeyState, RotateError, RotateErrorKind};
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

pub(super) fn unwatched(name: &str, cause: &io::Error) {
    tracing::warn!(
        target: "portcullis::audit",
        event = "secret_unwatched",
        outcome = "failure",
        secret_name = name,
        detail = "not all of its files can be watched; they are polled",
        cause = %cause,
    );
}

/// A key has come to this state. That it is removed is no event: it has verified nothing for an hour at least.
pub(super) fn key(purpose: &str, id: &str, state: KeyState) {
    let event = match state {
        KeyState::Pending => "key_published",
        KeyState::Active => "key_activated",
        KeyState::Retiring => "key_retired",
        KeyState::Revoked => "key_revoked",
        KeyState::Removed => return,
    };
    tracing::info!(
        target: "portcullis::audit",
        event,
        outcome = "success",
        key_purpose = purpose,
        key_id = id,
    );
}
