//! The client for keys of other issuers: what it asks, when, and what it answers meanwhile.
#![cfg(all(feature = "jwks", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a helper that fails has found a fault")]

#[cfg(feature = "jwks-reqwest")]
mod adapter;
mod discovery;
mod outage;
mod rollover;
mod support;
mod unknown;
