use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::source::{SourceError, SourceErrorKind};

/// Why a value was not taken over. The one before it, if there is one, stays in force.
#[derive(Clone, Debug)]
pub struct RotateError(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Box<str>,
    fault: Fault,
}

#[derive(Clone, Debug)]
pub(super) enum Fault {
    Source(SourceError),
    Weak(Rejected),
    Rejected(Rejected),
    TimedOut,
    NoRuntime,
}

/// The causes of a [`RotateError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateErrorKind {
    /// The source did not deliver.
    Source(SourceErrorKind),
    /// The value is too weak.
    Weak,
    /// The value did not pass parsing, a check or the trial run.
    Rejected,
    /// Loading and trying the value took longer than the deadline.
    TimedOut,
    /// There is no tokio runtime to run in.
    NoRuntime,
}

impl RotateErrorKind {
    /// A fixed name of the kind, for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source(kind) => kind.as_str(),
            Self::Weak => "weak",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::NoRuntime => "no_runtime",
        }
    }
}

impl RotateError {
    pub(super) fn new(name: &str, fault: Fault) -> Self {
        let name = name.into();
        Self(Arc::new(Inner { name, fault }))
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> RotateErrorKind {
        match &self.0.fault {
            Fault::Source(error) => RotateErrorKind::Source(error.kind()),
            Fault::Weak(_) => RotateErrorKind::Weak,
            Fault::Rejected(_) => RotateErrorKind::Rejected,
            Fault::TimedOut => RotateErrorKind::TimedOut,
            Fault::NoRuntime => RotateErrorKind::NoRuntime,
        }
    }
}

impl fmt::Display for RotateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.0.name;
        match &self.0.fault {
            Fault::Source(_) => write!(f, "secret {name:?} could not be loaded"),
            Fault::Weak(why) => write!(f, "secret {name:?} is too weak: {why}"),
            Fault::Rejected(why) => write!(f, "secret {name:?} was not accepted: {why}"),
            Fault::TimedOut => write!(f, "secret {name:?} was not loaded in time"),
            Fault::NoRuntime => write!(
                f,
                "secret {name:?} needs a tokio runtime to be kept up to date"
            ),
        }
    }
}

impl Error for RotateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.fault {
            Fault::Source(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a parser, a check or a trial run refuses a value.
///
/// The text goes into logs. Errors of parsers often quote what they could not read: say what is wrong in words of your
/// own rather than pass such an error on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected(Box<str>);

impl Rejected {
    /// A refusal for the reason `why`, which must not contain anything secret.
    #[must_use]
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string().into())
    }
}

impl From<&'static str> for Rejected {
    fn from(why: &'static str) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Rejected {}

/// The lease of a secret has ended and no newer value could be loaded: it must not be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseEnded;

impl fmt::Display for LeaseEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lease of the secret has ended and it could not be loaded anew")
    }
}

impl Error for LeaseEnded {}
