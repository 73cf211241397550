//! Passwords: whether one is right, whether one may be chosen, and what is stored of it.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use std::sync::{Arc, Mutex};
//!
//! use portcullis_auth_core::audit::{Context, TracingSink};
//! use portcullis_auth_core::password::{
//!     Account, Candidate, ContextWords, HashParams, Hasher, MemoryResetStore, PasswordHash, PasswordPolicy, PasswordStore,
//!     Passwords, Stored, Verdict,
//! };
//! use portcullis_auth_core::store::Answer;
//! use portcullis_auth_core::time::SystemClock;
//! use portcullis_secrets::Password;
//!
//! /// A table of one row.
//! #[derive(Debug)]
//! struct Table(Mutex<PasswordHash>);
//!
//! impl Table {
//!     fn replace(&self, old: Option<&PasswordHash>, new: &PasswordHash) -> bool {
//!         let mut hash = self.0.lock().unwrap();
//!         let current = old.is_none_or(|old| *hash == *old);
//!         if current {
//!             *hash = new.clone();
//!         }
//!         current
//!     }
//! }
//!
//! impl PasswordStore for Table {
//!     fn rehash<'a>(&'a self, _: &'a Account, old: &'a PasswordHash, new: &'a PasswordHash) -> Answer<'a, bool> {
//!         Box::pin(async move { Ok(self.replace(Some(old), new)) })
//!     }
//!
//!     fn change<'a>(&'a self, _: &'a Account, old: Option<&'a PasswordHash>, new: &'a PasswordHash) -> Answer<'a, bool> {
//!         Box::pin(async move { Ok(self.replace(old, new)) })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! # let context = Context::default();
//! // What the account was imported with.
//! let table = Arc::new(Table(Mutex::new(PasswordHash::new(
//!     "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
//! ))));
//! let passwords = Passwords::new(
//!     Hasher::settings(HashParams::OWASP).build()?,
//!     PasswordPolicy::single_factor(),
//!     table.clone(),
//!     Arc::new(MemoryResetStore::new(NonZeroUsize::new(1000).unwrap())),
//!     Arc::new(SystemClock),
//!     Arc::new(TracingSink),
//! );
//! let account = Account { tenant: "acme".parse()?, subject: "u-17".parse()? };
//!
//! let hash = table.0.lock().unwrap().clone();
//! let stored = Stored { account: &account, hash: &hash };
//! let wrong = passwords.verify(&Password::from("Tr0ub4dor&3"), Some(stored), &context).await?;
//! assert!(matches!(wrong, Verdict::Wrong));
//!
//! let password = Password::from("correct horse battery staple");
//! let Verdict::Right(verified) = passwords.verify(&password, Some(stored), &context).await? else {
//!     panic!("it is the password");
//! };
//! // In a task of its own, if the answer should not wait for it.
//! if let Some(rehash) = verified.rehash {
//!     passwords.rehash(&account, rehash, &context).await?;
//! }
//! assert!(table.0.lock().unwrap().as_str().starts_with("$argon2id$"));
//!
//! let words = ContextWords::new().app("Acme");
//! let refused = passwords.choose(Candidate { password: &Password::from("P4ssw0rd! 2026"), words: &words }).await.unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "the password has fewer than 15 characters; the password is one of those that are tried first",
//! );
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Hasher`] makes and compares hashes, [`PasswordPolicy`] says which passwords may be chosen, [`BreachChecker`] which are known
//! to others; [`Passwords`] ties them to the caller's [`PasswordStore`], to reset tokens, to a clock and to audit events.
//!
//! # Imported hashes
//!
//! Hashes of other programs verify as they are, and are replaced by argon2id at the first sign-in:
//!
//! | stored text | what it is |
//! |---|---|
//! | `$argon2id$..` | ours, or any PHC string; the password is taken in NFC |
//! | `{raw}$argon2id$..` | the same, of the password as it is received |
//! | `$argon2i$..`, `$argon2d$..` | the other variants, and both versions |
//! | `$2a$..`, `$2b$..`, `$2y$..` | bcrypt, cost 4 to 15; passwords of more than 72 bytes never match |
//! | `$pbkdf2-sha256$..`, `$pbkdf2-sha512$..`, `$pbkdf2$..` | PBKDF2 as passlib or as a PHC string, up to 5,000,000 rounds |
//! | `pbkdf2_sha256$..`, `pbkdf2_sha1$..` | PBKDF2 as Django has it |
//! | `$scrypt$..` | scrypt as passlib or as a PHC string, up to 256 MiB, filled `p` times up to 512 MiB |
//! | `{md5}$argon2id$..`, `{sha1}$argon2id$..` | a fast hash, wrapped by [`Hasher::wrap`] |
//! | `{name}..` | a [`ForeignScheme`] of the caller's |
//!
//! What is none of these is an error, and never a match. What a stored hash asks for is bounded before anything is computed: 256
//! MiB, 10 passes and 8 lanes for argon2.
//!
//! # What it does not do
//!
//! It does not count attempts: that comes before it, and is charged before a hash is computed. It starts and ends no sessions:
//! [`PasswordStore::change`] raises the epoch that ends them. Nothing here stands in for a second factor. How long a
//! password takes to compare depends on its length, which who asks knows.
//!
//! It belongs behind a limit on the size of bodies and on requests per client, since a hash costs some 30 ms of a processor
//! and 19 MiB. A proxy in front changes nothing.

mod breach;
mod error;
mod form;
mod hash;
mod hasher;
mod params;
mod pepper;
mod policy;
mod reset;
mod scheme;
mod service;
mod store;

pub use breach::{
    BreachChecker, BreachFilter, BreachFilterError, BreachFilterErrorKind, Precision,
};
pub use error::{InvalidSetting, PasswordError, PasswordErrorKind};
pub use form::{LegacyDigest, Normalization};
pub use hash::{Algorithm, HashInfo, PasswordHash};
pub use hasher::{Hasher, HasherSettings, HasherStats, Match, Rehash};
pub use params::HashParams;
pub use pepper::{PepperId, Peppers};
pub use policy::{ContextWords, PasswordPolicy, Reason, Rejection};
pub use reset::{MemoryResetStore, ResetStore, ResetTicket, ResetToken};
pub use scheme::{ForeignScheme, UnreadableHash};
pub use service::{Candidate, Passwords, Stored, Verdict, Verified};
pub use store::{Account, PasswordStore};
