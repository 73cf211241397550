//! HashiCorp Vault and OpenBao: secrets of the KV engine, version 2, and credentials with a lease.
//!
//! ```no_run
//! use portcullis_secrets::rotate::Rotation;
//! use portcullis_secrets::source::vault::{Login, Vault};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let vault = Vault::new("http://127.0.0.1:8100", Login::kubernetes("reference-server"))?;
//! let key = Rotation::new("token_key", vault.kv2("secret", "reference-server")?.field("token_key"))
//!     .text()
//!     .start()
//!     .await?;
//! let database = Rotation::new("database", vault.credentials("database/creds/app")?).start().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The client logs in when a secret is first wanted, and renews its token at two thirds of the token's life, give or take a
//! tenth, so that instances started together do not come together for ever. A token that cannot be renewed, or that comes
//! back from a renewal with less than half of its first life because its `max_ttl` is near, is replaced by logging in anew.
//! If Vault answers 403, the client logs in once more and tries once more.
//!
//! Leased credentials are renewed in the same way, and fetched anew with each new token, since Vault revokes what was
//! leased under a token together with it. While a lease lasts, loading hands out the same credentials. When Vault does not
//! answer, or answers 429 or 5xx, loading fails with [`Unavailable`](SourceErrorKind::Unavailable):
//! [`Rotating`](crate::rotate::Rotating) keeps what it has until the lease ends, and then fails closed. The KV engine gives
//! no leases: its values stay in force for as long as Vault is out of reach.
//!
//! A secret that is not there is [`NotFound`](SourceErrorKind::NotFound), with which a chain goes on; one that was
//! deleted, a missing field, and a path that no engine answers are errors.
//!
//! [`Vault::new`] speaks plain HTTP, to a **loopback address** only: to Vault's agent or proxy beside the service. Other
//! addresses are refused, because the token would travel in clear. With the feature `vault-tls`, `Vault::with_tls` speaks
//! TLS (rustls with ring) to a server whose certificate is signed by an authority that you name. Redirects are not
//! followed.
//! Each request has a connection of its own, a deadline (5 s, of which 2 s to connect) and an answer of at most 256 KiB;
//! it is read into a buffer that is wiped.

mod client;
mod http;
mod lease;
mod login;
mod secret;
#[cfg(test)]
mod tests;
#[cfg(feature = "vault-tls")]
mod tls;

pub use client::Vault;
pub use login::Login;
pub use secret::VaultSource;

#[cfg(doc)]
use super::SourceErrorKind;
