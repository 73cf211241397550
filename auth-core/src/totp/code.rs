//! Codes and secrets: RFC 6238 with SHA-1, six digits and 30 seconds, which is what all authenticator apps can do.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_secrets::zeroize::Zeroizing;
use portcullis_secrets::{SecretBytes, SecretError, SecretString};
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::time::Timestamp;

/// How long a code is the current one: 30 seconds, the time step that RFC 6238 5.2 recommends.
pub const PERIOD: Duration = Duration::from_secs(30);

/// The length of a secret: that of the hash, as RFC 4226 (R6) recommends.
const SECRET_BYTES: usize = 20;

const DIGITS: usize = 6;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The number of the period that `now` is in, counted from 1970: T of RFC 6238.
pub(super) fn step(now: Timestamp) -> i64 {
    let period = i64::try_from(PERIOD.as_secs()).unwrap_or(i64::MAX);
    now.as_secs() / period
}

/// Six digits that somebody typed, the fewest that RFC 4226 (R4) allows and all that most authenticators show.
pub struct Code([u8; DIGITS]);

impl Code {
    /// Reads six ASCII digits; ASCII spaces and hyphens between and around them are left out. None for everything else, other
    /// digits of Unicode included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = [0; DIGITS];
        let mut typed = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        for digit in &mut code {
            *digit = typed.next().filter(u8::is_ascii_digit)?;
        }
        typed.next().is_none().then_some(Self(code))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([REDACTED])")
    }
}

/// Which codes count besides the current one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// Also the one before and the one after: for devices whose clock is off by half a minute, and for slow hands
    /// (RFC 6238 5.2).
    #[default]
    Adjacent,
    /// None (ASVS 5.0 6.5.5): a code is good for 30 seconds at most.
    Strict,
}

impl Window {
    fn reach(self) -> i64 {
        match self {
            Self::Adjacent => 1,
            Self::Strict => 0,
        }
    }
}

/// What a code matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// A step that is newer than the last that was accepted.
    Fresh {
        /// The step: how many [`PERIOD`]s after the start of 1970 it began (T of RFC 6238 4.2).
        step: i64,
        /// How far the device's clock is from ours, in steps: -1, 0 or 1.
        drift: i8,
    },
    /// Only steps that are not: somebody uses a code again.
    Replay,
    /// None.
    Nothing,
}

/// The key that an authenticator and we share, for HMAC-SHA-1 (RFC 4226 5.3, RFC 6238).
pub struct TotpSecret(SecretBytes);

impl TotpSecret {
    /// 20 bytes from the operating system, as RFC 4226 (R6) recommends.
    ///
    /// # Errors
    ///
    /// When it has no randomness.
    pub fn generate() -> Result<Self, SecretError> {
        SecretBytes::generate(SECRET_BYTES).map(Self)
    }

    /// The one with these bytes, from another system. None if there are fewer than the 16 that RFC 4226 (R6) requires, or more
    /// than the 64 that HMAC-SHA-1 takes without hashing them first.
    #[must_use]
    pub fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        let len = bytes.expose(<[u8]>::len);
        (16..=64).contains(&len).then_some(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &SecretBytes {
        &self.0
    }

    /// As people type it where they cannot scan it: base32 (RFC 4648 6) without padding.
    pub fn to_base32(&self) -> SecretString {
        self.0.expose(|bytes| {
            let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
            for group in bytes.chunks(5) {
                let mut bits = [0; 8];
                bits[3..3 + group.len()].copy_from_slice(group);
                let bits = u64::from_be_bytes(bits);
                for digit in 0..(group.len() * 8).div_ceil(5) {
                    let index = (bits >> (35 - 5 * digit)) & 31;
                    let index = usize::try_from(index).unwrap_or_default();
                    text.push(char::from(BASE32[index]));
                }
            }
            text.into()
        })
    }

    /// The code of the period that `now` is in, as an authenticator shows it.
    #[must_use]
    pub fn code_at(&self, now: Timestamp) -> Code {
        self.code(step(now))
    }

    /// Compares `code` with all steps of the window, each in constant time, and takes the newest of those that match. Only
    /// steps after `last_step` are [fresh](Match::Fresh); before the first code it is -1.
    #[must_use]
    pub fn check(&self, code: &Code, now: Timestamp, window: Window, last_step: i64) -> Match {
        let current = step(now);
        let (mut fresh, mut used) = (Choice::from(0), Choice::from(0));
        let mut newest = 0;
        for step in current - window.reach()..=current + window.reach() {
            let equal = self.code(step).0.ct_eq(&code.0);
            // The last step is no secret.
            let is_new = Choice::from(u8::from(step > last_step));
            newest.conditional_assign(&step, equal & is_new);
            fresh |= equal & is_new;
            used |= equal & !is_new;
        }
        if fresh.into() {
            let drift = i8::try_from(newest - current).unwrap_or_default();
            return Match::Fresh {
                step: newest,
                drift,
            };
        }
        if used.into() {
            Match::Replay
        } else {
            Match::Nothing
        }
    }

    fn code(&self, step: i64) -> Code {
        let mut rest = self.truncated(step) % 10_u32.pow(6);
        let mut code = [0; DIGITS];
        for digit in code.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Code(code)
    }

    /// RFC 4226 5.3.
    fn truncated(&self, step: i64) -> u32 {
        let mut mac = self.0.expose(|key| {
            Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length")
        });
        mac.update(&step.to_be_bytes());
        let hash = Zeroizing::new(<[u8; 20]>::from(mac.finalize().into_bytes()));
        let offset = usize::from(hash[19] & 15);
        let mut four = [0; 4];
        four.copy_from_slice(&hash[offset..offset + 4]);
        u32::from_be_bytes(four) & 0x7fff_ffff
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([REDACTED])")
    }
}

/// For tests and for command lines that stand in for an authenticator.
impl Code {
    /// The six digits.
    #[must_use]
    pub fn expose_digits(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(SecretBytes::from(&b"12345678901234567890"[..])).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        for (seconds, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            let secret = rfc_secret();
            assert_eq!(secret.truncated(step(at(seconds))) % 100_000_000, code);
            let six = format!("{:06}", code % 1_000_000);
            assert_eq!(secret.code_at(at(seconds)).expose_digits(), six);
        }
    }

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(rfc_secret().code(step).expose_digits(), code);
        }
    }

    #[test]
    fn a_secret_is_written_as_rfc_4648_says() {
        let base32 = |bytes: &[u8]| {
            let secret = TotpSecret(SecretBytes::from(bytes));
            String::from(secret.to_base32().expose_secret())
        };
        for (bytes, text) in [
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
            ("12345678901234567890", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        let secret = TotpSecret::generate().unwrap();
        assert_eq!(secret.to_base32().expose(str::len), 32);
        assert_eq!(format!("{secret:?}"), "TotpSecret([REDACTED])");
        assert!(TotpSecret::from_bytes(SecretBytes::from(&[7; 15][..])).is_none());
    }

    #[test]
    fn what_people_type_is_six_digits() {
        for (text, valid) in [
            ("755224", true),
            (" 755 224 ", true),
            ("755-224", true),
            ("7-5-5-2-2-4-", true),
            ("000000", true),
            ("", false),
            ("75522", false),
            ("7552244", false),
            ("755224\n", false),
            ("755\t224", false),
            ("+755224", false),
            ("-755224", true),
            ("75522４", false),
            ("７５５２２４", false),
            ("٧٥٥٢٢٤", false),
            ("755 224", true),
            ("755\u{a0}224", false),
            ("0x5522", false),
        ] {
            assert_eq!(Code::parse(text).is_some(), valid, "{text:?}");
        }
        let code = Code::parse("755 224").unwrap();
        assert_eq!(code.expose_digits(), "755224");
        assert_eq!(format!("{code:?}"), "Code([REDACTED])");
    }

    #[test]
    fn a_code_counts_for_its_step_and_those_beside_it_once() {
        let secret = rfc_secret();
        let now = at(1_790_000_010);
        let current = step(now);
        for (offset, window, last_step, expected) in [
            (0, Window::Strict, -1, Some(0)),
            (1, Window::Strict, -1, None),
            (-1, Window::Strict, -1, None),
            (0, Window::Adjacent, -1, Some(0)),
            (-1, Window::Adjacent, -1, Some(-1)),
            (1, Window::Adjacent, -1, Some(1)),
            (-2, Window::Adjacent, -1, None),
            (2, Window::Adjacent, -1, None),
            (0, Window::Adjacent, current - 1, Some(0)),
            (1, Window::Adjacent, current, Some(1)),
        ] {
            let code = secret.code(current + offset);
            let found = secret.check(&code, now, window, last_step);
            let expected = expected.map_or(Match::Nothing, |drift| Match::Fresh {
                step: current + i64::from(drift),
                drift,
            });
            assert_eq!(found, expected, "{offset} {window:?} {last_step}");
        }
        // AUTH case 45: the same again, and an older one after a newer one.
        for (offset, last_step) in [
            (0, current),
            (-1, current),
            (-1, current - 1),
            (1, current + 1),
        ] {
            let code = secret.code(current + offset);
            let found = secret.check(&code, now, Window::Adjacent, last_step);
            assert_eq!(found, Match::Replay, "{offset} {last_step}");
        }
    }

    #[test]
    fn of_two_steps_with_the_same_code_the_newest_counts() {
        // Found by search: the first two steps in a row of the secret of RFC 6238 that have one code.
        let (secret, first) = (rfc_secret(), 910_737);
        assert_eq!(secret.code(first).0, secret.code(first + 1).0);
        let now = at(first * 30);
        let code = secret.code(first);
        let newest = Match::Fresh {
            step: first + 1,
            drift: 1,
        };
        assert_eq!(secret.check(&code, now, Window::Adjacent, -1), newest);
        assert_eq!(secret.check(&code, now, Window::Adjacent, first), newest);
        let strict = Match::Fresh {
            step: first,
            drift: 0,
        };
        assert_eq!(secret.check(&code, now, Window::Strict, -1), strict);
        assert_eq!(
            secret.check(&code, now, Window::Adjacent, first + 1),
            Match::Replay
        );
    }

    proptest! {
        #[test]
        fn only_what_has_six_digits_is_a_code(text in "[0-9 -]{0,9}|\\PC{0,9}") {
            let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            let six = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
            let code = Code::parse(&text);
            prop_assert_eq!(code.is_some(), six);
            if let Some(code) = code {
                prop_assert_eq!(code.expose_digits(), digits);
            }
        }

        #[test]
        fn no_step_is_accepted_twice(times in prop::collection::vec(0_i64..40, 1..40)) {
            let secret = rfc_secret();
            let (mut now, mut last) = (1_790_000_000, -1);
            for pause in times {
                now += pause;
                for offset in -2..=2 {
                    let code = secret.code(step(at(now)) + offset);
                    if let Match::Fresh { step: new, .. } = secret.check(&code, at(now), Window::Adjacent, last) {
                        prop_assert!(new > last);
                        last = new;
                    }
                }
            }
        }
    }
}
