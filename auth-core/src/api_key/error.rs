use std::error::Error;
use std::fmt;

use portcullis_secrets::SecretError;

use crate::store::StoreError;

/// A key was not accepted, or could not be looked up.
///
/// Its text is for the client and tells no more than its class; [`kind`](Self::kind) is for logs and counters.
#[derive(Debug)]
pub struct VerifyError {
    kind: VerifyErrorKind,
    source: Option<StoreError>,
}

/// Why a key was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// It is no key of ours, or mistyped: `401`. Nothing was asked of the store.
    Malformed,
    /// There is no such key: `401`.
    Unknown,
    /// It is the key of another tenant: `401`, as if there were no such key.
    OtherTenant,
    /// It was revoked: `401`.
    Revoked,
    /// Its time is over: `401`.
    Expired,
    /// Its owner is disabled or gone: `401`.
    OwnerDisabled,
    /// It may not be used from this address: `403`.
    Address,
    /// Nobody knows, since the store or the owners' rights cannot be read: `503`.
    Unavailable,
}

impl VerifyErrorKind {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::Malformed,
        Self::Unknown,
        Self::OtherTenant,
        Self::Revoked,
        Self::Expired,
        Self::OwnerDisabled,
        Self::Address,
        Self::Unavailable,
    ];

    /// One word for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::OtherTenant => "other_tenant",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::OwnerDisabled => "owner_disabled",
            Self::Address => "address",
            Self::Unavailable => "unavailable",
        }
    }
}

impl VerifyError {
    /// Why.
    #[must_use]
    pub fn kind(&self) -> VerifyErrorKind {
        self.kind
    }

    /// What the store said, if that is why.
    #[must_use]
    pub fn store_error(&self) -> Option<&StoreError> {
        self.source.as_ref()
    }
}

impl From<VerifyErrorKind> for VerifyError {
    fn from(kind: VerifyErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<StoreError> for VerifyError {
    fn from(source: StoreError) -> Self {
        Self {
            kind: VerifyErrorKind::Unavailable,
            source: Some(source),
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            VerifyErrorKind::Address => "the api key may not be used from this address",
            VerifyErrorKind::Unavailable => "the api key could not be checked",
            _ => "the api key is not valid",
        })
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}

/// A key was not made.
#[derive(Debug)]
pub struct CreateError {
    kind: CreateErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Why a key was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CreateErrorKind {
    /// Its name is empty, has more than 100 characters, or control characters.
    Name,
    /// It has no scope, or one that is not a permission.
    Scopes,
    /// It has a scope that who creates it does not have.
    BeyondCreator,
    /// It would live for less than a second.
    Lifetime,
    /// Who creates it belongs to no tenant.
    NoTenant,
    /// Its owner is disabled or not there.
    Owner,
    /// Its owner has as many keys as one may have.
    TooMany,
    /// The key to be replaced is not there.
    NotFound,
    /// The key to be replaced is revoked or expired.
    Ended,
    /// The key to be replaced has a successor.
    AlreadyReplaced,
    /// The operating system gave no random bytes; its error is the source.
    NoRandomness,
    /// The store or the owners' rights cannot be read; its error is the source.
    Unavailable,
}

impl CreateError {
    /// Why.
    #[must_use]
    pub fn kind(&self) -> CreateErrorKind {
        self.kind
    }

    /// What the store said, if that is why.
    #[must_use]
    pub fn store_error(&self) -> Option<&StoreError> {
        self.source.as_deref()?.downcast_ref()
    }
}

impl From<CreateErrorKind> for CreateError {
    fn from(kind: CreateErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<StoreError> for CreateError {
    fn from(source: StoreError) -> Self {
        Self {
            kind: CreateErrorKind::Unavailable,
            source: Some(source.into()),
        }
    }
}

impl From<SecretError> for CreateError {
    fn from(source: SecretError) -> Self {
        Self {
            kind: CreateErrorKind::NoRandomness,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            CreateErrorKind::Name => {
                "the name of an api key has 1 to 100 characters, none of them a control character"
            }
            CreateErrorKind::Scopes => {
                "an api key needs at least one scope, each written resource:action"
            }
            CreateErrorKind::BeyondCreator => {
                "an api key cannot have scopes that its creator does not have"
            }
            CreateErrorKind::Lifetime => "an api key lives for at least a second",
            CreateErrorKind::NoTenant => "an api key belongs to a tenant, and its creator to none",
            CreateErrorKind::Owner => "the owner of the api key is disabled or not there",
            CreateErrorKind::TooMany => "the owner has as many api keys as one may have",
            CreateErrorKind::NotFound => "there is no such api key",
            CreateErrorKind::Ended => "the api key has ended already",
            CreateErrorKind::AlreadyReplaced => "the api key has a successor already",
            CreateErrorKind::NoRandomness => "the operating system gave no random bytes",
            CreateErrorKind::Unavailable => "the api key could not be stored",
        })
    }
}

impl Error for CreateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
