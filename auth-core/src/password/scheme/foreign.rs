use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use portcullis_secrets::Password;

use super::super::InvalidSetting;
use super::super::form::Form;

/// A kind of hash that is not known here: what an old table holds.
///
/// Stored hashes are routed to it by the name before them, in braces: `{name}hash`. After the first sign-in the hash is an
/// argon2id hash like all others.
///
/// ```
/// use portcullis_auth_core::password::{ForeignScheme, HashParams, Hasher, Match, PasswordHash, UnreadableHash};
/// use portcullis_secrets::Password;
///
/// /// What nobody should have done.
/// #[derive(Debug)]
/// struct Reversed;
///
/// impl ForeignScheme for Reversed {
///     fn verify(&self, password: &Password, hash: &str) -> Result<bool, UnreadableHash> {
///         Ok(password.expose(|password| password.chars().rev().eq(hash.chars())))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let hasher = Hasher::settings(HashParams::OWASP).scheme("reversed", Reversed).build()?;
/// let stored = PasswordHash::new("{reversed}elpats yrettab");
/// assert!(matches!(
///     hasher.verify(&Password::from("battery staple"), Some(&stored)).await?,
///     Match::Right { rehash: Some(_) },
/// ));
/// assert!(matches!(hasher.verify(&Password::from("stable"), Some(&stored)).await?, Match::Wrong));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait ForeignScheme: fmt::Debug + Send + Sync + 'static {
    /// Whether `hash`, what follows the name, was made of `password`, as it was received: 1 to 1,024 bytes.
    ///
    /// Runs where blocking is allowed, and counts as one of the hashes that may be made at a time. To compare in constant time
    /// and to bound the costs that `hash` asks for is up to the implementation.
    ///
    /// # Errors
    ///
    /// When `hash` cannot be read. It is told to nobody but the operator.
    fn verify(&self, password: &Password, hash: &str) -> Result<bool, UnreadableHash>;
}

/// A [`ForeignScheme`] cannot read a hash that is stored as one of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadableHash;

impl fmt::Display for UnreadableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored hash cannot be read")
    }
}

impl Error for UnreadableHash {}

/// The caller's schemes by their names.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Registry(BTreeMap<Box<str>, Arc<dyn ForeignScheme>>);

impl Registry {
    pub(in super::super) fn add(
        &mut self,
        name: &str,
        scheme: Arc<dyn ForeignScheme>,
    ) -> Result<(), InvalidSetting> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=32).contains(&name.len()) || !name.bytes().all(valid) {
            return Err(InvalidSetting(
                "the name of a scheme is 1 to 32 letters, digits, - and _",
            ));
        }
        if Form::of_name(name).is_some() || self.0.insert(name.into(), scheme).is_some() {
            return Err(InvalidSetting("there are two schemes of the same name"));
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<dyn ForeignScheme>> {
        self.0.get(name)
    }
}
