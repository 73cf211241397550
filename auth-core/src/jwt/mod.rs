//! Signed tokens.

mod algorithm;
mod base64;
mod error;
mod header;
mod json;
mod jwk;
mod jws;
mod key;
mod key_set;
mod kind;
mod source;
#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::{JwtError, JwtErrorKind};
pub use jwk::Jwk;
pub use jws::Jws;
pub use key::{KeyError, KeyErrorKind, SigningKey, VerifyingKey};
pub use key_set::{KeySet, SkippedKey};
pub use kind::TokenKind;
pub use source::{KeySource, Lookup, Refresh};

/// The most bytes of a token. Ours have some hundred; what is larger does not fit into the headers of most servers.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
