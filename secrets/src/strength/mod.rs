//! Tells secrets that were generated from secrets that were made up, and refuses the latter at start-up.
//!
//! ```
//! use portcullis_secrets::SecretBytes;
//! use portcullis_secrets::strength::{Level, estimate_bits, require_strong};
//!
//! let made_up = "your-256-bit-secret-your-256-bit";
//! assert_eq!(Level::of(estimate_bits(made_up.as_bytes())), Level::Reject);
//! assert_eq!(
//!     require_strong("TOKEN_SECRET", made_up.as_bytes()).unwrap_err().to_string(),
//!     "TOKEN_SECRET is too weak: it is made of words; make a strong one with `openssl rand -base64 48`",
//! );
//!
//! let generated = SecretBytes::generate(32)?.to_base64url();
//! assert!(require_strong("TOKEN_SECRET", generated.expose_secret().as_bytes()).is_ok());
//! # Ok::<_, portcullis_secrets::SecretError>(())
//! ```
//!
//! **Generate, do not choose.** No look at a secret can tell how it came about. [`estimate_bits`] is an upper bound: it
//! says how much an attacker has to guess at most who knows the tricks that it knows. A low number is a proof of weakness,
//! a high one proves nothing: a key that was published yesterday looks as random as it did before.
//!
//! What it looks for: repetition and runs (also along the rows of a keyboard), few or unevenly used characters, regular
//! steps from one character to the next, English words and the words of our trade, also in leet and capitals; the same
//! again behind hexadecimal and base64. [`StrengthPolicy`] also refuses keys printed in standards and tutorials. Words of
//! other languages, names and dates are not known to it.
//!
//! Keys that were generated with 128 bits or more pass, in hexadecimal, base32, base36, base58, base62, base64, in digits
//! or raw. What a random text has of this by chance counts for nothing as long as one in millions has it. Of six million
//! keys of 128 bits in each form, the lowest estimate was measured at 88 bits, of two million of 256 bits at 212, while
//! the thresholds are 80 and 192. A UUID has 122 bits, and passes as well.
//!
//! It is meant for start-up and for the moment a key is set. It takes some microseconds, is not constant in time, and
//! looks at the first 1,024 characters. It wipes what it derives from the secret.

mod estimate;
mod policy;
mod published;
mod shape;
#[cfg(test)]
mod tests;
mod words;

pub use estimate::estimate_bits;
pub use policy::{Level, StrengthPolicy, WeakSecret, Weakness, require_strong};
