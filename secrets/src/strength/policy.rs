use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;

use super::estimate::Estimate;
use super::published;

/// What an estimate in bits is worth. The thresholds lie below what random keys of 128 and 256 bits come out at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the four answers are the point")]
pub enum Level {
    /// Below 64 bits: can be guessed.
    Reject,
    /// From 64 and below 80 bits: no generated key of 128 bits comes out here.
    Weak,
    /// From 80 and below 192 bits: may be a key of 128 bits.
    Ok128,
    /// From 192 bits: may be a key of 256 bits.
    Ok256,
}

impl Level {
    /// The level of an estimate, such as that of [`estimate_bits`](super::estimate_bits).
    #[must_use]
    pub fn of(bits: f64) -> Self {
        match bits {
            192.0.. => Self::Ok256,
            80.0.. => Self::Ok128,
            64.0.. => Self::Weak,
            _ => Self::Reject,
        }
    }
}

/// The main reason why a secret is weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weakness {
    /// It has too few characters, for the policy or for what they are.
    TooShort,
    /// Most of it repeats what was there before, counts, or runs along a keyboard.
    Repetitive,
    /// It has few different characters, or some of them far more often than others.
    FewSymbols,
    /// The steps from one character to the next are mostly the same.
    Regular,
    /// It is made of words.
    Words,
    /// It is printed in a standard, a manual or a tutorial.
    Published,
    /// `zxcvbn` guesses it in less than 10^12 tries.
    Guessable,
}

/// Which secrets are good enough.
///
/// ```
/// use portcullis_secrets::strength::{Level, StrengthPolicy, Weakness};
///
/// let key = b"5f1c8a0be27d94360ac17be85d02f94b";
/// assert_eq!(StrengthPolicy::signing().check(key), Ok(Level::Ok128));
/// assert_eq!(StrengthPolicy::ok256().check(key), Err(Weakness::TooShort));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StrengthPolicy {
    min_level: Level,
    min_chars: Option<NonZeroUsize>,
    #[cfg(feature = "zxcvbn")]
    zxcvbn: bool,
}

impl StrengthPolicy {
    /// For secrets that sign: [`ok128`](Self::ok128), and 32 characters at least (bytes, if it is no text). RFC 7518
    /// section 3.2 asks for as many in keys of HS256.
    pub const fn signing() -> Self {
        const CHARS: NonZeroUsize = NonZeroUsize::new(32).expect("32 is not zero");
        Self::ok128().min_chars(CHARS)
    }

    /// For any key: what may have 128 bits passes.
    pub const fn ok128() -> Self {
        Self {
            min_level: Level::Ok128,
            min_chars: None,
            #[cfg(feature = "zxcvbn")]
            zxcvbn: false,
        }
    }

    /// For long-lived keys: only what may have 256 bits passes.
    pub const fn ok256() -> Self {
        let mut policy = Self::ok128();
        policy.min_level = Level::Ok256;
        policy
    }

    /// Refuses secrets of fewer characters, however random they are. Of a secret that is no UTF-8 text, bytes count.
    pub const fn min_chars(mut self, chars: NonZeroUsize) -> Self {
        self.min_chars = Some(chars);
        self
    }

    /// Asks `zxcvbn` as well, which knows more names, dates and passwords, and refuses what it guesses in less than
    /// 10^12 tries.
    ///
    /// Not a part of the other policies: `zxcvbn` leaves pieces of the secret in memory, and long secrets that it refuses
    /// are hardly ever strong to the rest of the policy. It looks at 100 characters and takes a millisecond, or 20 at its
    /// first use; in a build without optimisation ten times that.
    #[cfg(feature = "zxcvbn")]
    pub const fn zxcvbn(mut self) -> Self {
        self.zxcvbn = true;
        self
    }

    /// The level of `secret`, or why it is refused.
    ///
    /// # Errors
    ///
    /// The main reason why `secret` is not good enough.
    pub fn check(&self, secret: &[u8]) -> Result<Level, Weakness> {
        let text = str::from_utf8(secret);
        let chars = text.map_or(secret.len(), |text| text.chars().count());
        if self.min_chars.is_some_and(|min| chars < min.get()) {
            return Err(Weakness::TooShort);
        }
        if published::contains(secret) {
            return Err(Weakness::Published);
        }
        let estimate = Estimate::of(secret);
        let level = Level::of(estimate.bits);
        if level < self.min_level {
            return Err(estimate.weakness);
        }
        if has_few_symbols(secret) {
            return Err(Weakness::FewSymbols);
        }
        #[cfg(feature = "zxcvbn")]
        if self.zxcvbn && text.is_ok_and(|text| zxcvbn::zxcvbn(text, &[]).guesses_log10() < 12.0) {
            return Err(Weakness::Guessable);
        }
        Ok(level)
    }

    /// Refuses a weak secret with a sentence for whoever starts the service: which setting, what is wrong with it, and
    /// how to make a good one. `name` is the name of the setting.
    ///
    /// # Errors
    ///
    /// That sentence.
    pub fn require(&self, name: &str, secret: &[u8]) -> Result<(), WeakSecret> {
        self.check(secret).map(drop).map_err(|weakness| WeakSecret {
            name: name.to_owned(),
            weakness,
            min_chars: self.min_chars,
        })
    }
}

/// Eight different symbols are in every random key; one of few symbols to choose from needs less variety.
fn has_few_symbols(secret: &[u8]) -> bool {
    let mut there = [false; 256];
    for byte in secret {
        there[usize::from(*byte)] = true;
    }
    let different = there.iter().filter(|there| **there).count();
    let all = |symbol: fn(&u8) -> bool| secret.iter().all(symbol);
    // Of 32 random hexadecimal digits, one text in 27 million has seven different ones.
    let fewest = match (all(u8::is_ascii_digit), all(u8::is_ascii_hexdigit)) {
        (true, _) => 5,
        (_, true) => 6,
        _ => 8,
    };
    different < fewest
}

/// [`StrengthPolicy::require`] with the policy for secrets that [sign](StrengthPolicy::signing).
///
/// # Errors
///
/// The sentence that says what is wrong, and what to do about it.
pub fn require_strong(name: &str, secret: &[u8]) -> Result<(), WeakSecret> {
    StrengthPolicy::signing().require(name, secret)
}

/// A secret of the configuration is not good enough. Shows nothing of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeakSecret {
    name: String,
    weakness: Weakness,
    min_chars: Option<NonZeroUsize>,
}

impl WeakSecret {
    /// The setting that holds the secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with the secret.
    #[must_use]
    pub fn weakness(&self) -> Weakness {
        self.weakness
    }
}

impl fmt::Display for WeakSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, .. } = self;
        write!(f, "{name} is too weak: ")?;
        match (self.weakness, self.min_chars) {
            (Weakness::TooShort, Some(min)) => {
                write!(f, "it is too short, {min} characters are the least")
            }
            (Weakness::TooShort, None) => f.write_str("it is too short"),
            (Weakness::Repetitive, _) => f.write_str("it repeats itself or counts"),
            (Weakness::FewSymbols, _) => f.write_str("it has too few different characters"),
            (Weakness::Regular, _) => f.write_str("it follows a regular pattern"),
            (Weakness::Words, _) => f.write_str("it is made of words"),
            (Weakness::Published, _) => f.write_str("it is printed in public documents"),
            (Weakness::Guessable, _) => f.write_str("guessing programs find it"),
        }?;
        f.write_str("; make a strong one with `openssl rand -base64 48`")
    }
}

impl Error for WeakSecret {}
