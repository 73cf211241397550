//! The secrets of a service: types that cannot leak them, a measure of their strength, masks for what has to be shown,
//! sources, and rotation.
//!
#![cfg_attr(feature = "mask", doc = "```")]
#![cfg_attr(not(feature = "mask"), doc = "```ignore")]
//! use portcullis_secrets::strength::require_strong;
//! use portcullis_secrets::{SecretBytes, SecretString, mask};
//!
//! /// What the service was started with. It derives `Debug`, and that is safe.
//! #[derive(Debug)]
//! struct Settings {
//!     database_url: SecretString,
//!     token_secret: SecretString,
//! }
//!
//! let settings = Settings {
//!     database_url: SecretString::from("postgres://app:pa55@db/orders"),
//!     token_secret: SecretBytes::generate(32)?.to_base64url(),
//! };
//! assert_eq!(
//!     format!("{settings:?}"),
//!     "Settings { database_url: SecretString([REDACTED]), token_secret: SecretString([REDACTED]) }",
//! );
//!
//! // At start-up: a secret that somebody made up is refused, with a sentence that says what to do.
//! settings.token_secret.expose(|secret| require_strong("TOKEN_SECRET", secret.as_bytes()))?;
//! let refused = require_strong("TOKEN_SECRET", b"changemechangemechangemechangeme").unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "TOKEN_SECRET is too weak: it is made of words; make a strong one with `openssl rand -base64 48`",
//! );
//!
//! // In a log line: what helps to recognise the value, and no more.
//! assert_eq!(settings.database_url.expose(mask::connection_string), "postgres://***@db/orders");
//!
//! // In a handler: compared without telling by the time it takes how much of it was right.
//! assert!(!settings.token_secret.ct_matches("a guess"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`types`] | values that are wiped when dropped and cannot be printed, compared or written out by accident |
//! | [`strength`] | telling generated secrets from made-up ones, and refusing these at start-up |
//! | `mask` | showing of a token, an address, a URL what helps to recognise it |
//! | `redact` | taking secrets out of what is printed: text, JSON, URLs, headers, errors, panics, `tracing` |
//! | `source` | secrets from the environment, files, directories, Vault and key management services |
//! | `rotate` | taking over new values while the service runs, and rings of keys |
//!
//! # Features
//!
//! None is on by default; `full` is all of them. A feature adds items and never changes behaviour.
//!
//! | feature | adds | brings in |
//! |---|---|---|
//! | `mask` | the module | `hmac`, `sha2`, `serde_json`, `unicode-segmentation` |
//! | `serde` | `Deserialize` for the secret types; `serialize_exposed`, the one way to write them | `serde` |
//! | `zxcvbn` | `StrengthPolicy::zxcvbn`, a second opinion | `zxcvbn` with `regex`, `fancy-regex` and `time` |
//! | `source` | the module | `tokio` with `rt`, `tracing` |
//! | `vault` | Vault as a source, over loopback | `httparse`, `serde`, `serde_json` |
//! | `vault-tls` | Vault over TLS | `tokio-rustls` with ring |
//! | `kms` | sealed secrets, opened by a key service | `chacha20poly1305` |
//! | `rotate` | the module | `arc-swap`, on Linux `rustix` |
//! | `metrics` | `rotate::SecretCollector` | `prometheus-client` |
//! | `redact` | the module | `aho-corasick`, `arc-swap`, `memchr` |
//! | `tracing` | `redact::tracing` | `tracing-core`, `tracing-subscriber` with `fmt` |
//!
//! # What is not promised
//!
//! A secret that was in a file, an environment variable, a request or a `String` that grew is in other places as well as
//! in the type that wipes it; [`types`] lists them. No measure of strength can find out that a random-looking key was
//! published. A mask hides what it was told the kind of; it does not search.
//!
//! This crate knows neither tower nor HTTP, and depends on no other crate of the family.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "mask", feature = "redact"))]
#[cfg_attr(
    not(feature = "mask"),
    expect(unreachable_pub, reason = "some of it is a part of `mask`")
)]
mod common;
#[cfg(feature = "mask")]
pub mod mask;
#[cfg(feature = "redact")]
pub mod redact;
#[cfg(feature = "rotate")]
pub mod rotate;
#[cfg(feature = "source")]
pub mod source;
pub mod strength;
pub mod types;

#[cfg(feature = "serde")]
pub use types::serialize_exposed;
pub use types::{
    ApiKeySecret, Password, Secret, SecretBytes, SecretError, SecretErrorKind, SecretString,
};
pub use zeroize;

#[cfg(all(doctest, feature = "mask"))]
#[doc = include_str!("../README.md")]
struct Readme;
