//! A second factor: time-based one-time passwords (RFC 6238), and recovery codes for those who have lost theirs.
//!
//! ```
//! use portcullis_auth_core::audit::Context;
//! use portcullis_auth_core::time::{Clock, SystemClock};
//! use portcullis_auth_core::totp::{MemoryStore, Owner, SealKeys, Totp, TotpErrorKind};
//! use portcullis_secrets::SecretBytes;
//! # use std::time::Duration;
//! # #[derive(Clone, Debug)]
//! # struct Later;
//! # impl Clock for Later {
//! #     fn now(&self) -> portcullis_auth_core::time::Timestamp { SystemClock.now().plus(Duration::from_secs(30)) }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let keys = SealKeys::new(1, &SecretBytes::generate(32)?)?;
//! let totp = Totp::new("Acme".parse()?, keys, MemoryStore::default());
//! let owner = Owner::new(&"acme".parse()?, &"u-17".parse()?);
//! let (client, context) = ("app".parse()?, Context::default());
//!
//! // Somebody who has just signed in scans a code and types what the authenticator then shows.
//! let signed_in_at = SystemClock.now();
//! let enrolment = totp.enrol(&owner, "ann@example.com", signed_in_at, &context).await?;
//! let shown = enrolment.secret().code_at(SystemClock.now());
//! totp.activate(&owner, enrolment.id(), shown.expose_digits(), &context).await?;
//! let recovery_codes = totp.regenerate_recovery_codes(&owner, signed_in_at, &context).await?;
//!
//! // At the next sign-in the password was right, and the subject's epoch is 3.
//! let token = totp.challenge(&owner, &client, 3).await?.ok_or("no factor")?;
//! let token = token.to_text().expose_secret();
//! let again = totp.verify(token, &client, shown.expose_digits(), &context).await;
//! assert_eq!(again.unwrap_err().kind(), TotpErrorKind::WrongCode, "each code counts once");
//! # let totp = totp.clock(Later);
//! # let shown = enrolment.secret().code_at(Later.now());
//! // Half a minute later there is another code.
//! let verified = totp.verify(token, &client, shown.expose_digits(), &context).await?;
//! assert_eq!((verified.owner(), verified.epoch()), (&owner, 3));
//!
//! // Without the phone, a recovery code does it, once.
//! let token = totp.challenge(&owner, &client, 3).await?.ok_or("no factor")?;
//! let code = recovery_codes[0].to_text();
//! let verified = totp.recover(token.to_text().expose_secret(), &client, code.expose_secret(), &context).await?;
//! assert_eq!(verified.recovery_codes_left(), Some(9));
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - **A code counts once.** Of any number of parallel posts of one code just one succeeds; a code of an earlier step does not
//!   count after one of a later step (RFC 6238 5.2).
//! - **Guessing is bounded**, whoever knows the password: 5 tries for each challenge of 5 minutes, 10 wrong codes per hour and
//!   subject over all challenges, sessions and factors, and after 50 in a row no code counts until a recovery. Tries are
//!   counted before anything is compared. A hard stop is no weapon here, since only a right password opens a challenge.
//! - **Secrets are sealed** with XChaCha20-Poly1305 under a ring of keys, and bound to tenant, subject and factor: a row that
//!   somebody copies to another account does not open.
//! - **Time is the server's.** How far an owner's clock is off is remembered ([`Factor::drift`]), and widens no window.
//! - Recovery codes have 125 bits, are stored as hashes and work once. They stand in for the second factor, never for the
//!   first.
//!
//! # What it does not do
//!
//! It checks no password and starts no session: open a challenge after the first factor only, and give a new id to the session
//! that follows. Changing factors wants a sign-in within the last ten minutes, which the caller has to know of. It sends no
//! mail: see [`Totp::audit`]. It draws no QR code.
//!
//! # Where it belongs
//!
//! Behind the endpoints for second factors, and after the gate of `throttle`, where the completion of a sign-in is a grant of
//! its own. A proxy in front changes nothing here but the address in events.

mod challenge;
mod code;
mod error;
mod factor;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod recovery;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
mod seal;
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
mod uri;
mod verify;

pub use challenge::{
    Attempted, CHALLENGE_LIFETIME, Challenge, Decided, Hash, MfaToken, Proof, TRIES_IN_A_ROW,
    TRIES_PER_CHALLENGE, TRIES_PER_HOUR, Tries,
};
pub use code::{Code, Match, PERIOD, TotpSecret, Window};
pub use error::{TotpError, TotpErrorKind};
pub use factor::{ENROLMENT_LIFETIME, Factor, FactorId, MAX_FACTORS, Owner};
pub use memory::MemoryStore;
pub use recovery::{FEW_RECOVERY_CODES, RECOVERY_CODES, RecoveryCode};
pub use seal::{SealKeys, Sealed};
pub use service::{Enrolment, REAUTHENTICATION, Totp};
pub use store::{Acceptance, Accepted, Epochs, Redeemed, TotpStore};
pub use uri::{InvalidIssuer, Issuer};
pub use verify::Verified;
