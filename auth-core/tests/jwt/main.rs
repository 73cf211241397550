//! Tokens from outside: published vectors, forgeries, and another library as the judge.
#![cfg(all(feature = "jwt", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a helper that fails has found a fault")]

mod forgeries;
mod issued;
mod key_sets;
mod peer;
mod profiles;
mod rules;
mod support;
mod vectors;
