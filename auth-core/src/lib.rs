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
//! | `jwt` | the module `jwt`: signed tokens, their keys, the JWKS document | `aws-lc-rs`, `arc-swap`, `serde`, `serde_json` |
//! | `jwks` | the module `jwks`, with `jwt`: keys of other issuers, OpenID Connect discovery | `tokio` with `rt`, `sync`, `time` |
//! | `jwks-reqwest` | `jwks::ReqwestFetch`, with `jwks` | `reqwest` with `rustls` |
//! | `password` | passwords: hashing, policy, imported hashes, breach filter, reset tokens | `argon2`, `bcrypt`, `pbkdf2`, `scrypt`, `md-5`, `sha1`, `sha2`, `xorf`, `unicode-normalization`, `tokio` with `rt`, `sync`, `time` |
//! | `password-zxcvbn` | `PasswordPolicy::zxcvbn`, a longer list | `zxcvbn` with `regex`, `fancy-regex`, `time` |
//! | `api-key` | the module `api_key`, with `roles` | `crc32fast`, `hmac`, `ipnet`, `sha2`, `tokio` with `rt` |
//! | `revocation` | the module | `sha2`, `tokio` with `sync` and `time` |
//! | `roles` | the modules `roles` and `principal` | nothing |
//! | `throttle` | the module | `hmac`, `sha2`, `unicode-normalization` |
//! | `totp` | the module | `chacha20poly1305`, `hmac`, `sha1`, `sha2` |
//! | `refresh` | the module `refresh`, with `roles` | `crc32fast`, `hmac`, `sha2` |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "api-key")]
pub mod api_key;
pub mod audit;
pub mod id;
#[cfg(feature = "jwks")]
pub mod jwks;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "roles")]
pub mod principal;
#[cfg(feature = "refresh")]
pub mod refresh;
#[cfg(feature = "revocation")]
pub mod revocation;
#[cfg(feature = "roles")]
pub mod roles;
#[cfg(all(
    any(feature = "postgres", feature = "sqlite"),
    any(feature = "api-key", feature = "refresh", feature = "revocation", feature = "throttle", feature = "totp")
))]
mod sql;
#[cfg(feature = "password")]
pub mod password;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "throttle")]
pub mod throttle;
pub mod time;
#[cfg(feature = "totp")]
pub mod totp;
