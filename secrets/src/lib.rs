//! The secrets of a service.

#[cfg(feature = "redact")]
pub mod redact;
#[cfg(feature = "rotate")]
pub mod rotate;
#[cfg(feature = "source")]
pub mod source;
pub mod types;

#[cfg(feature = "serde")]
pub use types::serialize_exposed;
pub use types::{
    ApiKeySecret, Password, Secret, SecretBytes, SecretError, SecretErrorKind, SecretString,
};
pub use zeroize;
