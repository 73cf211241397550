use std::fmt;

use super::PasswordError;

/// Why a password may not be chosen. It holds nothing of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It has fewer code points than the policy asks for.
    TooShort {
        /// How many it asks for.
        min: usize,
    },
    /// It has more code points than the policy allows.
    TooLong {
        /// How many it allows.
        max: usize,
    },
    /// It is in the list of common passwords, or nearly.
    Common,
    /// It is a run, a single word, or otherwise guessed soon.
    Predictable,
    /// It is one short text again and again.
    Repeated,
    /// It is a name that belongs to the account or the service, and little more.
    ContextWord,
    /// It is the current one.
    Current,
    /// It is in the list of known breaches.
    Breached,
}

impl Reason {
    /// One word for answers, to be translated there.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::Common => "common",
            Self::Predictable => "predictable",
            Self::Repeated => "repeated",
            Self::ContextWord => "context_word",
            Self::Current => "current",
            Self::Breached => "breached",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort { min } => {
                return write!(f, "the password has fewer than {min} characters");
            }
            Self::TooLong { max } => {
                return write!(f, "the password has more than {max} characters");
            }
            Self::Common => "the password is one of those that are tried first",
            Self::Predictable => "the password is easy to guess",
            Self::Repeated => "the password is one short text again and again",
            Self::ContextWord => {
                "the password is little more than a name that belongs to this account or service"
            }
            Self::Current => "the password is the current one",
            Self::Breached => "the password is known from a breach of another service",
        })
    }
}

/// All that is wrong with a password: one [`Reason`] at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection(Vec<Reason>);

impl Rejection {
    pub(in super::super) fn add(&mut self, reason: Reason) {
        self.0.push(reason);
    }

    pub(in super::super) fn into_result(self) -> Result<(), PasswordError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into())
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.0
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self(vec![reason])
    }
}

/// The sentences of the reasons, with semicolons between.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, reason) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            reason.fmt(f)?;
        }
        Ok(())
    }
}
