//! Ends access tokens before they expire: by session, by subject, or one by one.
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis_auth_core::audit::Context;
//! use portcullis_auth_core::id::SessionId;
//! use portcullis_auth_core::revocation::{Marks, Refused, Revocations, TokenLife};
//! use portcullis_auth_core::time::{Clock, SystemClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // For as long as it takes until the tokens have expired by themselves.
//! let revocations = Revocations::builder(TokenLife::new(Duration::from_secs(600))).local();
//! let (tenant, subject) = ("acme".parse()?, "u-17".parse()?);
//! let (laptop, phone) = (SessionId::generate(), SessionId::generate());
//! // Of each token, when it is verified.
//! let on_laptop = Marks::default().session(laptop).subject(&tenant, &subject, 1);
//! let on_phone = Marks::default().session(phone).subject(&tenant, &subject, 1);
//!
//! // Signed out on the laptop: its tokens end, though they have not expired.
//! revocations.revoke_session(laptop, &Context::default()).await?;
//! assert_eq!(revocations.check(&on_laptop, SystemClock.now()), Err(Refused::Revoked));
//! assert_eq!(revocations.check(&on_phone, SystemClock.now()), Ok(()));
//!
//! // A new password begins a new epoch: what was issued before it ends, what is issued in it does not.
//! revocations.revoke_subject(&tenant, &subject, 2, &Context::default()).await?;
//! assert_eq!(revocations.check(&on_phone, SystemClock.now()), Err(Refused::Revoked));
//! let anew = Marks::default().session(phone).subject(&tenant, &subject, 2);
//! assert_eq!(revocations.check(&anew, SystemClock.now()), Ok(()));
//! # Ok(())
//! # }
//! ```
//!
//! A check never waits: it looks into a table in memory, also for tokens that were verified before. The table is fed by a
//! store that the instances share, read every 5 seconds, and at once where the store tells of changes, as Redis does. An
//! instance that starts reads all that still counts.
//!
//! When the store does not answer, what is known is good for 30 seconds. Then nobody knows, and [`Refused::Unavailable`] says
//! so: a service that would rather accept revoked tokens must write that down itself.
//!
//! A revocation is remembered until the last token it is about has expired for everybody, leeways included, and no longer:
//! access tokens are to be short-lived, or the list gets long. How long that is, [`TokenLife`] takes from whoever issues them.
//! Epochs are counters; two things that happen in the same second are two epochs.
//!
//! It is asked by the layer that verifies tokens, for every request, after the signature. A proxy in front changes nothing, if
//! it does not verify tokens itself: it would know of no revocation.
//!
//! # What it does not do
//!
//! Refresh tokens are not its business: end the session where they are kept as well, or it goes on to get access tokens, which
//! are accepted as soon as what was said here is forgotten. `RefreshService` of `refresh` does both, in the order in which no
//! failure leaves tokens behind. API keys are revoked in their own store.

mod builder;
mod life;
mod mark;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
mod service;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;

pub use builder::RevocationsBuilder;
pub use life::TokenLife;
pub use mark::{Marks, Revocation};
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use service::{Refused, Revocations, Status};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store::{Changes, Cursor, RevocationStore};

/// How many revocations are read from a store at a time.
const BATCH: u16 = 1000;
