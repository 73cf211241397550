//! Values that are wiped when they are dropped and that cannot be printed, compared or written out by accident.
//!
//! ```
//! use portcullis_secrets::{SecretBytes, SecretString};
//!
//! let token = SecretString::from("correct horse battery staple");
//! assert_eq!(format!("{token:?}"), "SecretString([REDACTED])");
//! assert_eq!(token.expose(str::len), 28);
//!
//! let key = SecretBytes::generate(32)?;
//! assert!(key.ct_eq(&SecretBytes::from_hex(key.to_hex().expose_secret())?));
//! assert!(!key.ct_eq(&SecretBytes::generate(32)?));
//! # Ok::<_, portcullis_secrets::SecretError>(())
//! ```
//!
//! ```compile_fail
//! # use portcullis_secrets::SecretString;
//! println!("{}", SecretString::from("correct horse battery staple"));
//! ```
//!
//! `expose` and `expose_secret` are the only ways in, so that a search for `expose` finds each place where a value can
//! leak. There is no `Display`, `Serialize`, `Deref`, `AsRef`, `Hash`, `PartialEq`, `Ord` or `Clone`: compare with
//! `ct_eq`, share in an [`Arc`](std::sync::Arc), write out with `serialize_exposed` (feature `serde`). `Debug` shows the
//! name of the type and not even the length of the value.
//!
//! # What is promised, and what is not
//!
//! **The buffer that a secret owns is wiped when the secret is dropped**, also while a panic unwinds. A constructor that
//! takes a buffer over wipes what it does not keep: of a `String` with room to spare, the text is moved into an
//! allocation of the right size and the old one is wiped. [`SecretBytes::read_from`] and [`SecretString::read_from`]
//! read through no buffers but such as are wiped.
//!
//! Nothing is promised about copies that others made, which no library can find:
//!
//! - buffers that a `String` or `Vec` left behind as it grew, before it got here: reserve first, or use `read_from`;
//! - values that were moved: [`Secret::new`] takes its value from somewhere, often the stack; see [`Secret::init_with`];
//! - what a parser kept: the text of the file, serde's own buffers, the inside of a `BufReader`;
//! - the environment and the arguments of the process, which stay readable for as long as it lives;
//! - whatever the closure of `expose` copies out;
//! - pages in swap, in a core dump, in a hibernation image or in a snapshot of the machine;
//! - a process that is aborted or killed, and values given to `mem::forget` or kept in a `static`: they are not dropped.

mod bytes;
mod error;
mod read;
mod secret;
#[cfg(feature = "serde")]
mod serde;
#[cfg(test)]
mod tests;
mod text;

pub use bytes::SecretBytes;
pub use error::{SecretError, SecretErrorKind};
pub use secret::Secret;
#[cfg(feature = "serde")]
pub use serde::serialize_exposed;
pub use text::{ApiKeySecret, Password, SecretString};
