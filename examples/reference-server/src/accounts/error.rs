//! Why nobody was signed in, as far as somebody may know.

use std::fmt::Display;
use std::time::Duration;

use portcullis_auth_core::password::PasswordError;
use portcullis_auth_core::refresh::{LoginError, LoginErrorKind};
use portcullis_auth_core::store::StoreError as AuthStoreError;
use portcullis_auth_core::totp::{TotpError, TotpErrorKind};

use crate::store::StoreError;

/// Why nobody was signed in.
#[derive(Debug)]
pub(crate) enum SignInError {
    /// Something of it was wrong: the caller is not told what.
    Wrong,
    /// The code or the challenge of a second factor was wrong.
    WrongCode,
    /// There were too many attempts; seconds until the next is looked at.
    Limited(u64),
    /// The second factor takes no more codes: a recovery code is needed.
    Frozen,
    /// It could not be found out.
    Unavailable {
        retry_after: Option<Duration>,
        cause: String,
    },
}

pub(super) fn unavailable(error: &dyn Display, retry_after: Option<Duration>) -> SignInError {
    SignInError::Unavailable {
        retry_after,
        cause: error.to_string(),
    }
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        AuthStoreError::from(error).into()
    }
}

impl From<AuthStoreError> for SignInError {
    fn from(error: AuthStoreError) -> Self {
        unavailable(&error, error.retry_after())
    }
}

impl From<TotpError> for SignInError {
    fn from(error: TotpError) -> Self {
        match error.kind() {
            TotpErrorKind::WrongCode
            | TotpErrorKind::InvalidChallenge
            | TotpErrorKind::Exhausted => Self::WrongCode,
            TotpErrorKind::Limited => Self::Limited(seconds(error.retry_after())),
            TotpErrorKind::Frozen => Self::Frozen,
            _ => unavailable(&error, error.retry_after()),
        }
    }
}

impl From<LoginError> for SignInError {
    fn from(error: LoginError) -> Self {
        match error.kind() {
            // The password was changed, or the account disabled, while it was being checked.
            LoginErrorKind::EpochMoved => Self::Wrong,
            _ => unavailable(&error, Some(Duration::from_secs(1))),
        }
    }
}

/// Whole seconds, rounded up, one at least.
fn seconds(duration: Option<Duration>) -> u64 {
    let duration = duration.unwrap_or_default();
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

pub(super) fn password_failed(error: &PasswordError) -> SignInError {
    unavailable(error, error.retry_after())
}
