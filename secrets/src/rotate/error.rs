use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::SecretError;
use crate::source::{SourceError, SourceErrorKind};
use crate::strength::WeakSecret;

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
    Panicked,
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
    /// The source, a parser, a check or the trial run panicked. The next load tries again.
    Panicked,
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
            Self::Panicked => "panicked",
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
            Fault::Panicked => RotateErrorKind::Panicked,
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
            Fault::Panicked => write!(f, "loading secret {name:?} panicked"),
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
/// The text goes into logs, and errors of parsers often quote what they could not read. So it is made of a text that
/// was there before the value, or of errors that are known to quote nothing; any other says so by
/// [its name](Self::public).
///
/// ```compile_fail
/// # use portcullis_secrets::rotate::Rejected;
/// let _ = "not a number".parse::<u16>().map_err(Rejected::from);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected(Cow<'static, str>);

impl Rejected {
    /// A refusal for the reason `why`, which must not contain anything of the value.
    #[must_use]
    pub fn public(why: String) -> Self {
        Self(why.into())
    }
}

impl From<&'static str> for Rejected {
    fn from(why: &'static str) -> Self {
        Self(why.into())
    }
}

impl From<SecretError> for Rejected {
    fn from(why: SecretError) -> Self {
        Self::public(why.to_string())
    }
}

impl From<WeakSecret> for Rejected {
    fn from(why: WeakSecret) -> Self {
        Self::public(why.to_string())
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
