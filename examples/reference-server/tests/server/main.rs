//! The whole contract, seen from outside: the real binary, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and not what they call"
)]

mod accounts;
mod canaries;
mod conditions;
mod crud;
mod edges;
mod lifecycle;
mod limits;
mod metrics;
mod operators;
mod pages;
mod schemas;
mod settings;
mod support;
