use std::fmt;

use secrecy::{ExposeSecret, SecretBox};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Any value that knows how to wipe itself, as a secret.
///
/// For text and bytes there are [`SecretString`](crate::SecretString) and [`SecretBytes`](crate::SecretBytes); this is for
/// the rest: a parsed key, or a struct that derives `Zeroize`. What the wipe reaches is up to the `Zeroize` of `T`.
///
/// ```
/// use portcullis_secrets::Secret;
///
/// let key = Secret::<[u8; 32]>::init_with(|bytes| bytes.fill(7));
/// assert_eq!(format!("{key:?}"), "Secret([REDACTED])");
/// assert_eq!(key.expose(|bytes| bytes[31]), 7);
/// ```
#[must_use]
pub struct Secret<T: Zeroize + ?Sized>(SecretBox<T>);

impl<T: Zeroize> Secret<T> {
    /// Moves `value` to the heap. The place it was moved from is not wiped: see [`init_with`](Self::init_with).
    pub fn new(value: T) -> Self {
        Self::from(Box::new(value))
    }

    /// Lets `fill` write the value where it will stay, so that no copy of it is left on the stack.
    pub fn init_with(fill: impl FnOnce(&mut T)) -> Self
    where
        T: Default,
    {
        // Boxed before it is filled: should `fill` panic, what it wrote is wiped as well.
        Self(SecretBox::init_with_mut(fill))
    }
}

impl<T: Zeroize + ?Sized> Secret<T> {
    /// Lends the value to `f`, and returns what `f` returns.
    pub fn expose<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(self.expose_secret())
    }

    /// Lends the value.
    #[must_use]
    pub fn expose_secret(&self) -> &T {
        self.0.expose_secret()
    }

    /// Compares in a time that depends on the lengths only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool
    where
        T: AsRef<[u8]>,
    {
        let bytes = self.expose_secret().as_ref();
        bytes.ct_eq(other.expose_secret().as_ref()).into()
    }
}

impl<T: Zeroize + ?Sized> From<Box<T>> for Secret<T> {
    fn from(value: Box<T>) -> Self {
        Self(SecretBox::new(value))
    }
}

impl<T: Zeroize + ?Sized> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

impl<T: Zeroize + ?Sized> ZeroizeOnDrop for Secret<T> {}
