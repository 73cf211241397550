//! Which passwords may be chosen.

mod common;
mod context;
mod rejection;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use portcullis_secrets::Password;
use portcullis_secrets::strength::estimate_bits;
use portcullis_secrets::zeroize::Zeroizing;

pub use self::context::ContextWords;
pub use self::rejection::{Reason, Rejection};
use super::form::{self, MAX_BYTES};
use super::{InvalidSetting, PasswordError};

/// Of passwords with so many bits, one in 650 falls to a hundred guesses, which is what NIST allows in a row.
const PREDICTABLE_BITS: f64 = 16.0;
#[cfg(feature = "password-zxcvbn")]
const ZXCVBN_LOG10: f64 = 5.0;
/// NIST SP 800-63B-4 3.1.1.2.
const LEAST_WITH_MFA: usize = 8;
const LEAST_SINGLE_FACTOR: usize = 15;
const LEAST_MAX: usize = 64;

/// Which passwords may be chosen: long ones that are not among the first to be tried (NIST SP 800-63B-4, 3.1.1.2).
///
/// ```
/// use portcullis_auth_core::password::{ContextWords, PasswordPolicy, Reason};
/// use portcullis_secrets::Password;
///
/// let policy = PasswordPolicy::single_factor();
/// let words = ContextWords::new().app("Portcullis").email("zoe.miller@example.com");
/// let check = |password: &str| policy.check(&Password::from(password), &words);
///
/// assert!(check("correct horse battery staple").is_ok());
/// assert!(check("übermäßig große Ameisen").is_ok());
/// let refused = check("P0rtcull1s-2026").unwrap_err();
/// assert_eq!(refused.rejection().unwrap().reasons(), [Reason::ContextWord]);
/// assert_eq!(refused.to_string(), "the password is little more than a name that belongs to this account or service");
/// let refused = check("Tr0ub4dor&3").unwrap_err();
/// assert_eq!(refused.rejection().unwrap().reasons(), [Reason::TooShort { min: 15 }]);
/// ```
///
/// There are no rules of composition, no expiry and no hints: NIST forbids them, since they make people choose worse. Lengths
/// are counted in code points of the normal form, so that no alphabet is at a disadvantage.
///
/// Refused are
/// - the passwords that are tried first, also in capitals, with the usual digits for letters, and with up to six digits or
///   signs before and after them;
/// - what can be predicted for other reasons: runs along the alphabet or the keyboard, single words, or several of the most
///   usual ones ([`strength`](portcullis_secrets::strength) says how), below 16 bits;
/// - what is one short text again and again;
/// - what becomes one of these when names are taken out that belong to the account or the service: see [`ContextWords`].
///
/// The list is in English and in what is typed everywhere; add others with [`refusing`](Self::refusing). It is no list of
/// breaches: that is [`BreachChecker`](super::BreachChecker).
#[derive(Clone)]
pub struct PasswordPolicy {
    min: usize,
    max: usize,
    refused: Arc<HashSet<Box<str>>>,
    #[cfg(feature = "password-zxcvbn")]
    zxcvbn: bool,
}

impl PasswordPolicy {
    /// 15 code points at least: for accounts that a password alone opens.
    #[must_use]
    pub fn single_factor() -> Self {
        Self::of(LEAST_SINGLE_FACTOR)
    }

    /// 8 code points at least: for accounts that *cannot* be opened without a second factor. That one may be set up is not enough.
    #[must_use]
    pub fn with_mfa() -> Self {
        Self::of(LEAST_WITH_MFA)
    }

    fn of(min: usize) -> Self {
        Self {
            min,
            max: MAX_BYTES,
            refused: Arc::default(),
            #[cfg(feature = "password-zxcvbn")]
            zxcvbn: false,
        }
    }

    /// Sets the least number of code points.
    ///
    /// # Errors
    ///
    /// When it is less than 8, or more than the most.
    pub fn min_length(self, min: usize) -> Result<Self, InvalidSetting> {
        if min < LEAST_WITH_MFA {
            return Err(InvalidSetting("passwords have at least 8 characters"));
        }
        Self { min, ..self }.ordered()
    }

    /// Sets the greatest number of code points. Default: as many as 1,024 bytes can hold, which no setting changes.
    ///
    /// # Errors
    ///
    /// When it is less than 64, or than the least.
    pub fn max_length(self, max: usize) -> Result<Self, InvalidSetting> {
        if max < LEAST_MAX {
            return Err(InvalidSetting(
                "passwords of 64 characters must be possible",
            ));
        }
        Self { max, ..self }.ordered()
    }

    fn ordered(self) -> Result<Self, InvalidSetting> {
        if self.min <= self.max {
            Ok(self)
        } else {
            Err(InvalidSetting(
                "the least length of a password is above the greatest",
            ))
        }
    }

    /// Refuses these as well, in the variations that the built-in list is refused in: the passwords of another language, or
    /// words that everybody here thinks of.
    #[must_use]
    pub fn refusing<'a>(mut self, passwords: impl IntoIterator<Item = &'a str>) -> Self {
        let refused = Arc::make_mut(&mut self.refused);
        refused.extend(passwords.into_iter().map(|password| {
            let folded: String = common::fold(password).collect();
            folded.into_boxed_str()
        }));
        self
    }

    /// Asks `zxcvbn` as well, which has a list of 30,000 passwords and knows names and dates, and refuses what it guesses in less
    /// than 100,000 tries. Worth it where eight characters are enough; passwords of fifteen are hardly ever in its list.
    ///
    /// It leaves pieces of the password in memory, looks at 100 characters, and takes a millisecond, or 20 at its first use.
    #[cfg(feature = "password-zxcvbn")]
    #[must_use]
    pub fn zxcvbn(mut self) -> Self {
        self.zxcvbn = true;
        self
    }

    /// Whether `password` may be chosen. Breaches are not looked at. It takes some microseconds, and
    /// milliseconds for a thousand characters: [`Passwords`](super::Passwords) does it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// The kind `Length`, of anything but 1 to 1,024 bytes; else `Refused`, with all that is wrong with it.
    pub fn check(&self, password: &Password, words: &ContextWords) -> Result<(), PasswordError> {
        let normal = form::nfc(form::received(password)?);
        // It was a string before it was normalised.
        let text = str::from_utf8(normal.expose_secret()).unwrap_or_default();
        let chars = Zeroizing::new(text.chars().collect::<Vec<_>>());

        let mut rejection = Rejection::default();
        if chars.len() < self.min {
            rejection.add(Reason::TooShort { min: self.min });
        }
        if chars.len() > self.max {
            rejection.add(Reason::TooLong { max: self.max });
        }
        if common::is_repeated(&chars, self.min) {
            rejection.add(Reason::Repeated);
        } else if self.is_mostly(words, &chars) {
            rejection.add(Reason::ContextWord);
        } else if let Some(reason) = self.first_tried(text) {
            rejection.add(reason);
        }
        rejection.into_result()
    }

    /// Whether there is nothing to guess in `password` for one who knows the words.
    fn is_mostly(&self, words: &ContextWords, password: &[char]) -> bool {
        words.without(password).is_some_and(|rest| {
            let text = Zeroizing::new(rest.iter().collect::<String>());
            // What stands between names is not what somebody thought of: `jane-doe-example-com` leaves three letters.
            let bare = rest.iter().filter(|char| char.is_alphanumeric());
            let bare = Zeroizing::new(bare.collect::<String>());
            common::is_decoration(&rest)
                || common::is_repeated(&rest, self.min)
                || self.first_tried(&text).is_some()
                || self.first_tried(&bare).is_some()
        })
    }

    fn first_tried(&self, text: &str) -> Option<Reason> {
        if common::is_common(text, &self.refused) {
            Some(Reason::Common)
        } else if estimate_bits(text.as_bytes()) < PREDICTABLE_BITS || self.is_known_to_zxcvbn(text)
        {
            Some(Reason::Predictable)
        } else {
            None
        }
    }

    #[cfg(feature = "password-zxcvbn")]
    fn is_known_to_zxcvbn(&self, text: &str) -> bool {
        self.zxcvbn && zxcvbn::zxcvbn(text, &[]).guesses_log10() < ZXCVBN_LOG10
    }

    #[cfg(not(feature = "password-zxcvbn"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn is_known_to_zxcvbn(&self, _: &str) -> bool {
        false
    }
}

impl fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPolicy")
            .field("min", &self.min)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}
