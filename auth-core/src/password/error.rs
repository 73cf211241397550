use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::{PepperId, Rejection};
use crate::store::{StoreError, StoreErrorKind};

/// A setting that no service should have. The text is a sentence for whoever set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSetting(pub(super) &'static str);

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidSetting {}

/// Why there is no answer, or a password was not taken. A wrong password at sign-in is no error but
/// [`Verdict::Wrong`](super::Verdict::Wrong).
#[derive(Debug)]
pub struct PasswordError(Box<Fault>);

#[derive(Debug)]
pub(super) enum Fault {
    Length,
    Refused(Rejection),
    WrongCurrent,
    ResetToken,
    Changed,
    Busy,
    ParamsRejected,
    PepperUnknown(PepperId),
    UnknownScheme,
    Malformed,
    NoRandomness(getrandom::Error),
    Stopped(tokio::task::JoinError),
    Store(StoreError),
}

/// The causes of a [`PasswordError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordErrorKind {
    /// A password has 1 to 1,024 bytes. Nothing was hashed or looked up. Asks the client for another: `422`.
    Length,
    /// The policy refuses the password: see [`PasswordError::rejection`]. `422`.
    Refused,
    /// To change a password takes the current one, and what was given is not it. `401`, counted as a failed sign-in.
    WrongCurrent,
    /// The reset token is unknown, used, replaced by a newer one, or too old. `400`.
    ResetToken,
    /// The account's password was changed by somebody else in the meantime, or the account is gone. `409`.
    Changed,
    /// More hashes wait than can be made in time. `503` with `Retry-After`.
    Busy,
    /// The stored hash asks for more, or for less, than any hash should: nothing was hashed. `500`.
    ParamsRejected,
    /// The stored hash was made with a pepper that is not known: nobody could verify it. `500`.
    PepperUnknown,
    /// The stored hash is of a kind that is not known here. `500`.
    UnknownScheme,
    /// The stored hash is of a known kind, and broken. `500`.
    Malformed,
    /// The operating system has no random bytes. `500`.
    NoRandomness,
    /// The runtime is shutting down, or a scheme of the caller's panicked. `503`.
    Stopped,
    /// A store or the breach checker did not answer. `503`.
    Store(StoreErrorKind),
}

impl PasswordError {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> PasswordErrorKind {
        match &*self.0 {
            Fault::Length => PasswordErrorKind::Length,
            Fault::Refused(_) => PasswordErrorKind::Refused,
            Fault::WrongCurrent => PasswordErrorKind::WrongCurrent,
            Fault::ResetToken => PasswordErrorKind::ResetToken,
            Fault::Changed => PasswordErrorKind::Changed,
            Fault::Busy => PasswordErrorKind::Busy,
            Fault::ParamsRejected => PasswordErrorKind::ParamsRejected,
            Fault::PepperUnknown(_) => PasswordErrorKind::PepperUnknown,
            Fault::UnknownScheme => PasswordErrorKind::UnknownScheme,
            Fault::Malformed => PasswordErrorKind::Malformed,
            Fault::NoRandomness(_) => PasswordErrorKind::NoRandomness,
            Fault::Stopped(_) => PasswordErrorKind::Stopped,
            Fault::Store(error) => PasswordErrorKind::Store(error.kind()),
        }
    }

    /// Why the policy refuses the password, if that is what happened.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        match &*self.0 {
            Fault::Refused(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The pepper that is not known, if that is what happened.
    #[must_use]
    pub fn pepper(&self) -> Option<&PepperId> {
        match &*self.0 {
            Fault::PepperUnknown(id) => Some(id),
            _ => None,
        }
    }

    /// After how long another try may succeed; none if it will not by itself.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.0 {
            Fault::Busy | Fault::Stopped(_) => Some(Duration::from_secs(1)),
            Fault::Store(error) => error.retry_after(),
            _ => None,
        }
    }

    /// One word for events and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &*self.0 {
            Fault::Length => "length",
            Fault::Refused(_) => "refused",
            Fault::WrongCurrent => "wrong_current",
            Fault::ResetToken => "reset_token",
            Fault::Changed => "changed",
            Fault::Busy => "busy",
            Fault::ParamsRejected => "params_rejected",
            Fault::PepperUnknown(_) => "pepper_unknown",
            Fault::UnknownScheme => "unknown_scheme",
            Fault::Malformed => "malformed",
            Fault::NoRandomness(_) => "no_randomness",
            Fault::Stopped(_) => "stopped",
            Fault::Store(_) => "store",
        }
    }
}

impl From<Fault> for PasswordError {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault))
    }
}

impl From<Rejection> for PasswordError {
    fn from(rejection: Rejection) -> Self {
        Fault::Refused(rejection).into()
    }
}

impl From<StoreError> for PasswordError {
    fn from(error: StoreError) -> Self {
        Fault::Store(error).into()
    }
}

impl From<getrandom::Error> for PasswordError {
    fn from(error: getrandom::Error) -> Self {
        Fault::NoRandomness(error).into()
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Fault::Length => "a password has 1 to 1024 bytes",
            Fault::Refused(rejection) => return rejection.fmt(f),
            Fault::WrongCurrent => "the current password is wrong",
            Fault::ResetToken => "the reset token is not valid",
            Fault::Changed => "the password was changed in the meantime",
            Fault::Busy => "too many passwords are being checked",
            Fault::ParamsRejected => "the stored hash has parameters out of bounds",
            Fault::PepperUnknown(id) => {
                return write!(f, "the stored hash names the unknown pepper {id}");
            }
            Fault::UnknownScheme => "the stored hash is of an unknown kind",
            Fault::Malformed => "the stored hash cannot be read",
            Fault::NoRandomness(_) => "the operating system has no random bytes",
            Fault::Stopped(_) => "the check of the password was stopped",
            Fault::Store(_) => "passwords cannot be looked up or stored at the moment",
        })
    }
}

impl Error for PasswordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            Fault::NoRandomness(error) => Some(error),
            Fault::Stopped(error) => Some(error),
            Fault::Store(error) => Some(error),
            _ => None,
        }
    }
}
