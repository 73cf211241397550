//! Checks API keys: long-lived credentials of programs, each with an owner, scopes, and an end.
//!
//! ```
//! use portcullis_auth_core::api_key::{
//!     ApiKeys, Environment, KeyFormat, MemoryStore, NewApiKey, Owners, Peppers, VerifyErrorKind,
//! };
//! use portcullis_auth_core::audit::Context;
//! use portcullis_auth_core::id::{SubjectId, TenantId};
//! use portcullis_auth_core::principal::Principal;
//! use portcullis_auth_core::roles::{Access, Role, Roles};
//! use portcullis_auth_core::store::Answer;
//! use portcullis_secrets::SecretBytes;
//!
//! /// Everybody is an editor here. A service reads its accounts and grants.
//! #[derive(Debug)]
//! struct Accounts(Roles);
//!
//! impl Owners for Accounts {
//!     fn rights<'a>(&'a self, _: &'a TenantId, _: &'a SubjectId) -> Answer<'a, Option<Access>> {
//!         Box::pin(async { Ok(Some(self.0.access(["editor"]))) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let roles = Roles::builder()
//!     .permissions(["orders:read", "orders:write"])
//!     .role(Role::new("editor").allows(["orders:*"]))
//!     .build()?;
//! let keys = ApiKeys::builder(
//!     KeyFormat::new("acme", Environment::Live)?,
//!     Peppers::new(1, SecretBytes::generate(32)?)?,
//!     "https://accounts.example.com",
//!     MemoryStore::new(),
//!     Accounts(roles.clone()),
//! )
//! .build();
//!
//! // Ann makes a key that reads.
//! let ann = Principal::new("https://accounts.example.com", "ann".parse()?)
//!     .tenant("acme".parse()?)
//!     .roles(["editor"])
//!     .authorized(&roles);
//! let context = Context::default();
//! let created = keys.create(NewApiKey::new("nightly report", "orders:read".parse()?), &ann, &context).await?;
//!
//! // It is Ann who comes with it, and she may read and no more.
//! let verified = keys.verify(created.secret.expose_secret(), None, &context).await?;
//! let principal = verified.principal();
//! assert_eq!(principal.subject_ref(), ann.subject_ref());
//! assert!(roles.require("orders:read")?.check(principal, None, created.key.created_at).is_ok());
//! assert!(roles.require("orders:write")?.check(principal, None, created.key.created_at).is_err());
//!
//! keys.revoke(&"acme".parse()?, created.key.id, &ann, &context).await?;
//! let refused = keys.verify(created.secret.expose_secret(), None, &context).await.unwrap_err();
//! assert_eq!(refused.kind(), VerifyErrorKind::Revoked);
//! assert_eq!(refused.to_string(), "the api key is not valid");
//! # Ok(())
//! # }
//! ```
//!
//! A key is a [`KeyFormat`], which tells typing errors and garbage without asking anybody; 256 random bits, of which a store
//! keeps a keyed hash; and an [`ApiKey`], what is known of it. What may be done with it is what its scopes say **and** its
//! owner may do at the time; when the owner is disabled, the key is dead.
//!
//! What was verified is believed for 30 seconds, in memory, by the hash of the key. Revoking a key ends it at once in the
//! instance that does it and within those 30 seconds in all others.
//!
//! It is asked by the layer that finds out who is calling, behind those that limit rates. Behind a proxy the address in the
//! [`Context`](crate::audit::Context) has to be the client's, or the networks of all keys are those of the proxy.
//!
//! # What it does not do
//!
//! It does not read requests: the layers refuse keys in URLs and requests with two credentials before they ask. It does not
//! limit guesses, since there is nothing to guess. A key never satisfies a requirement for a role or for a level of
//! authentication: nobody signed in.

mod base62;
mod builder;
mod cache;
mod create;
mod error;
mod format;
mod key;
mod memory;
mod network;
mod pepper;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
mod service;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod verify;

pub use builder::ApiKeysBuilder;
pub use create::CreatedKey;
pub use error::{CreateError, CreateErrorKind, VerifyError, VerifyErrorKind};
pub use format::{Environment, InvalidBrand, InvalidKeyId, KeyFormat, KeyId, MalformedKey};
pub use key::{ApiKey, NewApiKey, Overlap, OverlapTooLong, StoredApiKey};
pub use memory::MemoryStore;
pub use network::{InvalidNetwork, Network};
pub use pepper::{InvalidPepper, KeyDigest, Peppers};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use service::ApiKeys;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store::{ApiKeyStore, Inserted, Owners, Replaced, Touched};
pub use verify::VerifiedKey;

/// The most keys that a list has.
const MAX_LISTED: u16 = 1000;
