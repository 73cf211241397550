//! Decisions about identity, without a framework: who is this, by which proof, and what may they do.
//!
//! Every decision is a function of what it is given, the time included; services around them read a
//! [`Clock`](time::Clock) and ask stores. Nothing here knows tower or HTTP bodies: the layers and endpoints that ask for these
//! decisions are in `portcullis-security-layers`.
//!
//! # Features
//!
//! None is on by default; `full` is all of them.
//!
//! | feature | adds | brings in |
//! |---|---|---|
//! | `roles` | the modules `roles` and `principal` | nothing |
//! | `throttle` | the module | `hmac`, `sha2`, `unicode-normalization` |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod audit;
pub mod id;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "roles")]
pub mod principal;
#[cfg(feature = "roles")]
pub mod roles;
#[cfg(all(
    any(feature = "postgres", feature = "sqlite"),
    any(feature = "throttle", feature = "totp")
))]
mod sql;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "throttle")]
pub mod throttle;
pub mod time;
