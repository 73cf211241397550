//! Secrets that change while the service runs, and rings of keys that follow one another.
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis_secrets::rotate::{Reload, Rejected, Rotation, RotateErrorKind, Which};
//! use portcullis_secrets::source::FileSource;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("webhook_secret");
//! # std::fs::write(&path, "the first secret")?;
//! let secret = Rotation::new("webhook_secret", FileSource::new(&path))
//!     .text()
//!     .strength(|secret| match secret.expose(str::len) {
//!         0..12 => Err(Rejected::from("it has less than 12 characters")),
//!         _ => Ok(()),
//!     })
//!     .keep_previous(Duration::from_secs(600))
//!     .start()
//!     .await?;
//! assert!(secret.sign(|secret| secret.ct_matches("the first secret"))?);
//!
//! // A new value is taken over, by polling or at once; what was signed with the old one still counts for a while.
//! std::fs::write(&path, "the second secret")?;
//! assert!(matches!(secret.reload().await?, Reload::Rotated(_)));
//! assert!(secret.sign(|secret| secret.ct_matches("the second secret"))?);
//! assert_eq!(secret.verify(|secret| secret.ct_matches("the first secret")), Some(Which::Previous));
//!
//! // A bad value is not.
//! std::fs::write(&path, "hunter2")?;
//! assert_eq!(secret.reload().await.unwrap_err().kind(), RotateErrorKind::Weak);
//! assert!(secret.sign(|secret| secret.ct_matches("the second secret"))?);
//! # Ok(())
//! # }
//! ```
//!
//! [`Rotating`] asks its source every 30 seconds, and sooner if a lease wants it. On Linux it also watches the directories
//! of [the source's files](crate::source::SecretSource::files), and asks as soon as whatever has happened there is over.
//! A value counts as new by its content: what the file system says of times does not matter, nor by which links the file
//! is reached. It is parsed, checked and tried out before it is taken over; until then, and if anything of that fails, the
//! value in force stays. The change is one pointer: a reader sees all of it or nothing. Secrets that belong together are
//! one value: see [`SecretSet`].
//!
//! A value whose lease ends without a successor is not served any more: [`Rotating::load`] fails closed.
//!
//! What is superseded is dropped at its deadline, whether anybody asks for it or not; so is what its lease has ended for.
//! A secret type of this crate is wiped then, or as soon as the last reader has let go of it. For a type of your own, that
//! is up to its `Drop`.
//!
//! [`KeyRing`] is for keys with a timetable, where others must know a key before it signs: it decides from the time alone
//! which key signs and which keys verify.
//!
//! # Events
//!
//! With the `tracing` target `portcullis::audit`: `secret_loaded` and `secret_rotated`, with the version; `secret_weak` and
//! `secret_rotation_failed`, once per reason until a load succeeds; `secret_stale`, when a value could not be confirmed for
//! too long or when its lease has ended; `secret_unwatched`, once, when directories cannot be watched and polling has to
//! do, as on a machine whose `fs.inotify` limits are reached; `key_published`, `key_activated`, `key_retired` and
//! `key_revoked`.
//! [`Rotating::status`] has the numbers, and with the feature `metrics` a `SecretCollector` shows them to a
//! `prometheus_client` registry.
//!
//! # What it is not for
//!
//! A pool of connections does not look at its password again: subscribe, and renew the connections when a new version
//! is told. Nothing is written back to a source, and no key is made.
//!
//! Deadlines are measured by tokio's clock, which does not run while the machine is suspended on every system; key rings
//! take the wall clock's time as an argument.

mod audit;
mod error;
mod health;
#[cfg(feature = "metrics")]
mod metrics;
mod ring;
mod rotating;
mod rotation;
mod state;
#[cfg(test)]
mod tests;
mod timetable;
#[cfg_attr(not(target_os = "linux"), path = "unwatched.rs")]
mod watch;

pub use error::{LeaseEnded, Rejected, RotateError, RotateErrorKind};
pub use health::Status;
#[cfg(feature = "metrics")]
pub use metrics::SecretCollector;
pub use ring::{Due, Key, KeyRing, RingError, Transition};
pub use rotating::{Reload, Rotating, Subscription};
pub use rotation::Rotation;
pub use state::Which;
pub use timetable::{KeyState, KeyTimes, PolicyError, RingPolicy, RingSettings};

use crate::source::SecretGroup;

/// Secrets that are replaced together: a reader never gets the user name of one generation and the password of another.
///
/// ```
/// use portcullis_secrets::rotate::{Rotation, SecretSet};
/// use portcullis_secrets::source::Directory;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # std::fs::write(directory.path().join("username"), "app")?;
/// # std::fs::write(directory.path().join("password"), "correct horse")?;
/// let members = Directory::new(directory.path()).group(["username", "password"])?;
/// let database: SecretSet = Rotation::new("database", members).start().await?;
/// let login = database.load()?;
/// assert_eq!(login.get("username").unwrap().expose_secret(), b"app");
/// assert!(login.get("port").is_none());
/// # Ok(())
/// # }
/// ```
pub type SecretSet = Rotating<SecretGroup>;
