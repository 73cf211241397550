//! The secrets of a service.

pub mod types;

#[cfg(feature = "serde")]
pub use types::serialize_exposed;
pub use types::{
    ApiKeySecret, Password, Secret, SecretBytes, SecretError, SecretErrorKind, SecretString,
};
pub use zeroize;
