//! Holds back who guesses at passwords, without giving anybody the power to lock somebody else out.
//!
//! ```
//! use portcullis_auth_core::throttle::{Attempt, AuthGate, Decision, DeviceKeys};
//! use portcullis_secrets::SecretBytes;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let devices = DeviceKeys::new(1, &SecretBytes::generate(32)?)?;
//! let gate = AuthGate::new(&SecretBytes::generate(32)?, devices)?;
//! let tenant = "acme".parse()?;
//!
//! // Somebody signs in, and from now on the device is known.
//! let attempt = Attempt::password(&tenant, "ann@example.com");
//! let Decision::Permit(permit) = gate.begin(&attempt).await else { panic!("the first is free") };
//! let subject = "u-17".parse()?;
//! permit.succeeded(&subject, None).await; // the password was right
//! let cookie = gate.trust_device(&attempt, &subject).ok_or("no randomness")?;
//!
//! // Somebody else guesses. Five tries are free; the sixth waits half a minute, and no password is checked for it.
//! for _ in 0..5 {
//!     let Decision::Permit(permit) = gate.begin(&attempt).await else { panic!("still free") };
//!     permit.failed("wrong_password", None);
//! }
//! let Decision::Limited(limited) = gate.begin(&attempt).await else { panic!("not free any more") };
//! assert_eq!(limited.retry_after_secs(), 30);
//!
//! // The owner's device is not held back by that.
//! let attempt = attempt.device(Some(cookie.value().expose_secret()));
//! assert!(matches!(gate.begin(&attempt).await, Decision::Permit(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # What is counted
//!
//! Every attempt is charged *before* its proof is checked, in one atomic step for all counters: of any number of parallel
//! guesses no more are checked than there is room for. A success gives the charge back, and so does an attempt that is withdrawn
//! since nothing could be checked. So that many who are right at the same time are not taken for one who guesses, an attempt for
//! which there is no room waits for those of this instance that are not decided yet, before it is refused.
//!
//! | scope | of whom | how much | after that |
//! |---|---|---|---|
//! | [`Device`](Scope::Device) | a trusted device, with its identifier | 10 failures per hour | the device counts as any other |
//! | [`Identifier`](Scope::Identifier) | an identifier, from untrusted devices | 5 free failures | a pause of 30 s, 60 s, 2 min, up to 15 min before each further try |
//! | [`Address`](Scope::Address) | an IPv4 address or a /64 of IPv6, for all tenants | 30 failures per 10 min | nothing from there until then |
//! | [`Network`](Scope::Network) | a /48 of IPv6, for all tenants | 240 failures per 10 min | nothing from there until then |
//! | [`Spray`](Scope::Spray) | as `Address` | 20 identifiers per hour | no further identifiers from there until then |
//!
//! Tries are free again when nobody has failed for 15 minutes after the pause that was due. After a hundred failures in a row
//! (NIST SP 800-63B-4, 3.2.2), a password from an untrusted device needs a second step until its owner succeeds.
//!
//! # Nobody is locked out
//!
//! This is the anti-lockout story that ASVS 5.0 6.1.1 asks for. There is no state of "locked". Counters of an identifier hold
//! back those who are not known there and nobody else: a device from which the owner has signed in within the last 90 days
//! has its own. All other grants than passwords (a link by mail, a passkey) are held back by their address alone, and what
//! has started already goes on: refreshing a session does not ask here. Who keeps failing for somebody else's identifier
//! makes sure that its owner needs one of these.
//!
//! - A success ends the row of failures of its identifier. It gives the address its own charge back and no more: an attacker
//!   who signs in to an account of their own between guesses stays limited.
//! - Identifiers that exist and those that do not are counted, answered and timed alike. No store learns of either: keys are
//!   keyed hashes, and so are what events tell of names that somebody typed.
//! - A device that has failed ten times is not trusted for the rest of the hour.
//!
//! # What it does not do
//!
//! It checks no proof: that is up to the caller, who tells the [`Permit`] how it went. It does not know whether an account is
//! disabled. It does not limit how often a second factor is tried, which only those can who know the password: that is
//! `totp`'s. It does not limit requests: see `rate_limit` of `portcullis-security-layers`.
//!
//! The clients' address is the one in the [`Context`](crate::audit::Context). Behind a proxy, that must be the one which
//! `portcullis-layer-core` resolves (`origin`), or all clients are one.
//!
//! # Stores
//!
//! [`MemoryStore`] is for one instance, `RedisStore` and `PostgresStore` are for many, `SqliteStore` is for one that keeps its
//! counts when it is started anew. While a store is out of reach each instance counts by itself, and says so in the event
//! `throttle_fallback`.

mod attempt;
mod bucket;
mod charge;
mod decision;
mod device;
mod gate;
mod key;
mod memory;
mod permit;
mod policy;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
mod report;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod undecided;

pub use attempt::{Attempt, Grant};
pub use bucket::{Bucket, Key, Scope};
pub use charge::{Admission, Charge, Settlement, Verdict};
pub use decision::{Decision, GateError, Limited};
pub use device::{DEVICE_COOKIE, DEVICE_LIFETIME, DeviceCookie, DeviceKeys};
pub use gate::AuthGate;
pub use memory::MemoryStore;
pub use permit::Permit;
pub use policy::{Limit, Policy, PolicyError};
pub use store::ThrottleStore;
