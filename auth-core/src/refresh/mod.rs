//! Refresh tokens that are good once, and sessions that end when a stolen one comes back (RFC 9700 4.14, ASVS 10.4.5).
//!
//! ```
//! # use std::num::NonZeroUsize;
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use portcullis_auth_core::audit::Context;
//! # use portcullis_auth_core::refresh::{Login, MemoryStore, RefreshErrorKind, RefreshKeys, RefreshRequest, RefreshService};
//! # use portcullis_auth_core::testing::ManualClock;
//! # use portcullis_secrets::SecretBytes;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clock = ManualClock::default();
//! # let context = Context::default();
//! let store = MemoryStore::new(NonZeroUsize::new(100_000).unwrap());
//! let keys = RefreshKeys::new(1, &SecretBytes::generate(32)?)?;
//! let service = RefreshService::builder(Arc::new(store), keys)
//! #   .clock(Arc::new(clock.clone()))
//!     .start()
//!     .await?;
//!
//! let (tenant, subject, client) = ("acme".parse()?, "u-17".parse()?, "web".parse()?);
//! let epoch = service.epoch(&tenant, &subject).await?;
//! // ... the password is checked ...
//! let login = Login::new(tenant.clone(), subject, client).scopes("orders:read".parse()?);
//! let first = service.login(&login, epoch, &context).await?;
//!
//! # let client = "web".parse()?;
//! let token = first.refresh_token().expose_secret();
//! let request = RefreshRequest::new(token, &tenant, &client);
//! let second = service.refresh(&request, &context).await?;
//! // ... an access token is signed for second.subject(), second.scopes(), second.session() ...
//!
//! // The answer was lost, or another tab was as fast: the same request gets the same answer for ten seconds.
//! let again = service.refresh(&request, &context).await?;
//! assert!(again.refresh_token().ct_eq(second.refresh_token()));
//!
//! // After that it is somebody else who has a copy, and nobody can tell who of the two is the thief: the session ends.
//! clock.advance(Duration::from_millis(10_001));
//! let reuse = service.refresh(&request, &context).await.unwrap_err();
//! assert_eq!(reuse.kind(), RefreshErrorKind::Reuse);
//! let token = second.refresh_token().expose_secret();
//! let current = RefreshRequest::new(token, &tenant, &client);
//! let revoked = service.refresh(&current, &context).await.unwrap_err();
//! assert_eq!(revoked.kind(), RefreshErrorKind::Revoked);
//! # Ok(())
//! # }
//! ```
//!
//! A login makes a *family* of tokens, of which one is good at a time. A store keeps one row for it, however often it is
//! refreshed, and nothing from which a token could be made: tokens are `rt_` and the base64url form of
//!
//! ```text
//! version 1 | key 1 | family 16 | generation 4 | HMAC-SHA-256 32 | CRC-32 4
//! ```
//!
//! where the HMAC is over the tenant, the family, the generation and a nonce of the family. So neither a leaked store nor a
//! leaked key forges a token by itself, and a repetition gets the very token that the first presentation got.
//!
//! With the feature `jwt` a token can be a JWT of the type `rt+jwt` instead (`RefreshServiceBuilder::signed`), with such an HMAC
//! for its `jti`. The store is asked all the same: no signature tells whether a token was used before.
//!
//! - [`Rotate::decide`] is the whole decision, as a function of the time. [`RefreshPolicy`] has its settings and what they cost.
//! - [`RefreshService`] ties it to a [`RefreshStore`], the keys, a clock and the audit trail.
//! - Stores: [`MemoryStore`], and one for SQLite, PostgreSQL and Redis each, in the modules of these names.
//!
//! What this does not do: it signs no access tokens. Those of an ended session are good until they expire, 10 minutes at most
//! by default, unless there are [revocations](RefreshServiceBuilder::revocations): then a session takes them along, and they
//! end before it does, so that no failure in between leaves them behind. It does not read accounts:
//! whoever signs the access token looks up roles and whether the account still may, and ends the sessions of one that may
//! not. It does not limit how often somebody asks. It knows no cookies; the endpoint does.
//!
//! It is called by the endpoint for tokens, behind a rate limit and the check against requests from other sites. A proxy in
//! front changes only what the [`Context`](crate::audit::Context) of events and of the session list has to say.

mod decide;
mod family;
#[cfg(feature = "postgres")]
mod flight;
mod memory;
mod policy;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
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
mod token;

pub use decide::{Expiry, Outcome, Rotate};
pub use family::{Family, Nonce, RevokeReason, Revoked, State, UnknownReason};
pub use memory::MemoryStore;
pub use policy::{RefreshPolicy, RefreshPolicyError, RefreshSettings};
pub use service::{
    Issued, Login, LoginError, LoginErrorKind, RefreshError, RefreshErrorKind, RefreshRequest,
    RefreshService, RefreshServiceBuilder, SessionInfo, StartError, StartErrorKind,
};
pub use store::{Created, RefreshStore, Rotation, SubjectRevoked};
pub use token::{
    Authentic, MalformedToken, MissingKey, RefreshKeyError, RefreshKeys, RefreshToken,
};
