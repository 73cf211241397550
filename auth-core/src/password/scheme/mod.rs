//! The kinds of hashes that can be stored. Each is read completely, and its costs are bounded, before anything is computed.

mod argon2id;
mod bcrypt;
mod foreign;
mod pbkdf2;
mod scrypt;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use portcullis_secrets::Password;

pub(super) use self::argon2id::{Argon2Hash, Target};
pub(super) use self::foreign::Registry;
pub use self::foreign::{ForeignScheme, UnreadableHash};
use super::error::Fault;
use super::form::Form;
use super::{Algorithm, PasswordHash, Peppers};

/// The longest text that is read as a hash.
const MAX_TEXT: usize = 1024;

/// A stored hash that was read.
#[derive(Clone, Debug)]
pub(super) enum Scheme {
    Argon2(Argon2Hash),
    Bcrypt(bcrypt::BcryptHash),
    Pbkdf2(pbkdf2::Pbkdf2Hash),
    Scrypt(scrypt::ScryptHash),
    Foreign(Arc<dyn ForeignScheme>, PasswordHash),
}

/// What came of computing a hash.
pub(super) struct Computed {
    pub(super) matches: bool,
    /// In KiB that argon2 would have filled in the same time, roughly.
    pub(super) work: u64,
}

impl Scheme {
    /// Reads `text`: a hash with the marks of its kind, and before it in braces what was done to the password, or the name of
    /// a scheme of the caller's.
    pub(super) fn parse(text: &str, registry: &Registry) -> Result<Self, Fault> {
        if text.len() > MAX_TEXT {
            return Err(Fault::Malformed);
        }
        if let Some(tagged) = text.strip_prefix('{') {
            let (name, hash) = tagged.split_once('}').ok_or(Fault::UnknownScheme)?;
            return match Form::of_name(name) {
                Some(form) => Argon2Hash::parse(hash, form).map(Self::Argon2),
                None => {
                    let scheme = registry.get(name).ok_or(Fault::UnknownScheme)?;
                    Ok(Self::Foreign(scheme.clone(), PasswordHash::new(hash)))
                }
            };
        }
        // `$name$..`, and Django's `name$..`.
        let name = text.strip_prefix('$').unwrap_or(text);
        let (name, _) = name.split_once('$').ok_or(Fault::UnknownScheme)?;
        match name {
            "argon2id" | "argon2i" | "argon2d" => {
                Argon2Hash::parse(text, Form::Nfc).map(Self::Argon2)
            }
            "2a" | "2b" | "2y" => bcrypt::BcryptHash::parse(text).map(Self::Bcrypt),
            "scrypt" => scrypt::ScryptHash::parse(text).map(Self::Scrypt),
            _ if name.starts_with("pbkdf2") => pbkdf2::Pbkdf2Hash::parse(text).map(Self::Pbkdf2),
            _ => Err(Fault::UnknownScheme),
        }
    }

    /// Hashes `password` as the stored one was, and compares.
    pub(super) fn compute(
        &self,
        password: &Password,
        peppers: &Peppers,
    ) -> Result<Computed, Fault> {
        let text = password.expose_secret();
        match self {
            Self::Argon2(hash) => hash.compute(text, peppers),
            Self::Bcrypt(hash) => Ok(hash.compute(text)),
            Self::Pbkdf2(hash) => Ok(hash.compute(text)),
            Self::Scrypt(hash) => hash.compute(text),
            // What it costs is not known; nothing is the side to err on.
            Self::Foreign(scheme, hash) => scheme
                .verify(password, hash.as_str())
                .map(|matches| Computed { matches, work: 0 })
                .map_err(|_unreadable| Fault::Malformed),
        }
    }

    /// The memory that it takes, in KiB.
    pub(super) fn memory_kib(&self) -> u32 {
        match self {
            Self::Argon2(hash) => hash.params.memory_kib,
            Self::Scrypt(hash) => hash.memory_kib(),
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Foreign(..) => 0,
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Argon2(hash) => hash.algorithm(),
            Self::Bcrypt(_) => Algorithm::Bcrypt,
            Self::Pbkdf2(_) => Algorithm::Pbkdf2,
            Self::Scrypt(_) => Algorithm::Scrypt,
            Self::Foreign(..) => Algorithm::Foreign,
        }
    }
}
